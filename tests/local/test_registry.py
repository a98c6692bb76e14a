"""The jobs of a workspace: kept over restarts, and reloaded when the bundle changes."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue
from databricks.sdk.service.jobs import NotebookTask, Task

from flask_lakeflow_jobs.local import ManualClock, Workspace, load_bundle
from flask_lakeflow_jobs.local.errors import JobDoesNotExist
from flask_lakeflow_jobs.local.registry import Registry
from flask_lakeflow_jobs.local.store.runs import RunStore
from flask_lakeflow_jobs.local.store.sqlite import Store
from tests.local.support import (
    Client,
    job_names,
    python_task,
    simulated_job,
    simulated_task,
    write_bundle,
)
from tests.support import wait_until

EXTRA = (
    "resources: {jobs: {extra: {name: extra, tasks: [{task_key: a, run_job_task: {job_id: 1}}]}}}"
)


def edit(path: Path, old: str, new: str) -> None:
    """Change a file so that the change shows even within one tick of the file system's clock."""
    before = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_created_jobs_and_their_runs_survive_a_restart(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    with Workspace(path, tmp_path / "folder") as address:
        first = Client(address, {})
        job_id = first.jobs.create(
            name="mine",
            tasks=[Task(task_key="a", notebook_task=NotebookTask(notebook_path="/simulated"))],
            tags={"local_simulation": "{}"},
        ).job_id
        assert job_id is not None
        run_id = first.jobs.run_now(job_id).bind()["run_id"]
        run = first.finish(run_id)
    with Workspace(path, tmp_path / "folder") as address:
        second = Client(address, {})
        assert job_names(second) == ["mine", "etl"]
        assert second.jobs.get_run(run_id).as_dict() == run.as_dict()
        assert [each.run_id for each in second.jobs.list_runs(job_id=job_id)] == [run_id]


def test_changed_bundle_is_reloaded_and_an_invalid_one_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = {"etl": {"name": "old", "tasks": [python_task("main", existing_cluster_id="x")]}}
    path = write_bundle(tmp_path, jobs, {"main.py": ""})
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        assert job_names(client) == ["old"]
        edit(path, "name: old", "name: new")
        assert job_names(client) == ["new"]
        edit(path, "main.py", "none.py")
        assert job_names(client) == ["new"]
        assert job_names(client) == ["new"]
        (record,) = caplog.records
        assert "databricks.yml:10: There is no file 'none.py'" in record.getMessage()
        edit(path, "none.py", "main.py")
        edit(path, "name: new", "name: newest")
        assert job_names(client) == ["newest"]
        assert len(caplog.records) == 1


def test_bundle_job_is_paused_until_the_bundle_changes(tmp_path: Path) -> None:
    job = simulated_job(simulated_task("main"))
    path = write_bundle(tmp_path, {"etl": {**job, "continuous": {}}}, {})
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        (job_id,) = [each.job_id for each in client.jobs.list()]

        def update(new_settings: dict[str, Any]) -> int:
            body = {"job_id": job_id, "new_settings": new_settings}
            return client.http("POST", "/api/2.2/jobs/update", body)[0]

        def continuous() -> Any:
            document = client.http("GET", f"/api/2.2/jobs/get?job_id={job_id}")[1]
            return document["settings"]["continuous"]

        paused = {"pause_status": "PAUSED"}
        assert update({"continuous": paused}) == 200
        assert update({"continuous": paused, "name": "x"}) == 400
        assert continuous() == paused
        edit(path, "bundle:", "# deployed again\nbundle:")
        assert continuous() == {"pause_status": "UNPAUSED"}


@pytest.mark.parametrize("pattern", ["jobs/*.yml", "jobs/*/*.yml", "*/deep/*.yml"])
def test_new_included_file_is_loaded(tmp_path: Path, pattern: str) -> None:
    path = write_bundle(tmp_path, {"etl": simulated_job(simulated_task("main"))}, {})
    edit(path, "bundle:", f"include: ['{pattern}']\nbundle:")
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        assert job_names(client) == ["etl"]
        extra = tmp_path / pattern.replace("*/", "jobs/").replace("*", "extra")
        for folder in (*reversed(extra.relative_to(tmp_path).parents[:-1]),):
            (tmp_path / folder).mkdir()
            assert job_names(client) == ["etl"]
        extra.write_text(EXTRA)
        assert job_names(client) == ["etl", "extra"]
        with pytest.raises(InvalidParameterValue, match="Job 1 does not exist"):
            client.jobs.run_now(1)


def test_corrected_included_file_is_loaded(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path, {"etl": simulated_job(simulated_task("main"))}, {"jobs/empty.yml": ""}
    )
    edit(path, "bundle:", "include: ['jobs/*.yml']\nbundle:")
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        extra = tmp_path / "jobs" / "extra.yml"
        extra.write_text(EXTRA.replace("job_id: 1", "job_id: {{job.id}}"))
        assert job_names(client) == ["etl"]
        edit(extra, "{{job.id}}", "1")
        assert job_names(client) == ["etl", "extra"]


SLOW_CODE = """
import pathlib, time
from databricks.bundles.core import Resources

def load():
    resources = Resources()
    task = {"task_key": "a", "run_job_task": {"job_id": 1}}
    resources.add_job("coded", {"name": "first", "tasks": [task]})
    while (pathlib.Path(__file__).parent / "wait").exists():
        time.sleep(0.01)
    return resources
"""


def test_old_bundle_is_served_while_code_of_a_changed_one_runs(tmp_path: Path) -> None:
    pytest.importorskip("databricks.bundles")
    jobs = {"etl": simulated_job(simulated_task("main"))}
    path = write_bundle(tmp_path, jobs, {"defined.py": SLOW_CODE})
    edit(path, "bundle:", "python: {resources: ['defined:load']}\nbundle:")
    with Workspace(path, tmp_path / "folder") as address:
        client = Client(address, {})
        assert job_names(client) == ["etl", "first"]
        (tmp_path / "wait").touch()
        edit(tmp_path / "defined.py", '"first"', '"second"')
        (etl, _) = client.jobs.list()
        assert etl.job_id is not None
        for _ in range(2):  # requests and runs go on, with the old definition
            assert job_names(client) == ["etl", "first"]
            client.finish(client.jobs.run_now(etl.job_id).bind()["run_id"])
        (tmp_path / "wait").unlink()
        wait_until(lambda: job_names(client) == ["etl", "second"], "the new definition")


def test_job_that_is_deleted_meanwhile_does_not_come_back(
    etl_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_store = RunStore(Store(tmp_path / "runs.sqlite"))
    registry = Registry(lambda: load_bundle(etl_bundle), run_store, ManualClock())
    job = registry.create({"name": "mine", "tasks": []})
    with monkeypatch.context() as patch:
        patch.setattr(registry, "find", lambda job_id: job)
        registry.delete(job.job_id)
        with pytest.raises(JobDoesNotExist):
            registry.change(job.job_id, lambda found: found.settings)
        with pytest.raises(JobDoesNotExist):
            registry.delete(job.job_id)
    assert job.job_id not in [each.job_id for each in registry.all()]
    run_store.close()


def test_bundle_is_reloaded_after_a_thread_for_it_could_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    run_store = RunStore(Store(tmp_path / "runs.sqlite"))
    jobs = {"etl": {"name": "old", "tasks": [python_task("main")]}}
    path = write_bundle(tmp_path, jobs, {"main.py": ""})
    registry = Registry(lambda **_: load_bundle(path), run_store, ManualClock())
    edit(path, "name: old", "name: new")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start"):
            registry.all()
    assert registry._reload is None  # for the end of which all requests would wait
    assert [each.settings["name"] for each in registry.all()] == ["new"]
    run_store.close()
