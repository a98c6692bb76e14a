"""The commands, the project and the profile of a ``dbt_task``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.dbt import choose_output, split_commands
from flask_lakeflow_jobs.local.tasks.work import CannotRun
from tests.local.tasks.support import context, payload, refusal

DATABRICKS = "shop: {target: prod, outputs: {prod: {type: databricks}, dev: {type: duckdb}}}"


def test_split_commands_takes_the_options_of_the_profile() -> None:
    commands = [
        "dbt deps --target=dev",
        'dbt run --profiles-dir prod -s "a b" --vars "{ x: 1 }"',
        "dbt test --profiles-dir=dev -t prod",
    ]
    assert split_commands(commands) == (
        [["deps"], ["run", "-s", "a b", "--vars", "{ x: 1 }"], ["test"]],
        {"target": "prod", "profiles": "dev"},
    )


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("pip install x", "The command 'pip install x' is no command of dbt. A dbt_task runs"),
        ("dbt", "The command 'dbt' is no command of dbt."),
        ("dbt run 'x", "cannot be read: No closing quotation."),
    ],
)
def test_split_commands_refuses_others(command: str, error: str) -> None:
    with pytest.raises(CannotRun) as caught:
        split_commands([command])
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "named", "target"),
    [
        ({"prod": {"type": "databricks"}, "local": {"type": "duckdb"}}, "prod", "local"),
        ({"prod": {"type": "databricks"}, "dev": {"type": "duckdb"}}, "dev", "dev"),
        ({"prod": {"type": "postgres"}}, None, "prod"),
    ],
)
def test_target_is_local_or_one_without_databricks(
    outputs: dict[str, Any], named: str | None, target: str
) -> None:
    profile = {"target": "prod", "outputs": outputs}
    assert choose_output(Path("profiles.yml"), profile, "shop", named) == target


@pytest.mark.parametrize(
    ("body", "files", "error"),
    [
        ({"commands": ["ls"]}, {}, "The command 'ls' is no command of dbt."),
        ({}, {}, "There is no dbt_project.yml in "),
        ({"project_directory": "other"}, {"other/a.txt": ""}, "or create one: dbt init."),
        ({}, {"dbt_project.yml": "- 1"}, "dbt_project.yml has no fields."),
        ({}, {"dbt_project.yml": "a: [\n"}, "dbt_project.yml, line 2 cannot be read: "),
        (
            {"profiles_directory": "p"},
            {"dbt_project.yml": "profile: shop", "p/profiles.yml": "other: {}"},
            "profiles.yml has no profile 'shop' with outputs, which dbt_project.yml names.",
        ),
        (
            {},
            {"dbt_project.yml": "profile: shop", "profiles.yml": DATABRICKS},
            "Add an output 'local' of type duckdb to ",
        ),
    ],
)
def test_task_that_cannot_run_says_what_to_do(
    folder: Path, body: dict[str, Any], files: dict[str, str], error: str
) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    assert error in refusal("dbt_task", {"commands": ["dbt run"], **body}, context(folder))


def test_project_without_a_profile_gets_one_of_duckdb(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_lakeflow_jobs.local.tasks import dbt

    monkeypatch.setattr(dbt, "is_installed", lambda: True)
    (folder / "dbt_project.yml").write_text("profile: shop")
    spec = {"task_key": "a", "dbt_task": {"commands": ["dbt run"], "schema": "raw"}}
    work = payload(dbt.build_dbt(spec, context(folder)))
    assert work["parameters"] == [["run", "--target", "local"]]
    output = work["profile"]["shop"]["outputs"]["local"]
    assert (output["type"], output["schema"]) == ("duckdb", "raw")
    monkeypatch.setattr(dbt, "is_installed", lambda: False)
    assert "A dbt_task needs dbt: pip install" in refusal(
        "dbt_task", spec["dbt_task"], context(folder)
    )
