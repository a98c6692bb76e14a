"""Values of secrets are masked wherever a run is shown; what is no secret stays as it is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.runs.redaction import REDACTED, is_secret_name, redact, secret_overrides
from tests import run_documents
from tests.conftest import MakeApp


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "PASSWORD", "db_password", "dbPassword", "DB-PASSWORD"),
        *("PGPASSWORD", "password2", "passwd", "pwd", "passphrase", "spark.db.password"),
        *("secret", "clientSecret", "CLIENT_SECRET", "secret_name", "secrets"),
        *("token", "accessToken", "access-token", "authtoken", "X-Auth-Token", "tokens"),
        *("api_key", "apiKey", "apikey", "APIKey", "API_KEY", "X-Api-Key", "OPENAI_API_KEY"),
        *("private_key", "privateKey", "--private-key", "private_key_path", "account.key"),
        *("credential", "credentials", "awsCredentials", "creds", "Authorization"),
        "connectionString",
    ],
)
def test_a_name_that_looks_secret_does_so_in_any_style(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "_", "day", "startDate", "task_key", "run_id", "key", "keyword", "primary_key"),
        *("secretary", "tokenizer", "tokenize", "monkey", "broken", "author", "passenger"),
        *("apis_key", "compass", "bypass", "é", "用户"),
    ],
)
def test_other_names_do_not(name: str) -> None:
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
        "sql_params": {"token": "hunter2"},
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


def test_no_value_of_a_secret_is_left_in_a_run() -> None:
    shown = json.dumps(redact(RUN))
    assert "hunter2" not in shown
    assert "default-key" not in shown


def test_everything_else_stays_as_it_is() -> None:
    def without(document: Any) -> Any:
        return json.loads(
            json.dumps(document).replace("hunter2", REDACTED).replace("default-key", REDACTED)
        )

    before = copy.deepcopy(RUN)
    assert redact(RUN) == without(RUN)
    assert before == RUN, "what was given is not changed"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--password", "--verbose"], ["--password", "--verbose"]),
        (["--password", "-x", "y"], ["--password", "-x", "y"]),
        (["--password"], ["--password"]),
        (["--token", "a", "b"], ["--token", "***", "b"]),
        (["--token=a=b"], ["--token=***"]),
        (["--password=a b\nc"], ["--password=***"]),
        (
            ["run --token a --token=b token=c --day 1"],
            ["run --token *** --token=*** token=*** --day 1"],
        ),
        (["run --password 'a b' x"], ["run --password *** x"]),
        (["token", "a"], ["token", "a"]),
        (
            ["a=b", "--", "=", "", "-", 5, None, ["--token", "x"]],
            ["a=b", "--", "=", "", "-", 5, None, ["--token", "***"]],
        ),
    ],
)
def test_arguments_of_scripts(arguments: list[Any], shown: list[Any]) -> None:
    assert redact({"parameters": arguments}) == {"parameters": shown}


class Params(Schema):
    pin = fields.String(metadata={"secret": True})
    plan = fields.String(data_key="floorPlan", metadata={"secret": True})
    max_tokens = fields.Integer(metadata={"secret": False})
    day = fields.Date()


def test_a_schema_may_say_what_is_secret_and_what_is_not() -> None:
    said = secret_overrides(Params())
    assert said == {"pin": True, "floorPlan": True, "max_tokens": False}
    given = {"pin": "1", "floorPlan": "2", "max_tokens": "3", "day": "4", "token": "5"}
    shown = {"pin": "***", "floorPlan": "***", "max_tokens": "3", "day": "4", "token": "***"}
    assert redact({"sql_params": given}, said) == {"sql_params": shown}
    assert redact({"python_params": ["--pin", "1"]}, said) == {"python_params": ["--pin", "***"]}
    assert secret_overrides(None) == {}


def test_the_sdks_own_runs_keep_their_shape() -> None:
    run = run_documents.run(overriding_parameters={"notebook_params": {"token": "hunter2"}})
    shown = redact(run.as_dict())
    assert shown["overriding_parameters"] == {"notebook_params": {"token": REDACTED}}
    assert {**shown, "overriding_parameters": None} == {
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


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_any_document_can_be_masked_and_masking_twice_is_masking_once(
    document: dict[str, Any],
) -> None:
    once = redact(document)
    assert redact(once) == once
    assert once.keys() == document.keys()


# ── over HTTP ─────────────────────────────────────────────────────────────────────────────────────


class Connection(Schema):
    who = fields.String()
    db_password = fields.String(data_key="dbPassword")
    pin = fields.String(metadata={"secret": True})


GIVEN = {"who": "anna", "dbPassword": "hunter2", "pin": "swordfish"}


@pytest.fixture
def secretive(make_app: MakeApp) -> Flask:
    jobs = {"greeting": {"of": "greeting", "task_type": "job", "params": Connection}}
    return make_app(jobs=jobs)


@pytest.fixture
def run_id(secretive: Flask) -> int:
    """A run that has ended, started with secrets."""
    with secretive.app_context():
        run_id = current_jobs["greeting"].run_now(GIVEN).run_id
        current_jobs["greeting"].wait(run_id)
    return run_id


@pytest.mark.parametrize(
    "path", ["runs", "runs/{run_id}", "runs/{run_id}/output", "status", "runs/{run_id}/stream"]
)
def test_no_route_shows_a_secret(secretive: Flask, run_id: int, path: str) -> None:
    answer = secretive.test_client().get(f"/api/jobs/greeting/{path.format(run_id=run_id)}")
    assert answer.status_code == 200
    shown = answer.text.replace('\\"', '"')
    of_the_notebook = '"dbPassword": "hunter2"'  # what a job prints itself is its own affair
    assert "hunter2" not in shown.replace(of_the_notebook, "")
    assert '"pin","value":"swordfish"' not in shown
    if not path.endswith("output"):
        assert "swordfish" not in shown
        assert ("anna" in shown) is path.startswith("runs/")


def test_a_stream_of_several_runs_shows_none(secretive: Flask, run_id: int) -> None:
    answer = secretive.test_client().get(f"/api/jobs/stream?run=greeting:{run_id}")
    assert "hunter2" not in answer.text
    assert "swordfish" not in answer.text
    assert "anna" in answer.text


def test_python_sees_what_there_is(secretive: Flask, run_id: int) -> None:
    with secretive.app_context():
        parameters = current_jobs["greeting"].get_run(run_id).job_parameters
    assert {parameter.name: parameter.value for parameter in parameters or []} == GIVEN


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "greeting"],
        ["status", "greeting"],
        ["show", "greeting", "{run_id}"],
        ["output", "greeting", "{run_id}"],
        ["watch", "greeting", "{run_id}"],
    ],
)
def test_the_command_line_shows_none_either(
    secretive: Flask, run_id: int, command: list[str]
) -> None:
    arguments = [part.format(run_id=run_id) for part in command]
    result = secretive.test_cli_runner().invoke(args=["jobs", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    printed = result.stdout.replace('\\"', '"').replace('"dbPassword": "hunter2"', "")
    assert "hunter2" not in printed


def test_nor_does_a_run_that_it_starts(secretive: Flask) -> None:
    given = [part for name, value in GIVEN.items() for part in ("-p", f"{name}={value}")]
    result = secretive.test_cli_runner().invoke(args=["jobs", "run", "greeting", *given, "--json"])
    assert result.exit_code == 0, result.output
    parameters = json.loads(result.stdout)["run"]["job_parameters"]
    assert {each["name"]: each["value"] for each in parameters} == {
        "who": "anna",
        "dbPassword": REDACTED,
        "pin": REDACTED,
    }
