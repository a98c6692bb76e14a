"""Parts of the console in pages of the host, and the host's frame around its pages."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from flask import Flask, g, render_template_string, url_for
from jinja2 import DictLoader

from flask_lakeflow_jobs import NotAllowed
from flask_lakeflow_jobs.console.rendering import CONTENT_SECURITY_POLICY
from tests.console.support import OWN, run, start, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tests.console.conftest import MakeShop
    from tests.support import RunGate

HTMX = {"HX-Request": "true"}


def render_in_host(app: Flask, template: str) -> str:
    with app.test_request_context():
        return render_template_string(template)


def test_job_cards_show_viewable_jobs_that_were_asked_for(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: job != "broken")
    assert render_in_host(app, "{{ lakeflow_job_cards() }}").count("<article") == 6
    some = render_in_host(app, "{{ lakeflow_job_cards('broken', 'flaky', 'nowhere') }}")
    assert some.count("<article") == 1
    assert "broken" not in some
    assert render_in_host(app, "{{ lakeflow_job_cards('broken') }}") == ""
    assert app.test_client().get("/jobs/~cards?key=broken&key=flaky").text.count("<article") == 1


def test_fragments_are_no_pages_and_are_not_cached(app: Flask) -> None:
    client, run_id = app.test_client(), run(app, "broken")
    for path in ("~cards", f"broken/runs/{run_id}/fragment"):
        response = client.get(f"/jobs/{path}")
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.text.startswith('<div class="lakeflow ')
        assert "<html" not in response.text
        assert ' lang="en"' in response.text, "the page around it may be in another language"


def test_fragment_of_ended_run_tells_htmx_to_stop_polling(app: Flask, run_gate: RunGate) -> None:
    client = app.test_client()
    ended = f"/jobs/broken/runs/{run(app, 'broken')}/fragment"
    active = f"/jobs/gated/runs/{start(app, 'gated', run_gate.params)}/fragment"
    responses = [
        client.get(ended, headers=HTMX),
        client.get(ended),
        client.get(active, headers=HTMX),
    ]
    run_gate.open()
    assert [each.status_code for each in responses] == [286, 200, 200]
    assert all(each.headers["Vary"] == "HX-Request" for each in responses)


@pytest.mark.parametrize(
    ("path", "status"), [("broken/runs/7", 404), ("nowhere/runs/7", 404), ("broken/runs/x", 400)]
)
def test_fragment_error_is_a_fragment(app: Flask, path: str, status: int) -> None:
    response = app.test_client().get(f"/jobs/{path}/fragment")
    assert response.status_code == status
    assert response.text.startswith('<div class="lakeflow lf-notice"')


def test_fragments_for_a_user_who_cannot_be_identified(make_shop: MakeShop) -> None:
    def load_user() -> None:
        raise NotAllowed("No.")

    app = make_shop(user_loader=load_user, policy=lambda user, action, job: True)
    assert render_in_host(app, "{{ lakeflow_job_cards() }}") == ""
    assert app.test_client().get("/jobs/~cards").status_code == 403


def test_page_url_leads_to_pages_of_the_host(make_shop: MakeShop) -> None:
    def page_url(page: str, values: Mapping[str, Any]) -> str | None:
        if page == "show_jobs":
            return "/own"
        return url_for("own_run", **values) if page == "show_run" else None

    app = make_shop(page_url=page_url)
    app.add_url_rule("/own/<key>/<int:run_id>", "own_run", lambda key, run_id: "")
    client, run_id = app.test_client(), run(app, "broken")
    card = client.get("/jobs/~cards?key=broken").text
    assert f'href="/own/broken/{run_id}"' in card
    assert 'href="/jobs/broken"' in card
    assert 'data-reloads="/jobs/?bare=1' in card, "the script asks for a part of the console"
    assert 'href="/own"' in client.get("/jobs/broken").text
    assert f"/jobs/broken/runs/{run_id}" not in card.replace("/api/jobs", "")
    fragment = client.get(f"/jobs/broken/runs/{run_id}/fragment").text
    assert f'data-live="/jobs/broken/runs/{run_id}/live"' in fragment
    sent = client.post("/jobs/broken/run", headers=OWN)
    assert sent.location.startswith("/own/broken/")
    repaired = client.post(f"/jobs/broken/runs/{run_id}/repair", headers=OWN)
    assert repaired.location == f"/own/broken/{run_id}"


def test_page_url_that_fails_leaves_the_pages_of_the_console(
    make_shop: MakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    def page_url(page: str, values: Mapping[str, Any]) -> str | None:
        raise KeyError(page)

    client = make_shop(page_url=page_url).test_client()
    sent = client.post("/jobs/broken/run", headers=OWN)
    assert sent.location.startswith("/jobs/broken/runs/")
    assert client.get("/jobs/nowhere").status_code == 404
    assert "page_url failed" in caplog.text


LAYOUT = """<!doctype html><html lang=en><head><title>{% block title %}{% endblock %}</title>
<style nonce="{{ nonce() }}">body { color: red }</style>{% block styles %}{% endblock %}</head>
<body>{% block content %}{% endblock %}</body></html>"""

FRAME = """{% extends "layout.html" %}
{% block styles %}{{ lakeflow_head() }}{% block head %}{% endblock %}{% endblock %}
{% block content %}
<main class="lakeflow" id="lf-main">{% block main %}{% endblock %}</main>
{% endblock %}"""


def test_console_in_hosts_frame_allows_its_nonce(make_shop: MakeShop) -> None:
    def nonce() -> str:
        if "nonce" not in g:
            g.nonce = secrets.token_urlsafe()
        return str(g.nonce)

    app = make_shop(csp_nonce=nonce)
    app.jinja_env.globals["nonce"] = nonce
    app.jinja_loader = DictLoader({"layout.html": LAYOUT, "lakeflow_jobs/base.html": FRAME})
    client = app.test_client()
    for path in ("", "/hourly", "/hourly/run", f"/hourly/runs/{run(app, 'hourly')}", "/nowhere"):
        page = client.get(f"/jobs{path}")
        sent = page.text.split('<style nonce="')[1].split('"')[0]
        policy = page.headers["Content-Security-Policy"]
        assert f"; style-src 'self' 'nonce-{sent}'" in policy
        assert policy.startswith("default-src 'self'; base-uri 'none'")
        assert "~static/console.js" in page.text, path
        assert "<h1" in page.text
        assert "<title></title>" not in page.text
    assert "jobs" in text_of(client.get("/jobs").text).lower()


@pytest.mark.parametrize("nonce", ["x' *", "", None])
def test_csp_nonce_that_is_no_nonce_is_not_used(
    make_shop: MakeShop, caplog: pytest.LogCaptureFixture, nonce: Any
) -> None:
    page = make_shop(csp_nonce=lambda: nonce).test_client().get("/jobs")
    assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "csp_nonce returned" in caplog.text
