"""Documents and dataclasses of runs and jobs for tests."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.jobs import Run, RunTask

from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.snapshot import StateId, compute_state_id

Document = dict[str, Any]

JOB_ID = 7
RUN_ID = 1001


def run_state(
    life_cycle: str | None = None,
    result: str | None = None,
    *,
    status: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> Document:
    """Return the state part of the document of a run or a task."""
    document: Document = {}
    if life_cycle is not None or result is not None:
        state = {"life_cycle_state": life_cycle, "result_state": result, "state_message": message}
        document["state"] = _present(state)
    if status is not None or code is not None:
        document["status"] = _present(
            {"state": status, "termination_details": {"code": code} if code else None}
        )
    return document


def run(state: Document | None = None, **fields: Any) -> Run:
    """Return a run, by default a running one."""
    document = {"run_id": RUN_ID, "job_id": JOB_ID, **(state or run_state("RUNNING")), **fields}
    return Run.from_dict(document)


def task(key: str, state: Document, *, run_id: int = 1, **fields: Any) -> Document:
    """Return the document of a task, for ``run(tasks=[…])``."""
    return {"task_key": key, "run_id": run_id, "attempt_number": 0, **state, **fields}


def sdk_task(document: Document) -> RunTask:
    return RunTask.from_dict(document)


def build_job(key: str = "etl", job_id: int = JOB_ID) -> Job:
    """Return a job of an app."""
    return Job(
        key=key,
        job_id=job_id,
        task_type=None,
        schema=None,
        wait_timeout=600.0,
        run_as="app",
        policy=None,
        description=None,
    )


def _present(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


SUCCEEDED = run_state("TERMINATED", "SUCCESS", status="TERMINATED", code="SUCCESS")
#: The state of a run with a failed task. Source: a recording of a real workspace in the tests of
#: the Databricks CLI (acceptance/bundle/resources/job_runs/failed_run).
FAILED_BY_TASK = run_state(
    "INTERNAL_ERROR", "FAILED", status="TERMINATED", code="RUN_EXECUTION_ERROR"
)
FAILED = run_state("TERMINATED", "FAILED", status="TERMINATED", code="RUN_EXECUTION_ERROR")


def api_response(a_run: Run) -> ApiResponse[Run]:
    """Return a run as the upstream package returns it."""
    return ApiResponse(a_run.as_dict(), a_run)


def state_id_of(a_run: Run) -> StateId:
    """Return the id of a run's state."""
    return compute_state_id(a_run.as_dict())


def ended(seconds: float, doing: Document = SUCCEEDED, **fields: object) -> Document:
    """Return the document of a run or a task that took so long."""
    return {**doing, "start_time": 1000, "end_time": 1000 + int(seconds * 1000), **fields}
