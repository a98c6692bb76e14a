"""Calls each method of the SDK's JobsAPI that a workspace serves and prints the results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import OperationFailed
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import JobSettings, NotebookTask, Run, SubmitTask, Task

workspace = WorkspaceClient()
jobs = workspace.jobs
ETL = int(os.environ["DATABRICKS_JOB_ETL"])
ENDLESS = int(os.environ["DATABRICKS_JOB_ENDLESS"])
FLAKY = int(os.environ["DATABRICKS_JOB_FLAKY"])

Results = dict[str, Any]


def main() -> None:
    steps = (definitions, permissions, outputs, submission, repair, cancellation, deletion, paging)
    results = {step.__name__: step() for step in steps}
    print(json.dumps({"user": workspace.current_user.me().user_name, **results}))


def definitions() -> Results:
    """create, get, list, update, reset, delete."""
    job_id = create("made", "first")
    jobs.update(job_id, new_settings=JobSettings(name="changed", tasks=[task("second")]))
    updated = settings(job_id)
    jobs.reset(job_id, new_settings=JobSettings(name="reset", tasks=[task("third")]))
    reset = settings(job_id)
    listed = [job.job_id for job in jobs.list(name="reset")]
    jobs.delete(job_id)
    return {
        "updated": updated,
        "reset": reset,
        "listed by name": listed == [job_id],
        "get after delete": error_of(lambda: jobs.get(job_id)),
    }


def permissions() -> Results:
    """get_permissions, get_permission_levels."""
    granted = jobs.get_permissions(str(ETL)).as_dict()["access_control_list"]
    levels = jobs.get_permission_levels(str(ETL)).as_dict()["permission_levels"]
    return {
        "granted": [one["permission_level"] for who in granted for one in who["all_permissions"]],
        "levels": sorted(level["permission_level"] for level in levels),
    }


def outputs() -> Results:
    """run_now, get_run, get_run_output, export_run; the same token is the same run."""
    token = os.urandom(16).hex()
    parameters = {"day": "2013-02-03"}
    run = jobs.run_now(ETL, job_parameters=parameters, idempotency_token=token).result()
    again = jobs.run_now(ETL, job_parameters=parameters, idempotency_token=token).run_id
    script, notebook = (jobs.get_run_output(task_run) for task_run in task_runs(run))
    views = jobs.export_run(task_runs(run)[1]).as_dict()["views"]
    return {
        "ending": ending(run),
        "same token, same run": again == run.run_id,
        "logs of the script": script.logs,
        "result of the notebook": notebook.as_dict()["notebook_output"]["result"],
        "views of the notebook": [view["name"] for view in views],
        "output of all tasks": error_of(lambda: jobs.get_run_output(number(run.run_id))),
    }


def submission() -> Results:
    """submit: a run without a job."""
    path = jobs.get(ETL).as_dict()["settings"]["tasks"][1]["notebook_task"]["notebook_path"]
    notebook = NotebookTask(notebook_path=path, base_parameters={"day": "2013-02-04"})
    once = SubmitTask(task_key="once", notebook_task=notebook)
    run = jobs.submit(run_name="submitted", tasks=[once]).result()
    output = jobs.get_run_output(task_runs(run)[0])
    return {
        "ending": ending(run),
        "name": run.run_name,
        "result": output.as_dict()["notebook_output"]["result"],
    }


def repair() -> Results:
    """repair_run, and its history from get_run."""
    waiter = jobs.run_now(FLAKY)
    run_id = waiter.bind()["run_id"]
    failed = error_of(waiter.result)
    repaired = jobs.repair_run(run_id, rerun_all_failed_tasks=True).result()
    history = jobs.get_run(run_id, include_history=True).as_dict()["repair_history"]
    return {
        "at first": failed,
        "repaired": ending(repaired),
        "history": [each["type"] for each in history],
    }


def cancellation() -> Results:
    """cancel_run, cancel_all_runs, list_runs of active runs."""
    canceled = jobs.cancel_run(start(ENDLESS)).result()
    more = {start(ENDLESS), start(ENDLESS)}
    active = {run.run_id for run in jobs.list_runs(job_id=ENDLESS, active_only=True)}
    jobs.cancel_all_runs(job_id=ENDLESS)
    endings = [ending(jobs.wait_get_run_job_terminated_or_skipped(run_id)) for run_id in more]
    return {"one": ending(canceled), "active ones listed": active == more, "all": endings}


def deletion() -> Results:
    """delete_run."""
    run = jobs.run_now(create("over at once", "only")).result()
    run_id = number(run.run_id)
    jobs.delete_run(run_id)
    return {"get after delete": error_of(lambda: jobs.get_run(run_id))}


def paging() -> Results:
    """get, get_run and list_runs of several pages."""
    wide = create("wide", *(f"task-{n}" for n in range(120)))
    run = jobs.run_now(wide).result()
    tasks = jobs.get_run(number(run.run_id)).tasks or []
    often = create("often", "only")
    started = {start(often) for _ in range(60)}
    listed = [run.run_id for run in jobs.list_runs(job_id=often)]
    return {
        "tasks of the job": len(jobs.get(wide).as_dict()["settings"]["tasks"]),
        "tasks of its run": len({task.task_key for task in tasks}),
        "runs listed": len(listed),
        "as started": set(listed) == started,
    }


def create(name: str, *task_keys: str) -> int:
    """Create a simulated job whose runs end at once."""
    job = jobs.create(
        name=name,
        max_concurrent_runs=1000,
        tags={"local_simulation": '{"seconds": 0}'},
        tasks=[task(key) for key in task_keys],
    )
    return number(job.job_id)


def task(key: str) -> Task:
    return Task(task_key=key, notebook_task=NotebookTask(notebook_path="/simulated"))


def start(job_id: int) -> int:
    return number(jobs.run_now(job_id).bind()["run_id"])


def settings(job_id: int) -> Any:
    settings = jobs.get(job_id).as_dict()["settings"]
    return [settings["name"], [task["task_key"] for task in settings["tasks"]]]


def ending(run: Run) -> str | None:
    return run.state.result_state.value if run.state and run.state.result_state else None


def task_runs(run: Run) -> list[int]:
    return [number(task.run_id) for task in run.tasks or []]


def number(value: int | None) -> int:
    """Return an id, which is optional in the SDK."""
    assert value is not None
    return value


def error_of(call: Callable[[], object]) -> str:
    """Return the name of the error that a call raises."""
    try:
        call()
    except (DatabricksError, OperationFailed) as error:
        return type(error).__name__
    return "none"


main()
