"""What is typed: durations, parameters, files, run ids."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from flask_lakeflow_jobs.cli.options import (
    duration,
    filled_key,
    given_params,
    json_object,
    named_value,
    parse_run_id,
    task_keys,
)
from flask_lakeflow_jobs.config.jobs import Job
from tests.run_documents import named_job


def job(task_type: str | None = None, schema: Schema | None = None) -> Job:
    return dataclasses.replace(named_job(), task_type=task_type, schema=schema)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5", 0.5), ("10m", 600), ("1h", 3600), ("1.5h", 5400)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0h", "-1", "m", "10 m", "10d", "1h30m", "1e3", "inf", "nan", "٣", "9" * 400 + "h"],
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no length of time"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c")), ("a b= c ", ("a b", " c "))],
)
def test_a_parameter_is_split_at_the_first_equals_sign(text: str, pair: tuple[str, str]) -> None:
    assert named_value(text) == pair


@pytest.mark.parametrize("text", ["", "a", "=b", "="])
def test_a_parameter_needs_a_name_and_an_equals_sign(text: str) -> None:
    with pytest.raises(click.BadParameter, match="must be name=value"):
        named_value(text)


def test_task_keys_stand_between_commas() -> None:
    assert task_keys("a, +b,c+") == ["a", "+b", "c+"]


@pytest.mark.parametrize("text", ["", ",", "a,,b", "a,"])
def test_no_task_key_is_empty(text: str) -> None:
    with pytest.raises(click.BadParameter, match="task keys"):
        task_keys(text)


def test_an_empty_idempotency_key_is_refused() -> None:
    assert filled_key("nightly") == "nightly"
    with pytest.raises(click.BadParameter, match="empty"):
        filled_key(" ")


@pytest.mark.parametrize("text", ["1", "9223372036854775807"])
def test_a_run_id_is_a_positive_number(text: str) -> None:
    assert parse_run_id(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "+1", "1001abc", "1.0", " 1", "٣", "9223372036854775808", "1_0"]
)
def test_anything_else_is_no_run_id(text: str) -> None:
    with pytest.raises(click.UsageError, match="A run id is"):
        parse_run_id(text)


class ListParams(Schema):
    carriers = fields.List(fields.String())
    pair = fields.Tuple((fields.String(), fields.String()))
    day = fields.Date(data_key="startDate")


@pytest.mark.parametrize(
    ("of", "named", "params"),
    [
        (job("job"), [("a", "1")], {"a": "1"}),
        (job("job"), [("a", "1"), ("b", "2"), ("a", "3")], {"a": ["1", "3"], "b": "2"}),
        (job("python_script"), [("args", "1")], {"args": ["1"]}),
        (job("spark_jar"), [("args", "1"), ("args", "2")], {"args": ["1", "2"]}),
        (job("dbt_commands"), [("commands", "dbt run")], {"commands": ["dbt run"]}),
        (job("pipeline"), [("full_refresh_selection", "t")], {"full_refresh_selection": ["t"]}),
        (job("pipeline"), [("full_refresh", "true")], {"full_refresh": "true"}),
        (job(), [("python_params", "1")], {"python_params": ["1"]}),
        (job(), [("job_parameters", "1")], {"job_parameters": "1"}),
        (job("job", ListParams()), [("carriers", "AA")], {"carriers": ["AA"]}),
        (job("job", ListParams()), [("pair", "a"), ("pair", "b")], {"pair": ["a", "b"]}),
        (job("job", ListParams()), [("startDate", "x")], {"startDate": "x"}),
        (job("python_script", ListParams()), [("startDate", "x")], {"startDate": "x"}),
    ],
)
def test_a_name_makes_a_list_where_it_is_repeated_or_the_job_takes_one(
    of: Job, named: list[tuple[str, str]], params: dict[str, Any]
) -> None:
    assert given_params(of, None, named) == params


def test_what_is_named_on_the_line_wins_over_the_file() -> None:
    from_file = {"a": 1, "b": [True, None]}
    assert given_params(job("job"), from_file, [("a", "2")]) == {"a": "2", "b": [True, None]}
    assert from_file["a"] == 1


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_no_value_vanishes(named: list[tuple[str, str]]) -> None:
    params = given_params(job("job"), None, named)
    flat = [
        (name, text)
        for name, value in params.items()
        for text in (value if isinstance(value, list) else [value])
    ]
    assert sorted(flat) == sorted(named)


def read(content: bytes) -> dict[str, Any] | None:
    file = io.BytesIO(content)
    file.name = "params.json"
    command = click.Command("run")
    return json_object(click.Context(command), click.Option(["--params-file"]), file)


def test_a_file_holds_a_json_object() -> None:
    assert read('{"a": [1, true, null, "ä"]}'.encode()) == {"a": [1, True, None, "ä"]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not hold valid JSON"),
        (b"{", "does not hold valid JSON"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": 1, "a": 2}', "'a' stands there twice"),
        (b'{"a": "\xff"}', "does not hold valid JSON"),
        (b"[" * 100_000, "does not hold valid JSON"),
        (b"[1]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
    ],
)
def test_anything_else_in_a_file_is_refused_with_its_name(content: bytes, why: str) -> None:
    with pytest.raises(click.BadParameter, match=why) as refused:
        read(content)
    assert "params.json" in refused.value.message
