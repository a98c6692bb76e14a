"""Workspaces in processes of their own: found, started, restarted and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Workspace, WorkspaceError, ensure_workspace, stop_workspace
from flask_lakeflow_jobs.local.store.sqlite import Store
from tests.local.kills import client_of, kill
from tests.local.support import task_results
from tests.support import wait_until

ENSURE = """
import sys
from flask_lakeflow_jobs.local import ensure_workspace
address = ensure_workspace(sys.argv[1], sys.argv[2])
print(address.pid, address.host)
"""


def test_ensure_from_many_processes_starts_one_workspace(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    command = [sys.executable, "-c", ENSURE, str(workspace_folder), str(etl_bundle)]

    def ensure(_: int) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(6) as pool:
        addresses = set(pool.map(ensure, range(6)))
    assert len(addresses) == 1
    address = ensure_workspace(workspace_folder, etl_bundle)
    assert addresses == {f"{address.pid} {address.host}\n"}
    assert address.pid != os.getpid()
    assert address.token not in repr(address)


def test_files_are_readable_by_this_user_only(etl_bundle: Path, workspace_folder: Path) -> None:
    address = ensure_workspace(workspace_folder, etl_bundle)
    assert workspace_folder.stat().st_mode & 0o077 == 0
    for name in ("address.json", "identity.json", "workspace.log", "runs.sqlite"):
        assert (workspace_folder / name).stat().st_mode & 0o777 == 0o600, name
    assert address.token not in (workspace_folder / "workspace.log").read_text()


def test_ensure_after_a_crash_restarts_at_the_same_address(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    first = ensure_workspace(workspace_folder, etl_bundle)
    client = client_of(first, etl_bundle)
    run_id = client.start("etl")
    client.finish(run_id)
    kill(first, workspace_folder)
    second = ensure_workspace(workspace_folder, etl_bundle)
    assert (second.host, second.token) == (first.host, first.token)
    assert second.pid != first.pid
    assert task_results(client.finish(run_id)) == {"main": "SUCCESS"}


def test_ensure_after_a_crash_uses_another_port_if_taken(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    first = ensure_workspace(workspace_folder, etl_bundle)
    kill(first, workspace_folder)
    with socket.create_server(("127.0.0.1", int(first.host.rpartition(":")[2]))):
        second = ensure_workspace(workspace_folder, etl_bundle)
        assert second.host != first.host
        assert second.token == first.token
        run = client_of(second, etl_bundle).run("etl")
    assert task_results(run) == {"main": "SUCCESS"}


def test_ensure_with_another_bundle_is_refused(
    etl_bundle: Path, workspace_folder: Path, tmp_path: Path
) -> None:
    ensure_workspace(workspace_folder, etl_bundle)
    with pytest.raises(WorkspaceError, match=r"serves .*bundle/databricks.yml, not .*other.yml"):
        ensure_workspace(workspace_folder, tmp_path / "other.yml")


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
def test_ensure_with_another_target_is_refused(
    etl_bundle: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_start: str,
    later: str,
    served: str | None,
) -> None:
    targets = "targets: {dev: {default: true}, prod: {}}"
    etl_bundle.write_text(etl_bundle.read_text().replace("bundle:", f"{targets}\nbundle:"))
    monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", at_start)
    with Workspace(etl_bundle, workspace_folder) as address:
        monkeypatch.setenv("DATABRICKS_BUNDLE_TARGET", later)
        if served is None:
            assert ensure_workspace(workspace_folder, etl_bundle) == address
            return
        message = rf"serves {served}\. Stop it first: flask jobs local --stop\."
        with pytest.raises(WorkspaceError, match=message):
            ensure_workspace(workspace_folder, etl_bundle)


def test_ensure_with_other_variables_is_refused(
    etl_bundle: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_day", "monday")
    with Workspace(etl_bundle, workspace_folder) as address:
        assert ensure_workspace(workspace_folder, etl_bundle) == address
        monkeypatch.setenv("BUNDLE_VAR_day", "tuesday")
        with pytest.raises(WorkspaceError, match="other values of variables"):
            ensure_workspace(workspace_folder, etl_bundle)
        assert "monday" not in (workspace_folder / "address.json").read_text()


def test_ensure_quotes_why_the_workspace_did_not_start(
    workspace_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkspaceError, match=r"did not start: databricks.yml: There is no such"):
        ensure_workspace(workspace_folder, tmp_path / "nowhere" / "databricks.yml")


def test_ensure_in_a_folder_that_cannot_be_written_is_refused(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    (workspace_folder / "workspace.log").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match=r"cannot use its folder .*: .*workspace\.log"):
        ensure_workspace(workspace_folder, etl_bundle)


def test_ensure_names_the_packages_to_install(
    etl_bundle: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.background.find_spec", lambda name: None)
    with pytest.raises(WorkspaceError, match=r"needs yaml and waitress\. Install them with: pip"):
        ensure_workspace(workspace_folder, etl_bundle)


def test_ensure_while_the_workspace_stops_starts_another(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    first = ensure_workspace(workspace_folder, etl_bundle)
    for _ in range(3):
        os.kill(first.pid, signal.SIGTERM)
        wait_until(lambda: not (workspace_folder / "address.json").exists(), "its end")
        second = ensure_workspace(workspace_folder, etl_bundle)
        assert (second.pid, second.token) != (first.pid, first.token)
        first = second


def test_stop_returns_whether_the_workspace_was_running(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    assert stop_workspace(workspace_folder) is False
    address = ensure_workspace(workspace_folder, etl_bundle)
    assert stop_workspace(workspace_folder) is True
    assert stop_workspace(workspace_folder) is False
    assert not (workspace_folder / "address.json").exists()
    assert ensure_workspace(workspace_folder, etl_bundle).token == address.token


def test_workspace_of_this_process_is_found_but_not_stopped(
    etl_bundle: Path, workspace_folder: Path
) -> None:
    with Workspace(etl_bundle, workspace_folder) as address:
        assert ensure_workspace(workspace_folder, etl_bundle) == address
        with pytest.raises(WorkspaceError, match="part of this process"):
            stop_workspace(workspace_folder)


def test_address_of_a_dead_process_is_not_stopped(
    etl_bundle: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that serves the folder next may not have written its own address yet."""
    address = ensure_workspace(workspace_folder, etl_bundle)
    written = (workspace_folder / "address.json").read_bytes()
    kill(address, workspace_folder)
    assert (workspace_folder / "address.json").read_bytes() == written
    stopped: list[bool] = []

    def open_store(path: Path) -> Store:
        stopped.append(stop_workspace(workspace_folder))
        return Store(path)

    monkeypatch.setattr("flask_lakeflow_jobs.local.workspace.Store", open_store)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("another process was signaled"))
    with Workspace(etl_bundle, workspace_folder):
        assert stopped == [False]
