"""Parameters: put where run-now wants them, and never lost."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.runs.run_now_fields import (
    MAX_FIELD_BYTES,
    RUN_NOW_FIELDS,
    TASK_TYPES,
    build_run_now_fields,
    format_param,
)


class Color(enum.Enum):
    RED = "red"


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
        ("dbt_commands", {"args": ("dbt run",)}, {"dbt_commands": ["dbt run"]}),
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
    assert build_run_now_fields(task_type, params) == expected


@pytest.mark.parametrize("task_type", [*TASK_TYPES, None])
def test_build_run_now_fields_without_parameters_is_empty(task_type: str | None) -> None:
    assert build_run_now_fields(task_type, {}) == {}
    assert build_run_now_fields(task_type, {"absent": None}) == {}


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


def test_build_run_now_fields_number_that_is_not_finite_is_named() -> None:
    error = refused("job", {"a": float("nan"), "b": decimal.Decimal("-Infinity")})
    assert error.messages == {
        "a": ["Must be a finite number, not nan."],
        "b": ["Must be a finite number, not -Infinity."],
    }


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
    error = refused("python_script", {"args": ["x", None]})
    assert error.messages == {"args[1]": ["Must not be null."]}
    error = refused("spark_jar", {"args": [{"a": 1}]})
    (message,) = error.messages["args[0]"]
    assert message.startswith("Cannot be sent as text: a dict. Declare it in the job's 'params'")


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
        ("refresh_selection", ["a", 1]),
        ("anything_else", True),
        ("anything_else", ["a"]),
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
    assert build_run_now_fields(None, params) == params


def test_build_run_now_fields_without_task_type_formats_values() -> None:
    given = {"day": dt.date(2025, 1, 2), "full": True, "n": None}
    expected = {"day": "2025-01-02", "full": "true"}
    assert build_run_now_fields(None, {"job_parameters": given}) == {"job_parameters": expected}
    assert build_run_now_fields(None, {"jar_params": [1, False]}) == {"jar_params": ["1", "false"]}


def test_build_run_now_fields_without_task_type_names_the_remedy() -> None:
    error = refused(None, {"startDate": "2025-01-01", "job_parameters": {"a": "b"}})
    assert set(error.messages) == {"startDate"}
    assert error.detail.startswith("The job has no task type. Set its 'task_type' in LakeflowJobs(")
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
        expected = "Must be an object." if kind is dict else "Must be a list."
        assert refused(None, {name: wrong}).messages == {name: [expected]}


def test_build_run_now_fields_limits_a_field_to_10_000_bytes() -> None:
    overhead = len(json.dumps({"notebook_params": {"a": ""}}, separators=(",", ":")))
    assert build_run_now_fields("notebook", {"a": "x" * (MAX_FIELD_BYTES - overhead)})
    error = refused("notebook", {"a": "x" * (MAX_FIELD_BYTES - overhead + 1)})
    assert set(error.messages) == {"notebook_params"}
    assert "10000" in error.detail.replace(",", "")


def test_build_run_now_fields_does_not_limit_job_parameters() -> None:
    assert build_run_now_fields("job", {"a": "x" * 20_000})


def test_build_run_now_fields_python_params_must_be_ascii() -> None:
    assert "ASCII" in refused("python_script", {"args": ["x", "ü"]}).detail
    assert build_run_now_fields("spark_jar", {"args": ["ü"]}) == {"jar_params": ["ü"]}


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
