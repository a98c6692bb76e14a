"""A workspace in this process."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import (
    BundleError,
    ManualClock,
    Workspace,
    WorkspaceError,
    load_bundle,
)
from tests.local.conftest import Serve
from tests.local.support import (
    Client,
    python_task,
    simulated_job,
    simulated_task,
    state_fields,
    task_results,
    write_bundle,
)
from tests.support import DEADLINE, wait_until

DAY = 24 * 60 * 60


def test_idle_seconds_count_from_the_end_of_the_last_run(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"), seconds=DAY)}, {})
    clock = ManualClock()
    workspace = Workspace(path, tmp_path / "folder", clock=clock)
    with workspace as address:
        Client(address, {"etl": load_bundle(path).jobs["etl"].job_id}).start("etl")
        workspace._application.last_request -= DAY  # nobody asks for the run while it runs
        assert workspace.idle_seconds == 0
        clock.advance(DAY)
        assert 0 < workspace.idle_seconds < DAY / 2


def test_database_of_another_version_is_refused(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    with Workspace(path, tmp_path / "folder"):
        pass
    database = sqlite3.connect(tmp_path / "folder" / "runs.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(WorkspaceError, match="was written by another version of the local"):
        Workspace(path, tmp_path / "folder").start()


def test_damaged_database_is_refused(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    (tmp_path / "folder").mkdir()
    database = tmp_path / "folder" / "runs.sqlite"
    database.write_bytes(b"no database at all, but long enough to be read" * 100)
    workspace = Workspace(path, tmp_path / "folder")
    with pytest.raises(WorkspaceError, match=r"runs\.sqlite cannot be used: .*\. Move it away to"):
        workspace.start()
    database.unlink()
    with workspace as address:
        assert [job.job_id for job in Client(address, {}).jobs.list()]


@pytest.mark.parametrize("damage", ["SET settings = '{'", "SET settings = CAST(x'FF' AS TEXT)"])
def test_damaged_record_is_refused(etl_bundle: Path, workspace_folder: Path, damage: str) -> None:
    workspace = Workspace(etl_bundle, workspace_folder)
    with workspace as address:
        Client(address, {}).jobs.create(name="x")
    with closing(sqlite3.connect(workspace_folder / "runs.sqlite")) as database:
        database.execute(f"UPDATE jobs {damage}")
        database.commit()
    with pytest.raises(WorkspaceError, match=r"runs\.sqlite|cannot use its folder"):
        workspace.start()


def test_folder_that_cannot_be_written_is_refused(etl_bundle: Path, workspace_folder: Path) -> None:
    (workspace_folder / "runs.sqlite").mkdir(parents=True)
    message = (
        r"cannot use its folder .*: .*Is a directory.*\. Make room on its disk, or use another"
    )
    with pytest.raises(WorkspaceError, match=message):
        Workspace(etl_bundle, workspace_folder).start()


def test_bundle_may_refer_to_the_address_of_its_workspace(serve: Serve) -> None:
    client = serve(
        {"etl": {"name": "at ${workspace.host}", **simulated_job(simulated_task("main"))}}
    )
    (job,) = client.jobs.list()
    assert job.settings is not None
    assert job.settings.name == f"at {client.address.host}"


def test_workspace_starts_after_its_bundle_is_corrected(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {}, {})
    workspace = Workspace(path, tmp_path / "folder")
    with pytest.raises(BundleError):
        workspace.start()
    write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    with workspace as address:
        assert [job.job_id for job in Client(address, {}).jobs.list()]


def test_two_thousand_queued_runs_are_accepted(serve: Serve) -> None:
    client = serve({"etl": simulated_job(simulated_task("main"), seconds=1)}, clock=ManualClock())
    body = json.dumps({"job_id": client.job_ids["etl"]})
    headers = {"Authorization": f"Bearer {client.address.token}"}
    connection = HTTPConnection(client.address.host.removeprefix("http://"), timeout=DEADLINE)
    for _ in range(2000):
        connection.request("POST", "/api/2.2/jobs/run-now", body, headers)
        assert connection.getresponse().read().startswith(b'{"run_id"')
    connection.close()
    (oldest,) = [run for run in client.jobs.list_runs(limit=25) if state_fields(run)[0] != "QUEUED"]
    assert state_fields(oldest)[0] == "RUNNING"


def test_task_that_ignores_sigterm_is_killed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.local.tasks.processes._GRACE_SECONDS", 0.1)
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready")
        time.sleep(1000)
    """
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    run_id = client.start("etl")
    (main,) = client.jobs.get_run(run_id).tasks or []
    assert main.run_id is not None
    main_id = main.run_id
    wait_until(lambda: client.jobs.get_run_output(main_id).logs, "the first line")
    client.jobs.cancel_run(run_id)
    assert task_results(client.finish(run_id)) == {"main": "CANCELED"}


def test_logs_are_utf_8_in_any_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    code = "import sys; print('é ☃', flush=True); sys.stdout.buffer.write(b'\\xff\\n')"
    client = serve({"etl": {"tasks": [python_task("main")]}}, {"main.py": code})
    assert client.outputs(client.run("etl"))["main"].logs == "é ☃\n\ufffd\n"


def test_stop_without_start_does_nothing(etl_bundle: Path, workspace_folder: Path) -> None:
    workspace = Workspace(etl_bundle, workspace_folder)
    workspace.stop()
    with workspace:
        pass
    workspace.stop()
