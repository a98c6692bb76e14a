"""Shell completion."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from databricks.sdk.service.jobs import Job
from flask import Flask
from flask.cli import FlaskGroup

from flask_lakeflow_jobs.cli import completion
from flask_lakeflow_jobs.config.jobs import build_env_name
from flask_lakeflow_jobs.handle import JobHandle
from flask_lakeflow_jobs.local.folder import WorkspaceFolder
from flask_lakeflow_jobs.testing import FaultyWorkspace, GatewayPage
from tests.cli import apps
from tests.cli.conftest import BUNDLE, RunFlask, start_run
from tests.support import DEADLINE


def complete_items(
    *args: str, typed: str = "", create_app: Callable[[], Flask] = apps.create_app
) -> dict[str, str | None]:
    """Return what is completed, with the text that some shells show beside it."""
    group = FlaskGroup(create_app=create_app, load_dotenv=False)
    shell = ShellComplete(group, {}, "flask", "_FLASK_COMPLETE")
    return {item.value: item.help for item in shell.get_completions(["jobs", *args], typed)}


def complete(*args: str, **options: Any) -> list[str]:
    return list(complete_items(*args, **options))


@pytest.mark.parametrize(
    ("command", "typed", "keys"),
    [("watch", "h", ["held"]), ("repair", "h", ["held"]), ("run", "", None), ("status", "no", [])],
)
def test_key_completes_the_jobs_of_the_app(
    command: str, typed: str, keys: list[str] | None, job_ids: Mapping[str, int]
) -> None:
    assert sorted(complete(command, typed=typed)) == (sorted(job_ids) if keys is None else keys)


@pytest.mark.parametrize("command", ["show", "export"])
def test_job_option_completes_the_jobs_of_the_app(command: str) -> None:
    assert complete("record", command, "--job", typed="h") == ["held"]


@pytest.mark.parametrize(
    ("typed", "names"), [("", ["day=", "rows=", "dry="]), ("d", ["day=", "dry="]), ("day=2", [])]
)
def test_parameter_completes_the_fields_of_the_schema(typed: str, names: list[str]) -> None:
    assert complete("run", "etl", "-p", typed=typed) == names
    assert complete("run", "etl", "-p", "rows=1", "--param", typed=typed) == names
    assert complete("repair", "etl", "7", "-p", typed=typed) == names


def test_parameter_completes_those_that_the_job_declares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(completion, "LOOKUP_TIMEOUT_SECONDS", DEADLINE)
    assert complete("run", "held", "-p") == ["gate="]


def test_parameter_with_escapes_is_not_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "LOOKUP_TIMEOUT_SECONDS", DEADLINE)
    parameters = [{"name": name, "default": ""} for name in ("a\x1b]0;x\x07", "b\u202e", "c")]
    job = Job.from_dict({"settings": {"parameters": parameters}})
    monkeypatch.setattr(JobHandle, "get_job", lambda _: job)
    assert complete("run", "held", "-p") == ["c="]


def test_parameter_completes_the_fields_of_the_task_type() -> None:
    assert complete("run", "words", "-p") == ["args="]
    assert complete("run", "broken", "-p", typed="job_") == ["job_parameters="]


@pytest.mark.parametrize("args", [("run", "nope", "-p"), ("run", "-p")])
def test_parameter_of_an_unknown_job_completes_nothing(args: tuple[str, ...]) -> None:
    assert complete(*args) == []


def test_failing_workspace_completes_nothing(
    fault_proxy: FaultyWorkspace, capfd: pytest.CaptureFixture[str]
) -> None:
    fault_proxy.fail(GatewayPage(), path="jobs/get")
    assert complete("run", "held", "-p") == []
    assert capfd.readouterr() == ("", "")


def test_run_completes_the_newest_runs_of_the_job(
    flask_jobs: RunFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "LOOKUP_TIMEOUT_SECONDS", DEADLINE)
    older, newer = start_run(flask_jobs, "words"), start_run(flask_jobs, "words")
    assert complete("show", "words")[:2] == [newer, older]
    assert complete("watch", "words", typed=older) == [older]
    assert complete("compare", "words", newer)[:1] == [older]
    assert complete("show", "nope") == []
    shown = complete_items("show", "words")[newer] or ""
    assert re.fullmatch(r"\w+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", shown)


@pytest.mark.parametrize(
    ("args", "typed", "tasks"),
    [
        (("run", "etl", "--only"), "", ["read", "report"]),
        (("run", "etl", "--only"), "read,re", ["read,report"]),
        (("repair", "etl", "7", "--only"), "rep", ["report"]),
        (("logs", "etl", "7", "--task"), "", ["read", "report"]),
    ],
)
def test_tasks_complete_those_of_the_job(
    args: tuple[str, ...], typed: str, tasks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "LOOKUP_TIMEOUT_SECONDS", DEADLINE)
    assert complete(*args, typed=typed) == tasks


@pytest.mark.parametrize("args", [("repair", "7", "--only"), ("output", "7", "--task")])
def test_tasks_complete_those_of_the_only_job(
    args: tuple[str, ...], job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "LOOKUP_TIMEOUT_SECONDS", DEADLINE)
    for key in set(job_ids) - {"held"}:
        monkeypatch.delenv(build_env_name(key))
    assert complete(*args, create_app=apps.create_app_without_jobs) == ["wait"]


def create_broken_app() -> Flask:
    print("Loading.")
    raise RuntimeError("The app cannot be made.")


@pytest.mark.parametrize("create_app", [create_broken_app, lambda: Flask("bare")])
@pytest.mark.parametrize("args", [("run",), ("run", "etl", "-p")])
def test_app_without_the_extension_completes_nothing(
    create_app: Callable[[], Flask], args: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert complete(*args, create_app=create_app) == []
    assert capfd.readouterr() == ("", "")


def test_completion_does_not_start_a_local_workspace(
    job_ids: Mapping[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", *map(build_env_name, job_ids)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKEFLOW_JOBS_BUNDLE", str(BUNDLE))
    assert complete("run", "held", "-p") == []
    folder = Path(apps.create_app().instance_path) / "lakeflow"
    assert not WorkspaceFolder(folder).is_served()
