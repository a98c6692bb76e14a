"""Redaction replaces the values of secrets in a document and nothing else."""

from __future__ import annotations

import copy
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from flask_lakeflow_jobs.runs.redaction import (
    REDACTED,
    is_secret_name,
    redact,
    redact_output,
    secret_overrides,
)
from tests import run_documents


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "PASSWORD", "db_password", "dbPassword", "DB-PASSWORD"),
        *("PGPASSWORD", "password2", "passwd", "pwd", "passphrase", "passcode"),
        *("secret", "clientSecret", "CLIENT_SECRET", "secret_name", "secrets"),
        *("token", "accessToken", "access-token", "authtoken", "X-Auth-Token", "tokens"),
        *("api_key", "apiKey", "apikey", "APIKey", "API_KEY", "X-Api-Key", "OPENAI_API_KEY"),
        *("spark.db.password", "access_key", "signingKey", "encryption-key", "api2key"),
        *("private_key", "privateKey", "--private-key", "private_key_path", "account.key"),
        *("credential", "credentials", "awsCredentials", "creds", "Authorization"),
        "connectionString",
    ],
)
def test_is_secret_name_in_any_naming_style_is_true(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "_", "day", "startDate", "task_key", "run_id", "key", "keyword", "primary_key"),
        *("secretary", "tokenizer", "tokenize", "monkey", "broken", "author", "passenger"),
        *("apis_key", "compass", "bypass", "é", "用户"),
    ],
)
def test_is_secret_name_of_other_names_is_false(name: str) -> None:
    assert not is_secret_name(name)


RUN = {
    "run_id": 1,
    "job_id": 2,
    "job_parameters": [
        {"name": "day", "default": "", "value": "2013-01-01"},
        {"name": "api_key", "default": "default-key", "value": "hunter2"},
        {"name": "token", "default": ""},
    ],
    "overriding_parameters": {
        "notebook_params": {"dbPassword": "hunter2", "day": "2013-01-01"},
        "python_named_params": {"secret": "hunter2"},
        "sql_params": {"token": "hunter2", "secret": "", "name": "token", "value": "hunter2"},
        "job_parameters": {"name": "Anna", "value": "7", "password": "hunter2"},
        "python_params": ["--password=hunter2", "--day=1", "--token", "hunter2", "rest"],
        "jar_params": ["password=hunter2", "plain"],
        "spark_submit_params": ["--conf", "spark.my.password=hunter2", "--class", "a.B"],
        "dbt_commands": ["dbt run --vars 'x' --token hunter2 --full-refresh", "dbt test"],
    },
    "tasks": [
        {
            "task_key": "rotate_token",
            "run_id": 3,
            "notebook_task": {"notebook_path": "/a", "base_parameters": {"secret": "hunter2"}},
        },
        {"task_key": "b", "python_wheel_task": {"named_parameters": {"apiKey": "hunter2"}}},
        {"task_key": "c", "sql_task": {"parameters": {"credential": "hunter2"}}},
        {"task_key": "d", "spark_python_task": {"parameters": ["--private-key", "hunter2"]}},
        {"task_key": "e", "run_job_task": {"job_id": 5, "job_parameters": {"token": "hunter2"}}},
        {
            "task_key": "f",
            "for_each_task": {
                "inputs": "[1]",
                "task": {"notebook_task": {"base_parameters": {"password": "hunter2"}}},
            },
        },
        {"task_key": "g", "resolved_values": {"sql_task": {"parameters": {"token": "hunter2"}}}},
        {"task_key": "h", "new_cluster": {"spark_env_vars": {"DB_PASSWORD": "hunter2"}}},
    ],
    "trigger": "ONE_TIME",
}


def test_redact_run_leaves_no_value_of_a_secret() -> None:
    redacted = json.dumps(redact(RUN, {}))
    assert "hunter2" not in redacted
    assert "default-key" not in redacted


def test_redact_run_keeps_everything_else() -> None:
    def without(document: Any) -> Any:
        return json.loads(
            json.dumps(document).replace("hunter2", REDACTED).replace("default-key", REDACTED)
        )

    before = copy.deepcopy(RUN)
    assert redact(RUN, {}) == without(RUN)
    assert before == RUN, "the document is not changed"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--password", "--verbose"], ["--password", "--verbose"]),
        (["--password", "-x", "y"], ["--password", "-x", "y"]),
        (["--password"], ["--password"]),
        (["--token", "a", "b"], ["--token", "***", "b"]),
        (["--token=a=b"], ["--token=***"]),
        (["--token", 5, "a", "b"], ["--token", 5, "***", "b"]),
        (["--args=--day 1 --token a"], ["--args=--day 1 --token ***"]),
        (["--password=a b\nc"], ["--password=***"]),
        (
            ["run --token a --token=b token=c --day 1"],
            ["run --token *** --token=*** token=*** --day 1"],
        ),
        (["run --password 'a b' x"], ["run --password *** x"]),
        (['{"user": "a", "token": "b\\"c"}'], ['{"user": "a", "token": "***"}']),
        (["KeyError: {'apiKey':'b', 'day': 'c'}"], ["KeyError: {'apiKey':'***', 'day': 'c'}"]),
        (["token", "a"], ["token", "a"]),
        (
            ["a=b", "--", "=", "", "-", 5, None, ["--token", "x"]],
            ["a=b", "--", "=", "", "-", 5, None, ["--token", "***"]],
        ),
    ],
)
def test_redact_arguments_of_scripts(arguments: list[Any], expected: list[Any]) -> None:
    assert redact({"parameters": arguments}, {}) == {"parameters": expected}


