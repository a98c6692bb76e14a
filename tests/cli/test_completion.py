"""What the shell offers on TAB."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from flask import Flask
from flask.cli import FlaskGroup

from flask_lakeflow_jobs.cli import completion
from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.local.home import WorkspaceFolder
from flask_lakeflow_jobs.testing import FaultyWorkspace, GatewayPage
from tests.cli import shop
from tests.cli.conftest import BUNDLE
from tests.support import DEADLINE


def offered(
    *args: str, typed: str = "", create_app: Callable[[], Flask] = shop.create_app
) -> list[str]:
    group = FlaskGroup(create_app=create_app, load_dotenv=False)
    shell = ShellComplete(group, {}, "flask", "_FLASK_COMPLETE")
    return [item.value for item in shell.get_completions(["jobs", *args], typed)]


@pytest.mark.parametrize(
    ("command", "typed", "keys"),
    [("watch", "h", ["held"]), ("repair", "h", ["held"]), ("run", "", None), ("status", "no", [])],
)
def test_the_keys_of_jobs(
    command: str, typed: str, keys: list[str] | None, job_ids: Mapping[str, int]
) -> None:
    assert sorted(offered(command, typed=typed)) == (sorted(job_ids) if keys is None else keys)


@pytest.mark.parametrize(
    ("typed", "names"), [("", ["day=", "rows=", "dry="]), ("d", ["day=", "dry="]), ("day=2", [])]
)
def test_the_parameters_of_a_schema(typed: str, names: list[str]) -> None:
    assert offered("run", "etl", "-p", typed=typed) == names
    assert offered("run", "etl", "-p", "rows=1", "--param", typed=typed) == names


def test_the_parameters_that_a_job_declares_where_it_has_no_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(completion, "SOON", DEADLINE)
    assert offered("run", "held", "-p") == ["gate="]


def test_the_parameters_of_a_task_type() -> None:
    assert offered("run", "words", "-p") == ["args="]
    assert offered("run", "broken", "-p", typed="job_") == ["job_parameters="]


@pytest.mark.parametrize("args", [("run", "nope", "-p"), ("run", "-p")])
def test_nothing_where_nothing_is_known(args: tuple[str, ...]) -> None:
    assert offered(*args) == []


def test_nothing_where_the_workspace_fails(
    fault_proxy: FaultyWorkspace, capfd: pytest.CaptureFixture[str]
) -> None:
    fault_proxy.fail(GatewayPage(), path="jobs/get")
    assert offered("run", "held", "-p") == []
    assert capfd.readouterr() == ("", "")


def broken_app() -> Flask:
    print("Loading.")
    raise RuntimeError("The app cannot be made.")


@pytest.mark.parametrize("create_app", [broken_app, lambda: Flask("bare")])
@pytest.mark.parametrize("args", [("run",), ("run", "etl", "-p")])
def test_nothing_where_there_is_no_app_with_jobs(
    create_app: Callable[[], Flask], args: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert offered(*args, create_app=create_app) == []
    assert capfd.readouterr() == ("", "")


def test_no_workspace_is_started_to_complete_a_word(
    job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", *map(build_env_name, job_ids)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEFLOW_JOBS_BUNDLE", str(BUNDLE))
    assert offered("run", "held", "-p") == []
    folder = Path(shop.create_app().instance_path) / "lakeflow"
    assert not WorkspaceFolder(folder).is_served()
