"""Workspaces as processes of their own: found, started once, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import (
    Address,
    Workspace,
    WorkspaceError,
    ensure_workspace,
    load_bundle,
    stop_workspace,
)
from flask_lakeflow_jobs.local.__main__ import main
from tests.local.support import Client, python_task, task_results, write_bundle
from tests.support import wait_until

ENSURE = """
import sys
from flask_lakeflow_jobs.local import ensure_workspace
address = ensure_workspace(sys.argv[1], sys.argv[2])
print(address.pid, address.host)
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    jobs = {"etl": {"tasks": [python_task("main")]}, "my-job": {"tasks": [python_task("main")]}}
    path = tmp_path / "bundle"
    path.mkdir()
    return write_bundle(path, jobs, {"main.py": "print('hello')"})


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "instance" / "workspace"
    yield path
    stop_workspace(path)


def client_of(address: Address, bundle: Path) -> Client:
    return Client(address, {key: job.job_id for key, job in load_bundle(bundle).jobs.items()})


def kill(address: Address, folder: Path) -> None:
    from flask_lakeflow_jobs.local.home import WorkspaceFolder

    os.kill(address.pid, signal.SIGKILL)
    wait_until(lambda: not WorkspaceFolder(folder).is_served(), "the end of the workspace")


def test_many_processes_get_one_workspace(bundle: Path, folder: Path) -> None:
    command = [sys.executable, "-c", ENSURE, str(folder), str(bundle)]

    def ensure(_: int) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(ensure, range(6)))
    assert len(answers) == 1
    address = ensure_workspace(folder, bundle)
    assert answers == {f"{address.pid} {address.host}\n"}
    assert address.pid != os.getpid()
    assert address.token not in repr(address)


def test_run_outlives_the_command_that_started_it(bundle: Path, folder: Path) -> None:
    address = ensure_workspace(folder, bundle)
    run_id = client_of(address, bundle).start("etl")
    again = ensure_workspace(folder, bundle)
    assert again == address
    run = client_of(again, bundle).finish(run_id)
    assert task_results(run) == {"main": "SUCCESS"}


