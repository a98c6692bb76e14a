"""The form of a job, and what a browser sends back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from enum import Enum

import pytest
from databricks.sdk.service.jobs import Job as SdkJob
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.console.forms import Form
from flask_lakeflow_jobs.console.job_form import build_form
from flask_lakeflow_jobs.errors import InvalidParameters
from tests.run_documents import build_job


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(Schema):
    a = fields.Integer()


class Everything(Schema):
    day = fields.Date(required=True)
    at = fields.DateTime()
    mail = fields.Email()
    page = fields.Url()
    count = fields.Integer(validate=validate.Range(1, 9), load_default=3)
    share = fields.Float()
    on = fields.Boolean(load_default=True)
    colour = fields.Enum(Colour, by_value=True)
    size = fields.String(validate=validate.OneOf(["s", "m"]), load_default="m")
    name = fields.String(
        validate=validate.Length(2, 8), metadata={"title": "Name", "description": "Hm."}
    )
    names = fields.List(fields.String())
    inner = fields.Nested(Inner)
    numbers = fields.List(fields.Integer())
    password = fields.String()
    pin = fields.String(load_default="1234", metadata={"secret": True})


def job(schema: Schema | None = None, task_type: str | None = "job") -> Job:
    return dataclasses.replace(build_job(), schema=schema, task_type=task_type)


def test_form_field_with_offset_is_a_text_input() -> None:
    schema = Schema.from_dict(
        {
            "at": fields.AwareDateTime(),
            "there": fields.AwareDateTime(default_timezone=dt.timezone.utc),
        }
    )
    form = build_form(job(schema()), None)
    assert controls(form) == {"at": "text", "there": "datetime-local"}
    assert "offset" in form.fields[0].help


def definition(**settings: object) -> SdkJob:
    return SdkJob.from_dict({"job_id": 7, "settings": settings})


def controls(form: Form) -> dict[str, str]:
    return {field.name: field.control for field in form.fields}


def test_form_has_a_control_for_each_schema_type() -> None:
    assert controls(build_form(job(Everything()), None)) == {
        "day": "date",
        "at": "datetime-local",
        "mail": "email",
        "page": "url",
        "count": "number",
        "share": "number",
        "on": "checkbox",
        "colour": "select",
        "size": "select",
        "name": "text",
        "names": "lines",
        "inner": "json",
        "numbers": "json",
        "password": "password",
        "pin": "password",
    }


def test_form_control_shows_schema_metadata() -> None:
    form = {field.name: field for field in build_form(job(Everything()), None).fields}
    assert form["day"].required
    assert not form["at"].required
    assert form["count"].value == "3"
    assert form["count"].attributes == {"step": "1", "min": "1", "max": "9"}
    assert form["share"].attributes["step"] == "any"
    assert form["on"].is_checked
    assert list(form["size"].choices) == ["s", "m"]
    assert form["size"].value == "m"
    assert (form["name"].label, form["name"].help) == ("Name", "Hm.")
    assert form["pin"].value == ""
    assert form["name"].attributes == {"minlength": "2", "maxlength": "8"}


def test_form_params_sent_by_browser_pass_the_schema() -> None:
    form = build_form(job(Everything()), None)
    params = form.params(
        {
            "day": "2025-01-02",
            "at": "2025-01-02T10:00:01",
            "count": "5",
            "names": "a\r\n\r\nb",
            "inner": '{"a": 1}',
            "mail": "",
            "other": "ignored",
        }
    )
    assert params == {
        "day": "2025-01-02",
        "at": "2025-01-02T10:00:01",
        "count": "5",
        "on": False,
        "names": ["a", "b"],
        "inner": {"a": 1},
    }
    assert Everything().load(params)["inner"] == {"a": 1}


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": NaN}'], ids=["cut", "deep", "NaN"])
def test_form_invalid_json_is_an_error_of_its_field(text: str) -> None:
    form = build_form(job(Everything()), None)
    sent = {"inner": text, "numbers": "[1]"}
    (message,) = form.find_unreadable(sent)["inner"]
    assert message.startswith("This is not valid JSON: ")
    assert form.params(sent) == {"on": False, "numbers": [1]}


class Flags(Schema):
    said = fields.Boolean(required=True)
    usual = fields.Boolean(load_default=False)
    maybe = fields.Boolean()
    null = fields.Boolean(allow_none=True, load_default=None)


def test_form_optional_flag_is_a_select() -> None:
    form = build_form(job(Flags()), None)
    assert controls(form) == {
        "said": "checkbox",
        "usual": "checkbox",
        "maybe": "select",
        "null": "select",
    }
    assert form.params({"maybe": "", "null": ""}) == {"said": False, "usual": False}
    assert Flags().load(form.params({"maybe": "false"}))["maybe"] is False


@pytest.mark.parametrize(
    ("text", "shown"), [("true", "true"), ("Yes", "true"), ("0", "false"), ("", ""), ("odd", "")]
)
def test_form_flag_accepts_marshmallow_spellings(text: str, shown: str) -> None:
    form = build_form(job(Flags()), None).with_values({"maybe": text, "usual": text})
    values = {field.name: field.value for field in form.fields}
    assert (values["maybe"], values["usual"]) == (shown, shown)


def test_form_shown_again_keeps_sent_values() -> None:
    sent = {"usual": "true", "maybe": "false"}
    values = {
        field.name: field.value for field in build_form(job(Flags()), None).with_sent(sent).fields
    }
    assert values == {"said": "false", "usual": "true", "maybe": "false", "null": ""}


def test_form_errors_are_at_fields_others_above() -> None:
    error = InvalidParameters(
        "No.", {"day": ["Bad day."], "names": {1: ["Bad name."]}, "_schema": ["Both."], "x": ["?"]}
    )
    form = build_form(job(Everything()), None).with_errors(error)
    by_name = {field.name: list(field.errors) for field in form.fields if field.errors}
    assert by_name == {"day": ["Bad day."], "names": ["item 2: Bad name."]}
    assert form.errors == ["Both.", "x: ?"]
    assert build_form(job(), None).with_errors(InvalidParameters("No.")).errors == ["No."]


PARAMETERS = [
    {"name": "day", "default": "2025-01-01"},
    {"name": "db_password", "default": "s3cret"},
    {"name": "login", "default": '{"token": "s3cret"}'},
]


@pytest.mark.parametrize("task_type", ["job", None])
def test_form_without_schema_uses_job_parameters(task_type: str | None) -> None:
    form = build_form(job(task_type=task_type), definition(parameters=PARAMETERS))
    day, password, login = form.fields
    assert (day.control, day.value) == ("text", "2025-01-01")
    assert (password.control, password.value, password.help) == ("password", "", "")
    assert (login.control, login.value, login.help) == ("text", "", "")
    params = form.params({"day": "2025-02-01"})
    assert params == (
        {"day": "2025-02-01"} if task_type else {"job_parameters": {"day": "2025-02-01"}}
    )


def test_form_omits_parameter_set_by_the_app() -> None:
    form = build_form(job(), definition(parameters=PARAMETERS), hidden=["day"])
    assert [field.name for field in form.fields] == ["db_password", "login"]


def test_form_of_notebook_has_parameters_of_its_tasks() -> None:
    notebook = {"notebook_path": "/x", "base_parameters": {"city": "Rome"}}
    form = build_form(
        job(task_type="notebook"),
        definition(tasks=[{"task_key": "a", "notebook_task": notebook}, {"task_key": "b"}]),
    )
    assert [(field.name, field.value) for field in form.fields] == [("city", "Rome")]


def test_form_list_is_one_item_per_line() -> None:
    form = build_form(job(task_type="python_script"), None)
    assert form.params({"args": "--day\n2025-01-01"}) == {"args": ["--day", "2025-01-01"]}


def test_form_of_other_task_types_is_json() -> None:
    form = build_form(job(task_type="sql"), None)
    assert form.params({"_schema": '{"a": 1}'}) == {"a": 1}
    assert form.find_unreadable({"_schema": "[]"}) == {"_schema": ["Must be {…}."]}


def test_form_of_dbt_is_empty() -> None:
    assert not build_form(job(task_type="dbt"), None).fields


def test_form_redacted_value_is_left_out() -> None:
    form = build_form(job(Everything()), None).with_values({"password": "***", "size": "s"})
    values = {field.name: field.value for field in form.fields}
    assert (values["password"], values["size"]) == ("", "s")


def test_schema_fields_without_default_have_those_of_the_definition() -> None:
    schema = Schema.from_dict(
        {
            "day": fields.Date(required=True),
            "size": fields.String(validate=validate.OneOf(["s", "m"])),
            "other": fields.String(validate=validate.OneOf(["s", "m"])),
            "own": fields.String(load_default="own"),
            "since": fields.String(),
            "password": fields.String(),
            "pin": fields.Integer(metadata={"secret": True}),
            "keys": fields.List(fields.String(), metadata={"secret": True}),
            "login": fields.Dict(),
        }
    )
    defaults = {
        "day": "2025-01-01",
        "size": "m",
        "other": "xl",
        "own": "defined",
        "since": "{{job.start_time.iso_date}}",
        "password": "hunter2",
        "pin": "4711",
        "keys": '["hunter2"]',
        "login": '{"password": "hunter2"}',
        "unknown": "x",
    }
    parameters = [{"name": name, "default": value} for name, value in defaults.items()]
    form = build_form(job(schema()), definition(parameters=parameters))
    assert {field.name: field.value for field in form.fields} == {
        "day": "2025-01-01",
        "size": "m",
        "other": "",
        "own": "own",
        "since": "",
        "password": "",
        "pin": "",
        "keys": "",
        "login": "",
    }


def test_list_and_object_have_the_json_of_the_definition_or_of_a_run() -> None:
    schema = Schema.from_dict(
        {
            "regions": fields.List(fields.String()),
            "names": fields.List(fields.String()),
            "options": fields.Dict(),
            "other": fields.Dict(),
            "deep": fields.Dict(),
        }
    )
    defaults = {"regions": '["eu", "us"]', "names": "ann,bob", "options": "{}", "other": "{"}
    defaults["deep"] = "[" * 9_000
    parameters = [{"name": name, "default": value} for name, value in defaults.items()]
    form = build_form(job(schema()), definition(parameters=parameters))
    values = {field.name: field.value for field in form.fields}
    assert values == {"regions": "eu\nus", "names": "", "options": "{}", "other": "", "deep": ""}
    form = form.with_values({"regions": '["asia"]', "names": "[1]", "options": '["a"]'})
    assert [field.value for field in form.fields[:3]] == ["asia", "[1]", '["a"]']
    assert form.with_sent({"regions": '["asia"]'}).fields[0].value == '["asia"]'


def test_visible_params_have_no_password() -> None:
    schema = Schema.from_dict({"day": fields.Date(), "password": fields.String()})
    form = build_form(job(schema()), None).with_values({"day": "2025-01-01", "password": "x"})
    assert form.visible_params() == {"day": "2025-01-01"}
