"""``python -m flask_lakeflow_jobs.local``."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import (
    ensure_workspace,
    load_bundle,
)
from tests.support import DEADLINE


def command(bundle: Path, folder: Path, *options: str) -> list[str]:
    arguments = ["--bundle", str(bundle), "--folder", str(folder), *options]
    return [sys.executable, "-m", "flask_lakeflow_jobs.local", *arguments]


def test_command_prints_exports_and_serves_until_a_signal(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    with subprocess.Popen(
        command(etl_bundle, workspace_folder), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        address = ensure_workspace(workspace_folder, etl_bundle)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 0
    jobs = load_bundle(etl_bundle).jobs
    assert lines == [
        f"export DATABRICKS_HOST={address.host}\n",
        f"export DATABRICKS_TOKEN={address.token}\n",
        f"export DATABRICKS_JOB_ETL={jobs['etl'].job_id}\n",
        f"export DATABRICKS_JOB_MY_JOB={jobs['my-job'].job_id}\n",
    ]


def test_command_imports_neither_flask_nor_sdk() -> None:
    """They would take most of the time of its start, and half of its memory."""
    code = """
import sys
import flask_lakeflow_jobs.local.__main__
print(sorted({"flask", "werkzeug", "databricks.sdk", "sqlalchemy"} & sys.modules.keys()))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert answer.stdout == "[]\n"


@pytest.mark.parametrize("bundle", [".", "databricks.yml"])
def test_workspace_without_a_folder_is_beside_the_bundle_and_ignored_by_git(
    etl_bundle: Path, bundle: str
) -> None:
    project = etl_bundle.parent.rename(etl_bundle.parent.with_name("shop"))
    idle = [sys.executable, "-m", "flask_lakeflow_jobs.local", "--bundle", bundle]
    idle += ["--idle-exit", "0.01"]
    subprocess.run(idle, timeout=DEADLINE, check=True, capture_output=True, cwd=project)
    assert (project / ".lakeflow/.gitignore").read_text() == "*\n"


def test_command_exits_when_idle(etl_bundle: Path, workspace_folder: Path) -> None:
    idle = command(etl_bundle, workspace_folder, "--idle-exit", "0.01")
    assert subprocess.run(idle, timeout=DEADLINE, check=False, capture_output=True).returncode == 0


def test_command_refuses_a_port_that_is_not_free(etl_bundle: Path, workspace_folder: Path) -> None:
    """Another one would not be that in the configuration of a client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        taken = command(etl_bundle, workspace_folder, "--port", port)
        ended = subprocess.run(taken, timeout=DEADLINE, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"Port {port} is not free. Choose another --port.\n"


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        ((), 1, "The variable 'title' has no value"),
        (("--var", "title"), 2, "'title' is not of the form NAME=VALUE"),
        (("--var", "title=a=b"), 0, ""),
    ],
)
def test_command_sets_variables_of_the_bundle(
    etl_bundle: Path, workspace_folder: Path, options: tuple[str, ...], code: int, error: str
) -> None:
    text = etl_bundle.read_text().replace("bundle:", "variables: {title: {}}\nbundle:")
    job = "{name: '${var.title}', tasks: [{task_key: a, run_job_task: {job_id: 1}}]}"
    etl_bundle.write_text(f"{text}    named: {job}\n")
    idle = command(etl_bundle, workspace_folder, "--idle-exit", "0.01", *options)
    ended = subprocess.run(idle, timeout=DEADLINE, check=False, capture_output=True, text=True)
    assert ended.returncode == code
    assert error in ended.stderr


@pytest.mark.parametrize("module", ["yaml", "waitress"])
@pytest.mark.parametrize(
    "program",
    ["import flask_lakeflow_jobs.local.__main__", "import flask_lakeflow_jobs.testing.plugin"],
)
def test_missing_extra_is_named_with_the_command_that_installs_it(
    program: str, module: str
) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; {program}"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE
    )
    assert result.returncode == 1
    last_line = result.stderr.splitlines()[-1]
    assert f"pip install 'flask-lakeflow-jobs[local]'. import of {module} halted" in last_line
