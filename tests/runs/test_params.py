"""Parameters: checked by the schema, put where run-now wants them, and never lost."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validates_schema
from marshmallow import validate as rules

from flask_lakeflow_jobs import ConfigurationError, InvalidParameters
from flask_lakeflow_jobs.runs.params import (
    MAX_FIELD_BYTES,
    RUN_NOW_FIELDS,
    TASK_TYPES,
    build_run_now_fields,
    format_param,
    validate_params,
    validate_task_keys,
)


class Color(enum.Enum):
    RED = "red"


class Etl(Schema):
    start_date = fields.Date(required=True, data_key="startDate")
    limit = fields.Integer(load_default=10, validate=rules.Range(min=1))
    full = fields.Boolean()
    note = fields.String(allow_none=True)


def placed(task_type: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    return build_run_now_fields(task_type, params)


def refused(task_type: str | None, params: Mapping[str, Any]) -> InvalidParameters:
    with pytest.raises(InvalidParameters) as caught:
        build_run_now_fields(task_type, params)
    return caught.value


@pytest.mark.parametrize(
    ("task_type", "params", "expected"),
    [
        ("notebook", {"a": "x"}, {"notebook_params": {"a": "x"}}),
        ("python_wheel", {"a": "x"}, {"python_named_params": {"a": "x"}}),
        ("sql", {"a": "x"}, {"sql_params": {"a": "x"}}),
        ("job", {"a": "x"}, {"job_parameters": {"a": "x"}}),
        ("python_script", {"args": ["x", "y"]}, {"python_params": ["x", "y"]}),
        ("spark_jar", {"args": ["x"]}, {"jar_params": ["x"]}),
        ("dbt_commands", {"commands": ["dbt run"]}, {"dbt_commands": ["dbt run"]}),
        ("pipeline", {"full_refresh": True}, {"pipeline_params": {"full_refresh": True}}),
        (
            "pipeline",
            {"refresh_selection": ["a", "b"]},
            {"pipeline_params": {"refresh_selection": ["a", "b"]}},
        ),
    ],
)
def test_build_run_now_fields_fills_the_field_of_each_task_type(
    task_type: str, params: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert placed(task_type, params) == expected


def test_task_types_match_the_contract() -> None:
    assert set(TASK_TYPES) == {
        "notebook",
        "python_wheel",
        "sql",
        "python_script",
        "spark_jar",
        "dbt",
        "job",
        "dbt_commands",
        "pipeline",
    }


@pytest.mark.parametrize("task_type", [*TASK_TYPES, None])
def test_build_run_now_fields_without_parameters_is_empty(task_type: str | None) -> None:
    assert placed(task_type, {}) == {}
    assert placed(task_type, {"absent": None}) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (1.5, "1.5"),
        ("", ""),
        ("null", "null"),
        ("ü\u2028", "ü\u2028"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (dt.datetime(2025, 1, 2, 3, 4, tzinfo=dt.timezone.utc), "2025-01-02T03:04:00+00:00"),
        (dt.time(3, 4), "03:04:00"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ipaddress.ip_address("::1"), "::1"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Color.RED, "red"),
        (float("nan"), None),
        *((decimal.Decimal(word), None) for word in ("NaN", "sNaN", "Infinity", "-Infinity")),
        (float("inf"), None),
        (dt.timedelta(1), None),
        ({}, None),
        ([], None),
        (b"x", None),
        (None, None),
        (object(), None),
    ],
)
def test_build_run_now_fields_formats_values_format_value(value: object, text: str | None) -> None:
    assert format_param(value) == text


def test_build_run_now_fields_omits_none() -> None:
    assert placed("notebook", {"a": None, "b": "x"}) == {"notebook_params": {"b": "x"}}


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


@pytest.mark.parametrize("task_type", ["notebook", "python_wheel", "sql", "job"])
@pytest.mark.parametrize("value", [{"nested": 1}, [1], float("nan"), b"bytes"])
def test_build_run_now_fields_value_without_text_form_is_named(
    task_type: str, value: object
) -> None:
    error = refused(task_type, {"good": 1, "bad": value})
    assert set(error.messages) == {"bad"}
    assert error.code == 400
    assert "bad" in error.detail


@pytest.mark.parametrize("args", ["--all", {"a": 1}, 5, True])
def test_build_run_now_fields_args_that_are_no_list_raise(args: object) -> None:
    for task_type in ("python_script", "spark_jar"):
        assert "args" in refused(task_type, {"args": args}).messages


@pytest.mark.parametrize("task_type", ["python_script", "spark_jar"])
def test_build_run_now_fields_names_besides_the_list_raise(task_type: str) -> None:
    error = refused(task_type, {"args": ["x"], "verbose": True})
    assert set(error.messages) == {"verbose"}
    assert "args" in error.detail


def test_build_run_now_fields_null_item_raises() -> None:
    assert set(refused("python_script", {"args": ["x", None]}).messages) == {"args[1]"}
    assert set(refused("spark_jar", {"args": [{"a": 1}]}).messages) == {"args[0]"}


def test_build_run_now_fields_one_list_under_two_names_raises() -> None:
    error = refused("dbt_commands", {"commands": ["dbt seed"], "args": ["dbt run"]})
    assert {"commands", "args"} & set(error.messages)


def test_build_run_now_fields_for_dbt_with_parameters_raises() -> None:
    assert set(refused("dbt", {"a": 1, "b": 2}).messages) == {"a", "b"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("full_refresh", "true"),
        ("full_refresh", 1),
        ("refresh_selection", "a"),
        ("refresh_selection", [1]),
        ("anything_else", True),
    ],
)
def test_build_run_now_fields_for_pipeline_refuses_other_settings(name: str, value: object) -> None:
    assert set(refused("pipeline", {name: value}).messages) == {name}


@pytest.mark.parametrize(
    "params",
    [
        {"job_parameters": {"a": "x"}},
        {"notebook_params": {"a": "x"}, "python_params": ["y"]},
        {"pipeline_params": {"full_refresh": False}},
        {"dbt_commands": ["dbt run"], "sql_params": {"b": "2"}},
    ],
)
def test_build_run_now_fields_without_task_type_passes_fields(
    params: dict[str, Any],
) -> None:
    assert placed(None, params) == params


def test_build_run_now_fields_without_task_type_formats_values() -> None:
    assert placed(None, {"job_parameters": {"day": dt.date(2025, 1, 2), "full": True, "n": None}})[
        "job_parameters"
    ] == {"day": "2025-01-02", "full": "true"}
    assert placed(None, {"jar_params": [1, False]}) == {"jar_params": ["1", "false"]}


def test_build_run_now_fields_without_task_type_names_the_remedy() -> None:
    error = refused(None, {"startDate": "2025-01-01", "job_parameters": {"a": "b"}})
    assert set(error.messages) == {"startDate"}
    assert "task_type" in error.detail
    for task_type in TASK_TYPES:
        assert task_type in error.detail


@pytest.mark.parametrize(
    "name", ["job_id", "only", "idempotency_token", "queue", "performance_target"]
)
def test_build_run_now_fields_refuses_other_fields_of_run_now(name: str) -> None:
    assert set(refused(None, {name: "1"}).messages) == {name}


@pytest.mark.parametrize(("name", "kind"), RUN_NOW_FIELDS.items())
def test_build_run_now_fields_with_field_of_wrong_type_raises(name: str, kind: type) -> None:
    other_kind: object = [] if kind is dict else {}
    for wrong in ("text", 5, other_kind):
        assert set(refused(None, {name: wrong}).messages) == {name}


def test_build_run_now_fields_limits_a_field_to_10_000_bytes() -> None:
    overhead = len(json.dumps({"notebook_params": {"a": ""}}, separators=(",", ":")))
    assert placed("notebook", {"a": "x" * (MAX_FIELD_BYTES - overhead)})
    error = refused("notebook", {"a": "x" * (MAX_FIELD_BYTES - overhead + 1)})
    assert set(error.messages) == {"notebook_params"}
    assert "10000" in error.detail.replace(",", "")


def test_build_run_now_fields_does_not_limit_job_parameters() -> None:
    assert placed("job", {"a": "x" * 20_000})


def test_build_run_now_fields_python_params_must_be_ascii() -> None:
    assert "ASCII" in refused("python_script", {"args": ["ü"]}).detail
    assert placed("spark_jar", {"args": ["ü"]}) == {"jar_params": ["ü"]}


names = st.one_of(
    st.sampled_from([*RUN_NOW_FIELDS, "args", "commands", "full_refresh", "refresh_selection"]),
    st.text(min_size=1, max_size=5),
)
plain = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates(), st.binary()
)
values = st.one_of(
    plain,
    st.lists(st.one_of(st.none(), plain), max_size=3),
    st.dictionaries(names, st.one_of(st.none(), plain), max_size=3),
)


def run_or_refuse(
    task_type: str | None, params: Mapping[str, Any]
) -> tuple[dict[str, Any], InvalidParameters | None]:
    try:
        return build_run_now_fields(task_type, params), None
    except InvalidParameters as refusal:
        return {}, refusal


def leaves(value: object) -> list[str | None]:
    """The texts that have to arrive."""
    if isinstance(value, Mapping):
        return [leaf for item in value.values() if item is not None for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [format_param(value)]


@given(
    task_type=st.sampled_from([*TASK_TYPES, None]),
    params=st.dictionaries(names, st.one_of(st.none(), values), max_size=4),
)
def test_build_run_now_fields_never_loses_a_parameter(
    task_type: str | None, params: dict[str, Any]
) -> None:
    given_names = {name for name, value in params.items() if value is not None}
    result, refusal = run_or_refuse(task_type, params)
    if refusal is not None:
        assert refusal.messages
        assert refusal.detail
        json.dumps(refusal.messages)
        return
    assert set(result) <= set(RUN_NOW_FIELDS)
    assert sorted(map(str, leaves(result))) == sorted(
        map(str, leaves({name: params[name] for name in given_names}))
    )
    json.dumps(result, allow_nan=False)


def test_validate_params_applies_defaults_and_keeps_names() -> None:
    assert validate_params(Etl(), {"startDate": "2025-01-02", "full": "true"}) == {
        "startDate": dt.date(2025, 1, 2),
        "limit": 10,
        "full": True,
    }


def test_validate_params_result_is_formatted_format_value() -> None:
    wire = validate_params(Etl(), {"startDate": "2025-01-02", "note": None})
    assert placed("notebook", wire) == {
        "notebook_params": {"startDate": "2025-01-02", "limit": "10"}
    }


def test_validate_params_without_task_type_loses_nothing() -> None:
    wire = validate_params(Etl(), {"startDate": "2025-01-02"})
    assert set(refused(None, wire).messages) == {"startDate", "limit"}


def test_validate_params_errors_have_messages_by_field() -> None:
    with pytest.raises(InvalidParameters) as caught:
        validate_params(Etl(), {"startDate": "soon", "limit": 0, "colour": "red"})
    assert set(caught.value.messages) == {"startDate", "limit", "colour"}
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


def test_validate_params_messages_about_items_are_json() -> None:
    schema = Schema.from_dict({"days": fields.List(fields.Date())})()
    with pytest.raises(InvalidParameters) as caught:
        validate_params(schema, {"days": ["2025-01-01", "x"]})
    assert "days" in json.loads(json.dumps(caught.value.messages))


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


def test_validate_params_lost_parameter_raises_configuration_error() -> None:
    class Opaque(Schema):
        start = fields.Integer()

        @post_load
        def make(self, data: dict[str, Any], **_: Any) -> object:
            return object()

    with pytest.raises(ConfigurationError, match="start"):
        validate_params(Opaque(), {"start": 1})


@pytest.mark.parametrize("name", ["read", "+read", "load+", "+load+"])
def test_validate_task_keys_accepts_keys_of_the_job(name: str) -> None:
    validate_task_keys([name], ["read", "load"], "etl")


@pytest.mark.parametrize(
    ("only", "tasks", "expected"),
    [
        (
            ["rad", "+load"],
            ["read", "load"],
            "no task 'rad'. Did you mean 'read'? Its tasks: read, load.",
        ),
        (["re+ad"], ["read"], "no task 're+ad'. Did you mean 'read'? Its tasks: read."),
        (["read", "load"], [], "no task 'read', 'load'. Its tasks: none."),
    ],
)
def test_validate_task_keys_names_unknown_keys(
    only: list[str], tasks: list[str], expected: str
) -> None:
    with pytest.raises(
        InvalidParameters, match=re.escape(f"The job 'etl' has {expected}")
    ) as raised:
        validate_task_keys(only, tasks, "etl")
    assert set(raised.value.messages) == {"only"}


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


def test_partial_params_that_a_hook_cannot_check_are_refused() -> None:
    with pytest.raises(InvalidParameters, match="Pass all of them"):
        validate_params(Period(), {"start": "2025-01-01"}, partial=True)
    with pytest.raises(InvalidParameters) as refused:
        validate_params(Period(), {"start": "soon", "end": "2025-01-01"}, partial=True)
    assert set(refused.value.messages) == {"start"}
