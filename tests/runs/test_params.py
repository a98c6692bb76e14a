"""Parameters, checked by the schema of a job."""

from __future__ import annotations

import datetime as dt
import enum
import json
from typing import Any, NamedTuple

import pytest
from marshmallow import (
    INCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    pre_load,
    validates_schema,
)
from marshmallow import validate as rules

from flask_lakeflow_jobs import ConfigurationError, InvalidParameters
from flask_lakeflow_jobs.runs.params import find_computed, validate_params
from flask_lakeflow_jobs.runs.run_now_fields import build_run_now_fields


class Etl(Schema):
    start_date = fields.Date(required=True, data_key="startDate")
    limit = fields.Integer(load_default=10, validate=rules.Range(min=1))
    full = fields.Boolean()
    note = fields.String(allow_none=True)


@pytest.mark.parametrize("schema", [None, Etl()])
@pytest.mark.parametrize("params", [["a"], [], "abc", "", 5, 0, [("a", "x")], {"secret"}])
def test_validate_params_that_are_no_mapping_raises(params: Any, schema: Schema | None) -> None:
    with pytest.raises(InvalidParameters, match=f"not {type(params).__name__}") as caught:
        validate_params(schema, params)
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize("schema", [None, Etl(unknown=INCLUDE)])
def test_validate_params_with_name_that_is_no_string_raises(schema: Schema | None) -> None:
    params: Any = {"startDate": "2025-01-01", 1: "a", None: "b"}
    with pytest.raises(InvalidParameters) as caught:
        validate_params(schema, params)
    assert caught.value.messages == {"1": ["Must be text."], "None": ["Must be text."]}


def test_validate_params_applies_defaults_and_keeps_names() -> None:
    assert validate_params(Etl(), {"startDate": "2025-01-02", "full": "true"}) == {
        "startDate": dt.date(2025, 1, 2),
        "limit": 10,
        "full": True,
    }


def test_validate_params_refuses_a_moment_for_a_date() -> None:
    """The job would get a text with a time, which its HTTP clients could not send."""

    class Converting(Etl):
        @pre_load
        def convert(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {"startDate": data["startDate"].date().isoformat()}

    moment = {"startDate": dt.datetime(2025, 1, 2, 5)}
    with pytest.raises(InvalidParameters) as caught:
        validate_params(Etl(), moment)
    assert caught.value.messages == {"startDate": ["Not a valid date."]}
    assert validate_params(Converting(), moment)["startDate"] == dt.date(2025, 1, 2)


def test_validate_params_result_is_formatted_format_value() -> None:
    wire = validate_params(Etl(), {"startDate": "2025-01-02", "note": None})
    assert build_run_now_fields("notebook", wire) == {
        "notebook_params": {"startDate": "2025-01-02", "limit": "10"}
    }


def test_validate_params_without_task_type_loses_nothing() -> None:
    wire = validate_params(Etl(), {"startDate": "2025-01-02"})
    with pytest.raises(InvalidParameters) as refused:
        build_run_now_fields(None, wire)
    assert set(refused.value.messages) == {"startDate", "limit"}


def test_validate_params_errors_have_messages_by_field() -> None:
    with pytest.raises(InvalidParameters) as caught:
        validate_params(Etl(), {"startDate": "soon", "limit": 0, "colour": "red"})
    assert set(caught.value.messages) == {"startDate", "limit", "colour"}
    assert caught.value.detail.endswith(
        "startDate: Not a valid date. limit: Must be greater than or equal to 1."
        " colour: Unknown field."
    )
    assert caught.value.code == 400
    assert isinstance(caught.value.__cause__, ValidationError)


def test_validate_params_schema_level_error_is_reported() -> None:
    class Window(Schema):
        start = fields.Integer()
        end = fields.Integer()

        @validates_schema
        def check(self, data: dict[str, Any], **_: Any) -> None:
            if data["start"] > data["end"]:
                raise ValidationError("The end comes first.")

    with pytest.raises(InvalidParameters) as caught:
        validate_params(Window(), {"start": 2, "end": 1})
    assert caught.value.messages == {"_schema": ["The end comes first."]}
    assert caught.value.detail.endswith("parameters. The end comes first.")


def test_validate_params_messages_about_items_are_json() -> None:
    schema = Schema.from_dict({"days": fields.List(fields.Date())})()
    with pytest.raises(InvalidParameters) as caught:
        validate_params(schema, {"days": ["2025-01-01", "x"]})
    assert "days" in json.loads(json.dumps(caught.value.messages))
    assert caught.value.detail.endswith("days: Not a valid date.")


@pytest.mark.parametrize("field", [fields.DateTime(format="timestamp"), fields.TimeDelta()])
def test_validate_params_number_that_is_too_large_raises(field: Any) -> None:
    # The lowest marshmallow has a message of its own for the second one.
    with pytest.raises(InvalidParameters, match=r"A number is too large|Not a valid period"):
        validate_params(Schema.from_dict({"when": field})(), {"when": 10**400})


@pytest.mark.parametrize("task_type", ["job", "notebook"])
def test_validate_params_name_of_an_enumeration_is_its_text(task_type: str) -> None:
    class Name(str, enum.Enum):
        DAY = "day"

    params = validate_params(None, {Name.DAY: "1"})
    (sent,) = build_run_now_fields(task_type, params).values()
    assert json.loads(json.dumps(sent)) == {"day": "1"}


def test_validate_params_without_schema_returns_a_copy() -> None:
    given_params = {"a": 1}
    result = validate_params(None, given_params)
    result["b"] = 2
    assert given_params == {"a": 1}
    assert validate_params(None, None) == {}


def test_validate_params_with_unknown_include_keeps_unknown_names() -> None:
    class Open(Schema):
        class Meta:
            unknown = INCLUDE

        known = fields.Integer()

    assert validate_params(Open(), {"known": "1", "more": "x"}) == {"known": 1, "more": "x"}


def test_validate_params_maps_attributes_back_to_data_keys() -> None:
    schema = Schema.from_dict(
        {"day": fields.Date(attribute="range.day"), "n": fields.Integer(attribute="count")}
    )()
    assert validate_params(schema, {"day": "2025-01-02", "n": 3}) == {
        "day": dt.date(2025, 1, 2),
        "n": 3,
    }


def test_validate_params_schema_may_load_into_an_object() -> None:
    class Range(NamedTuple):
        start: int
        end: int

    class RangeSchema(Schema):
        start = fields.Integer()
        end = fields.Integer(load_default=9)

        @post_load
        def make(self, data: dict[str, Any], **_: Any) -> Range:
            return Range(**data)

    assert validate_params(RangeSchema(), {"start": 1}) == {"start": 1, "end": 9}


class Computing(Schema):
    class Meta:
        unknown = INCLUDE

    note = fields.String(data_key="text")
    limit = fields.Integer(load_default=9)
    day = fields.Date(load_default=dt.date.today)

    @pre_load
    def rename(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"text" if name == "old_text" else name: value for name, value in data.items()}

    @post_load
    def add(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "id": "made"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"day", "id"}),
        (None, {"day", "id"}),
        ({"text": "a"}, {"day", "id"}),
        ({"day": "2025-01-02", "limit": None}, {"id"}),
        ({"old_text": "a"}, set()),
    ],
)
def test_find_computed_is_what_the_schema_adds_beside_plain_defaults(
    params: dict[str, Any] | None, expected: set[str]
) -> None:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    fields = {"job_parameters": validate_params(Computing(), given)}
    assert find_computed(Computing(), params, fields) == expected


