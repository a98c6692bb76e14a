"""The page with the form that starts a run: what it chooses besides parameters, and its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.console.forms import Control, Form
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.console.conftest import MakeShop
from tests.console.support import OWN, run, shop_app, text_of


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({}, {}),
        ({"~only": ["fetch", "load"]}, {"only": ["fetch", "load"]}),
        ({"~queue": "wait"}, {"queue": {"enabled": True}}),
        ({"~queue": "skip"}, {"queue": {"enabled": False}}),
        ({"~queue": "later", "~target": ""}, {}),
        ({"~target": "STANDARD"}, {"performance_target": "STANDARD"}),
    ],
)
def test_form_sends_tasks_queue_and_performance_target(
    fault_proxy: FaultyWorkspace, tmp_path: Path, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    client = shop_app(fault_proxy, tmp_path / "instance").test_client()
    assert client.post("/jobs/flaky/run", data=sent, headers=OWN).status_code == 303
    (request,) = fault_proxy.find_requests("POST", "run-now")
    choices = {"only", "queue", "performance_target"}
    assert {name: request.body[name] for name in choices & set(request.body)} == expected


def test_form_keeps_choices_when_it_is_refused(make_shop: MakeShop) -> None:
    client = make_shop().test_client()
    data = {"~only": ["load", "lost"], "~queue": "skip", "~target": "STANDARD"}
    refused = client.post("/jobs/flaky/run", data=data, headers=OWN)
    assert refused.status_code == 400
    assert "Has no task 'lost'." in text_of(refused.text)
    assert '<details class="lf-options" open>' in refused.text
    kept = re.findall(r'value="(\w+)" (?:checked|selected)', refused.text.partition("<main")[2])
    assert kept == ["load", "skip", "STANDARD"]
    unknown = client.post("/jobs/flaky/run", data={"~target": "TURBO"}, headers=OWN)
    assert unknown.status_code == 400
    assert "performance_target: Must be one of" in text_of(unknown.text)


def test_form_says_what_will_run_and_offers_last_values(make_shop: MakeShop) -> None:
    app = make_shop()
    client = app.test_client()
    run_id = run(app, "nightly", {"day": "2026-11-20"})
    page = client.get("/jobs/nightly/run").text
    assert re.search(
        r"What will run Tasks 8: orders, .* Last run succeeded .* Use its parameters", text_of(page)
    )
    assert "join Notebook, after clean, customers, returns" in text_of(page)
    again = f"/jobs/nightly/run?again={run_id}"
    assert f'href="{again}"' in page
    assert "Use its parameters" not in client.get(again).text


def test_form_names_the_job_as_its_definition_does(make_shop: MakeShop) -> None:
    page = make_shop().test_client().get("/jobs/broken/run").text
    assert "Run broken Broken boats" in text_of(page)


class Report(Schema):
    """Fields whose errors a form says in its own words."""

    day = fields.Date(required=True)
    at = fields.DateTime()
    there = fields.AwareDateTime()
    count = fields.Integer()
    ratio = fields.Float()
    name = fields.String(validate=validate.Length(min=1))
    mail = fields.Email(error_messages={"invalid": "Ask Ada."})


def test_form_errors_say_what_to_enter() -> None:
    data = {
        "at": "x",
        "there": "2026-11-23T06:00:00",
        "count": "1.5",
        "ratio": "x",
        "name": "",
        "mail": "x",
    }
    controls = [Control(name, name, "text") for name in ("day", *data)]
    error = InvalidParameters("No.", Report().validate(data))
    form = Form(controls).with_errors(error)
    assert {each.name: [*each.errors] for each in form.fields} == {
        "day": ["Enter a value."],
        "at": ["Enter a date and a time."],
        "there": ["Enter the offset, too, such as 2026-11-23T06:00:00+01:00."],
        "count": ["Enter a whole number."],
        "ratio": ["Enter a number."],
        "name": ["Enter a value."],
        "mail": ["Ask Ada."],
    }
