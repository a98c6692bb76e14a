"""The commands, the project and the profile of a ``dbt_task``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks import dbt
from flask_lakeflow_jobs.local.tasks.dbt import build_profile, split_commands
from flask_lakeflow_jobs.local.tasks.work import CannotRun
from tests.local.conftest import Serve
from tests.local.support import state_message

PROFILES = """
shop:
  target: prod
  outputs:
    prod: {type: databricks, catalog: lake, schema: gold, host: x, token: secret, threads: 8}
    dev: {type: databricks, schema: "{{ var('dev_schema') }}"}
"""


def test_split_commands_takes_the_options_of_the_profile() -> None:
    commands = [
        "dbt deps --target=dev",
        'dbt run --profiles-dir prod -s "a b" --vars "{ x: 1 }"',
        "dbt test --profiles-dir=dev -t prod",
    ]
    assert split_commands(commands) == (
        [
            ["deps", "--target=dev"],
            ["run", "-s", "a b", "--vars", "{ x: 1 }"],
            ["test", "-t", "prod"],
        ],
        {"target": ["dev", "prod"], "profiles-dir": ["prod", "dev"]},
    )


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("pip install x", "The command 'pip install x' is no command of dbt. A dbt_task runs"),
        ("dbt", "The command 'dbt' is no command of dbt."),
        ("", "The command '' is no command of dbt."),
        ("dbt run 'x", "cannot be read: No closing quotation."),
    ],
)
def test_split_commands_refuses_others(command: str, error: str) -> None:
    with pytest.raises(CannotRun) as refusal:
        split_commands([command])
    assert error in str(refusal.value)


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        (
            {},
            {
                "prod": {"catalog": "lake", "schema": "gold", "threads": 8},
                "dev": {"catalog": "main", "schema": "{{ var('dev_schema') }}", "threads": 4},
            },
        ),
        (
            {"catalog": "sea", "schema": "raw"},
            {
                "prod": {"catalog": "sea", "schema": "raw", "threads": 8},
                "dev": {"catalog": "sea", "schema": "raw", "threads": 4},
            },
        ),
    ],
)
def test_build_profile_keeps_no_addresses_and_tokens(
    tmp_path: Path, body: dict[str, str], outputs: dict[str, Any]
) -> None:
    (tmp_path / "profiles.yml").write_text(PROFILES)
    profile = build_profile({"profile": "shop"}, tmp_path, body, [])
    assert profile == {"name": "shop", "target": "prod", "outputs": outputs}


@pytest.mark.parametrize(
    ("targets", "names"),
    [([], ["default"]), (["dev"], ["dev"]), (["dev", "prod"], ["dev", "prod"])],
)
def test_build_profile_of_a_warehouse_needs_no_file(
    tmp_path: Path, targets: list[str], names: list[str]
) -> None:
    body = {"warehouse_id": "any", "schema": "raw"}
    output = {"catalog": "main", "schema": "raw", "threads": 4}
    profile = build_profile({"profile": "shop"}, tmp_path, body, targets)
    assert profile == {"name": "shop", "target": names[0], "outputs": dict.fromkeys(names, output)}


def task(**body: Any) -> dict[str, Any]:
    return {"etl": {"tasks": [{"task_key": "dbt", "dbt_task": {"commands": ["dbt run"], **body}}]}}


@pytest.mark.parametrize(
    ("body", "files", "error"),
    [
        ({"commands": ["ls"]}, {}, "The command 'ls' is no command of dbt."),
        ({}, {}, "There is no dbt_project.yml in "),
        ({"project_directory": "other"}, {"other/a.txt": ""}, "or create one: dbt init."),
        ({}, {"dbt_project.yml": "profile: shop"}, "or create it: dbt init --profiles-dir "),
        ({}, {"dbt_project.yml": "- 1"}, "dbt_project.yml has no fields."),
        ({}, {"dbt_project.yml": "a: [\n"}, "dbt_project.yml, line 2 cannot be read: "),
        (
            {"profiles_directory": "p"},
            {"dbt_project.yml": "profile: shop", "p/profiles.yml": "other: {}"},
            "profiles.yml has no profile 'shop' with outputs, which dbt_project.yml names.",
        ),
        (
            {"profiles_directory": "p"},
            {"dbt_project.yml": "profile: shop", "p/profiles.yml": PROFILES},
            "A dbt_task needs dbt: pip install 'flask-lakeflow-jobs[dbt]'.",
        ),
    ],
)
def test_dbt_task_that_cannot_run_fails_with_the_cause(
    serve: Serve,
    body: dict[str, Any],
    files: dict[str, str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dbt, "is_installed", lambda: False)
    (failed,) = serve(task(**body), files).run("etl").tasks or []
    assert error in state_message(failed)