def test_files_are_for_this_user_alone(bundle: Path, folder: Path) -> None:
    address = ensure_workspace(folder, bundle)
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("address.json", "identity.json", "workspace.log", "runs.sqlite"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    assert address.token not in (folder / "workspace.log").read_text()


def test_dead_workspace_is_started_again_at_the_same_address(bundle: Path, folder: Path) -> None:
    first = ensure_workspace(folder, bundle)
    client = client_of(first, bundle)
    run_id = client.start("etl")
    client.finish(run_id)
    kill(first, folder)
    second = ensure_workspace(folder, bundle)
    assert (second.host, second.token) == (first.host, first.token)
    assert second.pid != first.pid
    assert task_results(client.finish(run_id)) == {"main": "SUCCESS"}


def test_another_port_where_the_old_one_is_taken(bundle: Path, folder: Path) -> None:
    import socket

    first = ensure_workspace(folder, bundle)
    kill(first, folder)
    with socket.create_server(("127.0.0.1", int(first.host.rpartition(":")[2]))):
        second = ensure_workspace(folder, bundle)
        assert second.host != first.host
        assert second.token == first.token
        run = client_of(second, bundle).run("etl")
    assert task_results(run) == {"main": "SUCCESS"}


def test_a_server_that_breaks_down_ends_the_process(
    bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: object) -> None:
        raise OSError("no more files")

    monkeypatch.setattr("flask_lakeflow_jobs.local.http.server.wasyncore.loop", broken)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(["--bundle", str(bundle), "--folder", str(folder), "--quiet"]) == 1
    assert "The server failed" in caplog.text
    assert stop_workspace(folder) is False


def test_other_bundle_is_refused(bundle: Path, folder: Path, tmp_path: Path) -> None:
    ensure_workspace(folder, bundle)
    with pytest.raises(WorkspaceError, match=r"serves .*bundle/databricks.yml, not .*other.yml"):
        ensure_workspace(folder, tmp_path / "other.yml")


@pytest.mark.parametrize(
    ("at_start", "later", "served"),
    [
        ("", "prod", "target dev, not prod"),
        ("prod", "", "target prod, not dev"),
        ("dev", "prod", "target dev, not prod"),
        ("dev", "", None),
        ("", "dev", None),
        ("prod", "prod", None),
    ],
)
def test_other_target_is_refused(
    bundle: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_start: str,
    later: str,
    served: str | None,
) -> None:
    targets = "targets: {dev: {default: true}, prod: {}}"
    bundle.write_text(bundle.read_text().replace("bundle:", f"{targets}\nbundle:"))
    monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", at_start)
    with Workspace(bundle, folder) as address:
        monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", later)
        if served is None:
            assert ensure_workspace(folder, bundle) == address
            return
        refusal = rf"serves {served}\. Stop it first: flask jobs local --stop\."
        with pytest.raises(WorkspaceError, match=refusal):
            ensure_workspace(folder, bundle)


def test_other_values_of_variables_are_refused(
    bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_day", "monday")
    with Workspace(bundle, folder) as address:
        assert ensure_workspace(folder, bundle) == address
        monkeypatch.setenv("BUNDLE_VAR_day", "tuesday")
        with pytest.raises(WorkspaceError, match="other values of variables"):
            ensure_workspace(folder, bundle)
        assert "monday" not in (folder / "address.json").read_text()


def test_reason_why_it_does_not_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"did not start: databricks.yml: There is no such"):
        ensure_workspace(folder, tmp_path / "nowhere" / "databricks.yml")


def test_what_has_to_be_installed(
    bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.daemon.find_spec", lambda name: None)
    with pytest.raises(WorkspaceError, match=r"needs yaml and waitress\. Install them with: pip"):
        ensure_workspace(folder, bundle)


def test_folder_that_cannot_be_made(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot be created"):
        ensure_workspace(tmp_path / "file" / "folder", bundle)


def test_start_while_another_one_is_ending(bundle: Path, folder: Path) -> None:
    first = ensure_workspace(folder, bundle)
    for _ in range(3):
        os.kill(first.pid, signal.SIGTERM)
        wait_until(lambda: not (folder / "address.json").exists(), "its end")
        second = ensure_workspace(folder, bundle)
        assert (second.pid, second.token) != (first.pid, first.token)
        first = second


def test_stop(bundle: Path, folder: Path) -> None:
    assert stop_workspace(folder) is False
    address = ensure_workspace(folder, bundle)
    assert stop_workspace(folder) is True
    assert stop_workspace(folder) is False
    assert not (folder / "address.json").exists()
    assert ensure_workspace(folder, bundle).token == address.token


def test_two_servers_on_one_folder(bundle: Path, folder: Path) -> None:
    with Workspace(bundle, folder) as address:
        assert ensure_workspace(folder, bundle) == address
        with pytest.raises(WorkspaceError, match="Another process serves the workspace"):
            Workspace(bundle, folder).start()
        with pytest.raises(WorkspaceError, match="part of this process"):
            stop_workspace(folder)


def test_foreground_prints_what_to_export(bundle: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local"]
    command += ["--bundle", str(bundle), "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        address = ensure_workspace(folder, bundle)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    jobs = load_bundle(bundle).jobs
    assert lines == [
        f"export DATABRICKS_HOST={address.host}\n",
        f"export DATABRICKS_TOKEN={address.token}\n",
        f"export DATABRICKS_JOB_ETL={jobs['etl'].job_id}\n",
        f"export DATABRICKS_JOB_MY_JOB={jobs['my-job'].job_id}\n",
    ]


def test_idle_workspace_ends(bundle: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local", "--idle-exit", "0.01"]
    command += ["--bundle", str(bundle), "--folder", str(folder)]
    assert subprocess.run(command, timeout=60, check=False, capture_output=True).returncode == 0


def test_variables_of_the_bundle(bundle: Path, folder: Path) -> None:
    text = bundle.read_text().replace("bundle:", "variables: {title: {}}\nbundle:")
    job = "{name: '${var.title}', tasks: [{task_key: a, run_job_task: {job_id: 1}}]}"
    bundle.write_text(f"{text}    named: {job}\n")
    command = [sys.executable, "-m", "flask_lakeflow_jobs.local", "--idle-exit", "0.01"]
    command += ["--bundle", str(bundle), "--folder", str(folder)]
    answers = [
        subprocess.run([*command, *more], timeout=60, check=False, capture_output=True, text=True)
        for more in ((), ("--var", "title"), ("--var", "title=a=b"))
    ]
    assert [each.returncode for each in answers] == [1, 2, 0]
    assert "${var.title} has no value" in answers[0].stderr
    assert "'title' is not of the form NAME=VALUE" in answers[1].stderr