class Params(Schema):
    pin = fields.String(metadata={"secret": True})
    plan = fields.String(data_key="floorPlan", metadata={"secret": True})
    max_tokens = fields.Integer(metadata={"secret": False})
    day = fields.Date()


def test_redact_with_overrides_of_a_schema() -> None:
    overrides = secret_overrides(Params())
    assert overrides == {"pin": True, "floorPlan": True, "max_tokens": False}
    params = {"pin": "1", "floorPlan": "2", "max_tokens": "3", "day": "4", "token": "5"}
    redacted = {"pin": "***", "floorPlan": "***", "max_tokens": "3", "day": "4", "token": "***"}
    assert redact({"sql_params": params}, overrides) == {"sql_params": redacted}
    arguments = ["--pin", "1", "--day", "4", "--max_tokens=3", "--floorPlan=2"]
    redacted_arguments = ["--pin", "***", "--day", "4", "--max_tokens=3", "--floorPlan=***"]
    assert redact({"python_params": arguments}, overrides) == {"python_params": redacted_arguments}
    parameter = {"name": "day", "value": "4", "pin": "1"}
    assert redact({"parameters": [parameter]}, overrides) == {
        "parameters": [{**parameter, "pin": "***"}]
    }
    assert secret_overrides(None) == {}


class Account(Schema):
    user = fields.String()
    code = fields.Integer(data_key="entryCode", metadata={"secret": True})
    tokens = fields.Integer(metadata={"secret": False})
    parent = fields.Nested(lambda: Account())


class NestedParams(Schema):
    login = fields.Nested(Account)
    logins = fields.List(fields.Nested(Account))
    by_region = fields.Dict(values=fields.Nested(Account))
    pair = fields.Tuple([fields.String(), fields.Nested(Account)])
    public = fields.Nested(Account, metadata={"secret": False})
    missing = fields.Nested("NoSuchSchema")
    days = fields.List(fields.Date())


def test_secret_in_a_nested_schema_makes_the_whole_parameter_secret() -> None:
    containers = dict.fromkeys(["login", "logins", "by_region", "pair"], True)
    within = {"entryCode": True, "tokens": False}
    assert secret_overrides(NestedParams()) == {**within, "public": False, **containers}


def test_parameters_named_like_a_field_of_a_nested_schema_decide_themselves() -> None:
    class Params(Schema):
        tokens = fields.String(metadata={"secret": True})
        account = fields.Nested(Account)

    assert secret_overrides(Params()) == {"tokens": True, "account": True, "entryCode": True}


@pytest.mark.parametrize(
    "text",
    [
        '{"user": "anna", "password": "hunter2"}',
        '[{"account": {"apiKey" :"hunter2"}}]',
        """{'user': "anna", 'pin': 'hunter2'}""",
    ],
)
def test_redact_hides_parameters_whose_json_has_secrets(text: str) -> None:
    overrides = {"pin": True}
    hidden = {"name": "login", "value": REDACTED, "default": REDACTED}
    assert redact({"name": "login", "value": text, "default": text}, overrides) == hidden
    for name in ("job_parameters", "notebook_params", "base_parameters", "parameters"):
        assert redact({name: {"login": text}}, overrides) == {name: {"login": REDACTED}}
    loop = {"for_each_task": {"inputs": text}}
    assert redact(loop, overrides) == {"for_each_task": {"inputs": REDACTED}}


def test_redact_hides_numbers_of_declared_secrets_only() -> None:
    overrides = {"pin": True, "limit": False}
    numbers = {"pin": 4711, "limit": 5, "max_tokens": 5, "name": "a"}
    shown = {**numbers, "pin": REDACTED}
    assert redact({"parameters": numbers}, overrides) == {"parameters": shown}
    assert redact(numbers, overrides) == numbers, "the numbers of a run are no parameters"
    loop = {"inputs": '[{"pin": 4711}]'}
    assert redact(loop, overrides) == {"inputs": REDACTED}
    other = {"inputs": '[{"limit": 5, "max_tokens": 5}]'}
    assert redact(other, overrides) == other


def test_redact_keeps_json_without_secrets_and_that_of_outputs() -> None:
    text = '{"max_tokens": 5, "user": "anna", "token": "", "pin": "1"}'
    run = {"job_parameters": [{"name": "login", "value": text}], "sql_params": {"login": text}}
    assert redact(run, {"pin": False}) == run
    output = {"notebook_output": {"result": '{"password": "hunter2"}'}}
    assert redact_output(output, {}) == output


def test_redact_run_of_the_sdk_keeps_its_shape() -> None:
    run = run_documents.run(overriding_parameters={"notebook_params": {"token": "hunter2"}})
    redacted = redact(run.as_dict(), {})
    assert redacted["overriding_parameters"] == {"notebook_params": {"token": REDACTED}}
    assert {**redacted, "overriding_parameters": None} == {
        **run.as_dict(),
        "overriding_parameters": None,
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["token", "name", "value", "day", "default"]), inner)
    ),
    max_leaves=12,
)


def test_long_names_do_not_stay_in_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            assert is_secret_name(f"{number}{'x' * 100_000}-token")
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_redact_any_document_is_idempotent(
    document: dict[str, Any],
) -> None:
    once = redact(document, {})
    assert redact(once, {}) == once
    assert once.keys() == document.keys()


def test_redact_output_of_a_dbt_task_has_no_credentials() -> None:
    output = {"dbt_output": {"artifacts_link": "https://x", "artifacts_headers": {"k": "v"}}}
    original = copy.deepcopy(output)

    assert redact_output(output, {}) == {"dbt_output": {"artifacts_link": "https://x"}}
    assert output == original
