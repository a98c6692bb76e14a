"""The page with the actions of people, for those who may audit."""

from __future__ import annotations

import html
import re

import pytest
from flask import Flask

from flask_lakeflow_jobs.record.values import Action
from flask_lakeflow_jobs.web.run_list import PAGE_SIZE
from tests.console.conftest import MakeShop
from tests.console.support import run

AUDIT = "/jobs/~audit"


def test_audit_shows_actions_of_jobs_that_the_policy_allows(make_shop: MakeShop) -> None:
    app = make_shop(
        config={"LAKEFLOW_JOBS_RECORD_URL": True, "LAKEFLOW_JOBS_READ_ONLY": True},
        policy=lambda user, action, job: action != "audit" or job == "broken",
    )
    broken, flaky = run(app, "broken"), run(app, "flaky")
    text = app.test_client().get(AUDIT).text
    assert str(broken) in text
    assert "trigger" in text
    assert str(flaky) not in text
    assert 'rel="next"' not in app.test_client().get(AUDIT).text
    assert app.test_client().get(f"{AUDIT}?pageToken=x").status_code == 400
    assert f'href="{AUDIT}"' in app.test_client().get("/jobs/").text
    app.extensions["lakeflow_jobs"].record.database.close()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?job=flaky", ["flaky"]),
        ("?by=nobody", []),
        ("?from=2020-01-01", ["broken", "flaky"]),
        ("?to=2020-01-01", []),
        ("?outcome=no-filter-of-this-page", ["broken", "flaky"]),
    ],
)
def test_audit_filters_select_actions(make_shop: MakeShop, query: str, shown: list[str]) -> None:
    app = make_shop(
        config={"LAKEFLOW_JOBS_RECORD_URL": True},
        policy=lambda user, action, job: action != "audit" or job in ("broken", "flaky"),
    )
    runs = {key: run(app, key) for key in ("broken", "flaky")}
    text = app.test_client().get(f"{AUDIT}{query}").text
    assert [key for key in runs if f"/runs/{runs[key]}" in text] == shown
    app.extensions["lakeflow_jobs"].record.database.close()


def test_audit_is_404_for_those_who_may_not(make_shop: MakeShop) -> None:
    app = make_shop(
        config={"LAKEFLOW_JOBS_RECORD_URL": True}, policy=lambda user, action, job: action == "view"
    )
    assert app.test_client().get(AUDIT).status_code == 404
    assert AUDIT not in app.test_client().get("/jobs/").text


def test_audit_without_a_record_is_404_and_has_no_link(app: Flask) -> None:
    assert app.test_client().get(AUDIT).status_code == 404
    assert AUDIT not in app.test_client().get("/jobs/").text


def test_auditor_who_may_not_view_a_job_can_select_it_and_gets_no_links(
    make_shop: MakeShop,
) -> None:
    denied: list[str] = []
    app = make_shop(
        config={"LAKEFLOW_JOBS_RECORD_URL": True},
        policy=lambda user, action, job: action not in denied,
    )
    broken = run(app, "broken")
    assert f'href="/jobs/broken/runs/{broken}"' in app.test_client().get(AUDIT).text
    denied.append("view")
    response = app.test_client().get(f"{AUDIT}?job=broken")
    assert response.status_code == 200
    assert str(broken) in response.text
    assert f"/runs/{broken}" not in response.text
    app.extensions["lakeflow_jobs"].record.database.close()


def test_audit_links_no_run_of_a_former_id_of_its_job(make_shop: MakeShop) -> None:
    app = make_shop(config={"LAKEFLOW_JOBS_RECORD_URL": True})
    record = app.extensions["lakeflow_jobs"].record
    record.record_action(Action("cancel", "accepted", "broken", job_id=1, run_id=77))
    text = app.test_client().get(AUDIT).text
    assert "<td>77</td>" in text
    record.database.close()


def test_audit_offers_no_page_after_the_last_action(make_shop: MakeShop) -> None:
    app = make_shop(config={"LAKEFLOW_JOBS_RECORD_URL": True})
    record = app.extensions["lakeflow_jobs"].record
    for _ in range(PAGE_SIZE):
        record.record_action(Action("pause", "accepted", "broken", job_id=1))
    assert 'rel="next"' not in app.test_client().get(AUDIT).text
    record.record_action(Action("resume", "accepted", "broken", job_id=1))
    first = app.test_client().get(AUDIT).text
    assert first.count("<td>pause</td>") == PAGE_SIZE - 1
    older = html.unescape(re.findall(r'rel="next" href="([^"]+)"', first)[0])
    second = app.test_client().get(older).text
    assert second.count("<td>pause</td>") == 1
    assert 'rel="next"' not in second
    record.database.close()
