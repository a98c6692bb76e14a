"""``flask jobs local``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from flask_lakeflow_jobs.config.jobs import build_env_name
from tests.cli import apps
from tests.cli.conftest import RunFlask, run_in_shell


@pytest.mark.processes
@pytest.mark.usefixtures("own_workspace")
def test_local_starts_shows_and_stops_the_workspace(
    flask_jobs_process: RunFlask, job_ids: Mapping[str, int]
) -> None:
    assert flask_jobs_process("local", "--status").stdout == "Not running.\n"
    assert flask_jobs_process("local", "--stop").stderr == "It was not running.\n"
    exported = flask_jobs_process("local")
    assert exported.exit_code == 0
    names = dict(
        line.removeprefix("export ").split("=", 1) for line in exported.stdout.splitlines()
    )
    assert names.pop("DATABRICKS_TOKEN")
    host = names.pop("DATABRICKS_HOST")
    assert host.startswith("http://127.0.0.1:")
    assert names == {build_env_name(key): str(job_id) for key, job_id in job_ids.items()}
    assert flask_jobs_process("local").stdout == exported.stdout
    assert flask_jobs_process("local", "--status").stdout.startswith(f"Running at {host} (process ")
    assert flask_jobs_process("local", "--stop").stderr == "Stopped.\n"
    assert flask_jobs_process("local", "--status").stdout == "Not running.\n"


@pytest.mark.processes
@pytest.mark.usefixtures("own_workspace")
def test_local_exports_settings_for_a_shell() -> None:
    result = run_in_shell("""
        eval "$(jobs local)"
        unset LAKEFLOW_JOBS_BUNDLE
        jobs run words -p args=in
    """)
    assert (result.exit_code, result.stdout) == (0, "in\n"), result.stderr


@pytest.mark.processes
@pytest.mark.usefixtures("own_workspace")
def test_local_fails_if_its_result_is_unwritable() -> None:
    assert run_in_shell("jobs local --status > /dev/full").exit_code == 1


@pytest.mark.processes
@pytest.mark.usefixtures("own_workspace")
def test_workspace_that_cannot_start_is_an_error(
    flask_jobs: RunFlask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLI_APP_INSTANCE", str(tmp_path / "file"))
    for command in (["local"], ["run", "words"]):
        result = flask_jobs(*command, of=apps.create_app())
        assert (result.exit_code, result.stdout) == (7, "")
        assert result.stderr.startswith("Error: ")


@pytest.mark.parametrize("option", [[], ["--status"], ["--stop"]])
def test_local_without_a_bundle_is_a_usage_error(flask_jobs: RunFlask, option: list[str]) -> None:
    result = flask_jobs("local", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "LAKEFLOW_JOBS_BUNDLE" in result.stderr
