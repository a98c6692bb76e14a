"""The page that shows what a repair will rerun."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.console.forms import Control, Form
from flask_lakeflow_jobs.local import Address
from flask_lakeflow_jobs.testing import Drop, FaultyWorkspace, Refusal
from tests.clocks import FakeClock
from tests.console.conftest import MakeShop
from tests.console.support import OWN, run, shop_app, start, text_of
from tests.support import RunGate


class Failing(Schema):
    """Parameters of ``broken``, of which a repair needs none."""

    day = fields.Date(required=True)
    full = fields.Boolean(load_default=False)
    apiToken = fields.String()  # noqa: N815
    tags = fields.Dict()


@pytest.fixture
def app(fault_proxy: FaultyWorkspace, tmp_path: Path) -> Flask:
    jobs = {"broken": {"params": Failing, "task_type": "job"}}
    return shop_app(fault_proxy, tmp_path / "instance", jobs=jobs)


def test_repair_page_lists_first_the_tasks_that_failed_chosen(app: Flask) -> None:
    run_id = run(app, "flaky")
    page = app.test_client().get(f"/jobs/flaky/runs/{run_id}/repair")
    assert page.status_code == 200
    chosen = re.findall(r'name="~task" value="(\w+)"( checked)?', page.text)
    assert chosen == [("load", " checked"), ("report", " checked"), ("fetch", "")]
    assert str(run_id) not in text_of(page.text)  # its start names it
    assert "load failed after fetch" in text_of(page.text)
    link = f'href="/jobs/flaky/runs/{run_id}/repair"'
    assert link in app.test_client().get(f"/jobs/flaky/runs/{run_id}").text


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"~task": ["load", "report"]}, {"rerun_all_failed_tasks": True}),
        ({"~task": ["report"]}, {"rerun_tasks": ["report"]}),
        (
            {"~task": ["fetch"], "~dependents": "true"},
            {"rerun_tasks": ["fetch"], "rerun_dependent_tasks": True},
        ),
    ],
)
def test_repair_form_reruns_the_chosen_tasks(
    app: Flask, fault_proxy: FaultyWorkspace, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    url = f"/jobs/flaky/runs/{run(app, 'flaky')}"
    response = app.test_client().post(f"{url}/repair", data={"~choice": "1", **sent}, headers=OWN)
    assert (response.status_code, response.location) == (303, url)
    (request,) = fault_proxy.find_requests("POST", "runs/repair")
    found = {name: value for name, value in request.body.items() if name.startswith("rerun")}
    assert found == expected


def test_repair_form_sends_only_other_parameters(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    given = {"day": "2026-11-20", "apiToken": "s3cret"}
    url = f"/jobs/broken/runs/{run(app, 'broken', given)}/repair"
    client = app.test_client()
    page = client.get(url).text
    assert 'value="2026-11-20"' in page
    assert "s3cret" not in page
    data = {"~choice": "1", "~task": "only", "day": "2026-11-21"}
    wrong = client.post(url, data={**data, "day": "soon"}, headers=OWN)
    assert wrong.status_code == 400
    assert "Enter a date, such as 2026-11-23." in wrong.text
    assert 'value="soon"' in wrong.text
    unreadable = client.post(url, data={**data, "tags": "{"}, headers=OWN)
    assert unreadable.status_code == 400
    assert "This is not valid JSON" in unreadable.text
    assert client.post(url, data=data, headers=OWN).status_code == 303
    (request,) = fault_proxy.find_requests("POST", "runs/repair")
    expected = {"day": "2026-11-21", "full": "false", "apiToken": "s3cret"}
    assert request.body["job_parameters"] == expected


def test_repair_form_without_tasks_is_refused(app: Flask, fault_proxy: FaultyWorkspace) -> None:
    url = f"/jobs/flaky/runs/{run(app, 'flaky')}/repair"
    refused = app.test_client().post(url, data={"~choice": "1"}, headers=OWN)
    assert refused.status_code == 400
    assert "Choose at least one task." in refused.text
    assert not fault_proxy.find_requests("POST", "runs/repair")


def test_repair_form_that_the_workspace_cannot_take_now_keeps_values(
    shop: Address, tmp_path: Path, clock: FakeClock
) -> None:
    jobs = {"broken": {"params": Failing, "task_type": "job"}}
    run_id = run(shop_app(shop, tmp_path / "first", jobs=jobs), "broken", {"day": "2026-11-20"})
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance", jobs=jobs, clock=clock)
        url, client = f"/jobs/broken/runs/{run_id}/repair", app.test_client()
        fault_proxy.fail(Refusal(429), path="runs/repair")
        data = {"~choice": "1", "~task": "only", "~dependents": "true", "day": "2026-11-21"}
        failed = client.post(url, data=data, headers=OWN)
        assert failed.status_code == 429
        assert "Nothing was rerun." in failed.text
        assert 'value="2026-11-21"' in failed.text
        assert 'name="~dependents" value="true" checked' in failed.text
        fault_proxy.clear_faults()
        assert client.post(url, data=data, headers=OWN).status_code == 303


@pytest.mark.parametrize("accepted", [True, False])
def test_repair_form_that_may_have_been_carried_out_is_an_error_page(
    shop: Address, tmp_path: Path, clock: FakeClock, accepted: bool
) -> None:
    url = f"/jobs/flaky/runs/{run(shop_app(shop, tmp_path / 'first'), 'flaky')}/repair"
    with FaultyWorkspace(shop) as fault_proxy:
        app = shop_app(fault_proxy, tmp_path / "instance", clock=clock)
        fault_proxy.fail(Drop(accepted=accepted), path="runs/repair")
        data = {"~choice": "1", "~task": "load"}
        failed = app.test_client().post(url, data=data, headers=OWN)
    assert failed.status_code in (502, 503, 504)
    assert "Nothing was rerun." not in failed.text


def test_repair_form_needs_the_permission_to_view(make_shop: MakeShop) -> None:
    app = make_shop(policy=lambda user, action, job: action != "view")
    url = f"/jobs/flaky/runs/{run(app, 'flaky')}/repair"
    client = app.test_client()
    pages = [client.get(url), client.post(url, data={"~choice": "1"}, headers=OWN)]
    assert [page.status_code for page in pages] == [403, 403]
    assert not any("load" in page.text for page in pages)


def test_repair_page_of_active_run_is_a_conflict(app: Flask, run_gate: RunGate) -> None:
    run_id = start(app, "gated", run_gate.params)
    page = app.test_client().get(f"/jobs/gated/runs/{run_id}/repair")
    assert page.status_code == 409
    with app.app_context():
        current_jobs["gated"].cancel_run(run_id)


def test_changes_of_a_form_ignore_what_a_browser_makes() -> None:
    before = Form([Control("lines", "", "lines", value="a\nb"), Control("box", "", "checkbox")])
    same = before.with_sent({"lines": "a\r\nb"})
    assert same.changes_from(before).fields == []
    changed = before.with_sent({"lines": "a", "box": "true"})
    assert changed.changes_from(before).params({"lines": "a", "box": "true"}) == {
        "lines": ["a"],
        "box": True,
    }
