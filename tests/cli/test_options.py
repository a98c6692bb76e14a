"""Values of arguments and options."""

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
    merge_params,
    parse_duration,
    parse_idempotency_key,
    parse_names,
    parse_param,
    read_json_object,
    run_argument,
    takes_object,
)
from flask_lakeflow_jobs.config.jobs import Job
from tests.cli.conftest import RunFlask
from tests.run_documents import build_job


def job(task_type: str | None = None, schema: Schema | None = None) -> Job:
    return dataclasses.replace(build_job(), task_type=task_type, schema=schema)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5", 0.5), ("10m", 600), ("1h", 3600), ("1.5h", 5400)],
)
def test_duration_is_a_number_with_an_optional_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "0.0h", "-1", "m", "10 m", "10d", "1h30m", "1e3", "inf", "nan", "٣", "9" * 400 + "h"],
)
def test_duration_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c")), ("a b= c ", ("a b", " c "))],
)
def test_param_is_split_at_the_first_equals_sign(text: str, pair: tuple[str, str]) -> None:
    assert parse_param(text) == pair


@pytest.mark.parametrize("text", ["", "a", "=b", "="])
def test_param_without_name_or_equals_sign_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="must be name=value"):
        parse_param(text)


def test_names_are_separated_by_commas() -> None:
    assert parse_names("a, +b,c+") == ["a", "+b", "c+"]


@pytest.mark.parametrize("text", ["", ",", "a,,b", "a,", ",a"])
def test_names_with_an_empty_one_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="names separated by commas"):
        parse_names(text)


def test_idempotency_key_must_not_be_empty() -> None:
    assert parse_idempotency_key("nightly") == "nightly"
    with pytest.raises(click.BadParameter, match="empty"):
        parse_idempotency_key(" ")


class ListParams(Schema):
    carriers = fields.List(fields.String())
    pair = fields.Tuple((fields.String(), fields.String()))
    day = fields.Date(data_key="startDate")


class ObjectParams(Schema):
    options_ = fields.Dict(data_key="options")
    address = fields.Nested({"city": fields.String()})
    day = fields.Date()


@pytest.mark.parametrize(
    ("of", "options", "params"),
    [
        (job("job"), [("a", "1")], {"a": "1"}),
        (job("job"), [("a", "1"), ("b", "2"), ("a", "3")], {"a": ["1", "3"], "b": "2"}),
        (job("python_script"), [("args", "1")], {"args": ["1"]}),
        (job("spark_jar"), [("args", "1"), ("args", "2")], {"args": ["1", "2"]}),
        (job("dbt_commands"), [("commands", "dbt run")], {"commands": ["dbt run"]}),
        (job("pipeline"), [("full_refresh_selection", "t")], {"full_refresh_selection": ["t"]}),
        (job("notebook"), [("full_refresh_selection", "t")], {"full_refresh_selection": "t"}),
        (job("pipeline"), [("full_refresh", "true")], {"full_refresh": "true"}),
        (job(), [("python_params", "1")], {"python_params": ["1"]}),
        (job(), [("job_parameters", "1")], {"job_parameters": "1"}),
        (job("job", ListParams()), [("carriers", "AA")], {"carriers": ["AA"]}),
        (job("job", ListParams()), [("pair", "a"), ("pair", "b")], {"pair": ["a", "b"]}),
        (job("job", ListParams()), [("startDate", "x")], {"startDate": "x"}),
        (job("python_script", ListParams()), [("startDate", "x")], {"startDate": "x"}),
    ],
)
def test_merge_params_makes_lists_of_repeated_and_list_parameters(
    of: Job, options: list[tuple[str, str]], params: dict[str, Any]
) -> None:
    assert merge_params(of, None, options) == params


@pytest.mark.parametrize(
    ("of", "name", "expected"),
    [
        (job(), "job_parameters", True),
        (job(), "python_params", False),
        (job("job"), "job_parameters", False),
        (job(None, ObjectParams()), "options", True),
        (job("job", ObjectParams()), "options", True),
        (job("job", ObjectParams()), "address", True),
        (job("job", ObjectParams()), "day", False),
        (job("job", ObjectParams()), "other", False),
    ],
)
def test_takes_object_follows_the_schema_or_the_fields_of_run_now(
    of: Job, name: str, expected: bool
) -> None:
    assert takes_object(of, name) is expected


def test_merge_params_prefers_options_over_the_file() -> None:
    from_file = {"a": 1, "b": [True, None]}
    assert merge_params(job("job"), from_file, [("a", "2")]) == {"a": "2", "b": [True, None]}
    assert from_file["a"] == 1


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_merge_params_keeps_every_value(options: list[tuple[str, str]]) -> None:
    params = merge_params(job("job"), None, options)
    flat = [
        (name, text)
        for name, value in params.items()
        for text in (value if isinstance(value, list) else [value])
    ]
    assert sorted(flat) == sorted(options)


def read(content: bytes) -> dict[str, Any] | None:
    file = io.BytesIO(content)
    file.name = "params.json"
    command = click.Command("run")
    return read_json_object(click.Context(command), click.Option(["--params-file"]), file)


def test_params_file_is_a_json_object() -> None:
    assert read('{"a": [1, true, null, "ä"]}'.encode()) == {"a": [1, True, None, "ä"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b'{"a": NaN}', "NaN is not a finite number"),
        (b'{"a": 1, "a": 2}', "'a' is repeated"),
        (b'{"a": "\xff"}', "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[1]", "must contain a JSON object"),
        (b"null", "must contain a JSON object"),
    ],
)
def test_params_file_with_other_content_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message) as refused:
        read(content)
    assert "params.json" in refused.value.message


@pytest.mark.parametrize(
    ("words", "run_id"),
    [
        (["etl", "1"], 1),
        (["etl", "9223372036854775807"], 2**63 - 1),
        *(
            (["etl", text], None)
            for text in ("", "0", "+1", "1001abc", "1.0", " 1", "٣", "9223372036854775808", "1_0")
        ),
    ],
)
def test_run_argument_is_a_key_and_a_positive_number(words: list[str], run_id: int | None) -> None:
    command = click.command(run_argument(lambda **values: values))
    if run_id is None:
        with pytest.raises(click.UsageError, match="A run id is"):
            command.main(words, standalone_mode=False)
    else:
        assert command.main(words, standalone_mode=False) == {"key": "etl", "run_id": run_id}


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        *(
            (command, words, message)
            for command in ("watch", "show", "output", "cancel", "repair")
            for words, message in (
                (
                    ["etl", "1001abc"],
                    "A run id is a positive whole number below 2**63, not '1001abc'.",
                ),
                (["etl", "1"], "The job 'etl' has no run 1."),
            )
        ),
        ("watch", [], "[KEY] RUN"),
        ("watch", ["1"], "Which job?"),
        ("watch", ["etl"], "Which run of etl? List them with: flask jobs runs etl"),
        ("watch", ["etl", "0"], "A run id is"),
        ("watch", ["etl", "1", "2"], "Expected a job key and a run id, not 'etl 1 2'."),
        ("watch", ["nope", "1"], "This app has no job 'nope'"),
        ("run", ["etl", "day=1"], "Unexpected 'day=1'. Set a parameter with -p NAME=VALUE."),
        ("run", ["day=1"], "Unexpected 'day=1'. Set a parameter with -p NAME=VALUE."),
    ],
)
def test_unknown_job_or_run_is_a_usage_error(
    flask_jobs: RunFlask, command: str, words: list[str], message: str
) -> None:
    result = flask_jobs(command, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