@pytest.mark.parametrize("schema", [None, Computing()])
def test_find_computed_without_a_schema_or_names_is_nothing(schema: Schema | None) -> None:
    assert find_computed(schema, {"args": ["a"]}, {"python_params": ["a"]}) == set()


def test_validate_params_lost_parameter_raises_configuration_error() -> None:
    class Opaque(Schema):
        start = fields.Integer(data_key="from")
        end = fields.Integer()

        @post_load
        def make(self, data: dict[str, Any], **_: Any) -> object:
            return object()

    with pytest.raises(ConfigurationError, match="without from, so"):
        validate_params(Opaque(), {"from": 1})


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"note": "a\ud800"}, "note"),
        ({"tags": {"list": ["ok", "\udfff"]}}, "tags"),
        ({"tags": {"\ud800": 1}}, "tags"),
        ({"x\ud800": "ok"}, "x\\ud800"),
    ],
)
@pytest.mark.parametrize("schema", [None, Etl()])
def test_half_of_a_character_is_refused(
    params: dict[str, Any], name: str, schema: Schema | None
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        validate_params(schema, params)

    assert list(caught.value.messages) == [name]
    caught.value.detail.encode()


def test_whole_characters_outside_the_basic_plane_are_accepted() -> None:
    assert validate_params(None, {"note": "\U0001f600"}) == {"note": "\U0001f600"}


class Period(Schema):
    """Two dates, which a hook compares."""

    start = fields.Date(required=True)
    end = fields.Date(load_default=dt.date(2025, 1, 31))

    @post_load
    def check(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert data["start"] <= data["end"]
        return data


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {}),
        (
            {"start": "2025-01-01", "end": "2025-01-02"},
            {"start": dt.date(2025, 1, 1), "end": dt.date(2025, 1, 2)},
        ),
    ],
)
def test_partial_params_need_nothing_and_get_no_default(
    params: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert validate_params(Period(), params, partial=True) == expected


def test_fault_of_a_hook_is_no_fault_of_the_parameters() -> None:
    class Faulty(Period):
        @post_load
        def count(self, data: dict[str, Any], **_: Any) -> None:
            raise KeyError("days")

    with pytest.raises(KeyError, match="days"):
        validate_params(Faulty(), {"start": "2025-01-01"})


def test_partial_params_that_a_hook_cannot_check_are_refused() -> None:
    with pytest.raises(InvalidParameters, match="Pass all of them"):
        validate_params(Period(), {"start": "2025-01-01"}, partial=True)
    with pytest.raises(InvalidParameters) as refused:
        validate_params(Period(), {"start": "soon", "end": "2025-01-01"}, partial=True)
    assert set(refused.value.messages) == {"start"}
