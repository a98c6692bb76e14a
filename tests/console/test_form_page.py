"""The page with the form that starts a run: what it chooses besides parameters, and its words."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.cli.options import parse_param
from flask_lakeflow_jobs.console.form_page import build_snippets
from flask_lakeflow_jobs.console.forms import Control, Form
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.console.conftest import MakeShop
from tests.console.support import OWN, run, shop_app, text_of

URL = "https://app.example/api/jobs/etl/run"

names = st.text(st.characters(exclude_categories=["C"], exclude_characters="="), min_size=1)

texts = st.text(st.characters(exclude_categories=["C"]))


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
    counts = fields.List(fields.Integer())
    limits = fields.Dict(values=fields.Integer())


def test_form_errors_say_what_to_enter() -> None:
    data = {
        "at": "x",
        "there": "2026-11-23T06:00:00",
        "count": "1.5",
        "ratio": "x",
        "name": "",
        "mail": "x",
        "counts": [1, "x"],
        "limits": {"rows": "x"},
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
        "counts": ["item 2: Enter a whole number."],
        "limits": ["rows: value: Enter a whole number."],
    }


def texts_of(params: dict[str, Any], key: str = "etl") -> dict[str, str]:
    return {each.title: each.text for each in build_snippets(key, params, URL)}


@given(st.dictionaries(names, texts))
def test_command_is_read_by_a_shell_as_the_same_parameters(params: dict[str, str]) -> None:
    words = shlex.split(texts_of(params)["Command line"])
    assert words[:4] == ["flask", "jobs", "run", "etl"]
    assert dict(parse_param(word) for word in words[4:] if word != "-p") == params


@given(st.dictionaries(names, texts | st.booleans() | st.lists(texts)))
def test_curl_sends_the_same_parameters(params: dict[str, Any]) -> None:
    words = shlex.split(texts_of(params)["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", URL]
    assert json.loads(words[-1]) == {"params": params}


@pytest.mark.parametrize(
    ("params", "command"),
    [
        ({}, "flask jobs run etl"),
        ({"full": True, "n": 5}, "flask jobs run etl -p full=true -p n=5"),
        ({"args": ["a b", "c"]}, "flask jobs run etl -p 'args=a b' -p args=c"),
        ({"a": {"b": 1}}, """echo '{"a": {"b": 1}}' | flask jobs run etl --params-file -"""),
    ],
)
def test_command_of_values_that_are_no_text(params: dict[str, Any], command: str) -> None:
    assert texts_of(params)["Command line"] == command


def test_python_calls_the_handle() -> None:
    assert texts_of({"day": "1"})["Python"] == "current_jobs['etl'].run_now({'day': '1'})"
    assert texts_of({})["Python"] == "current_jobs['etl'].run_now()"
