"""Runs as the Jobs API sends them, read by the SDK's own dataclasses."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.jobs import Run, RunTask

from flask_lakeflow_jobs.config.jobs import Job
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.snapshot import StateId, compute_state_id

Document = dict[str, Any]

JOB_ID = 7
RUN_ID = 1001


def words(
    life_cycle: str | None = None,
    result: str | None = None,
    *,
    status: str | None = None,
    code: str | None = None,
    message: str | None = None,
) -> Document:
    """The part of a run, or of a task, that says how it is doing."""
    document: Document = {}
    if life_cycle is not None or result is not None:
        state = {"life_cycle_state": life_cycle, "result_state": result, "state_message": message}
        document["state"] = _present(state)
    if status is not None or code is not None:
        document["status"] = _present(
            {"state": status, "termination_details": {"code": code} if code else None}
        )
    return document


def run(doing: Document | None = None, **fields: Any) -> Run:
    """A run; it is running unless something else is said."""
    document = {"run_id": RUN_ID, "job_id": JOB_ID, **(doing or words("RUNNING")), **fields}
    return Run.from_dict(document)


def task(key: str, doing: Document, *, run_id: int = 1, **fields: Any) -> Document:
    """A task of a run, for ``run(tasks=[…])``."""
    return {"task_key": key, "run_id": run_id, "attempt_number": 0, **doing, **fields}


def sdk_task(document: Document) -> RunTask:
    return RunTask.from_dict(document)


def named_job(key: str = "etl", job_id: int = JOB_ID) -> Job:
    """A job as the settings have it."""
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


SUCCEEDED = words("TERMINATED", "SUCCESS", status="TERMINATED", code="SUCCESS")
#: What a run whose task failed looks like. Source: a recording of a real workspace in the tests of
#: the Databricks CLI (acceptance/bundle/resources/job_runs/failed_run).
FAILED_BY_TASK = words("INTERNAL_ERROR", "FAILED", status="TERMINATED", code="RUN_EXECUTION_ERROR")
FAILED = words("TERMINATED", "FAILED", status="TERMINATED", code="RUN_EXECUTION_ERROR")


def answered(a_run: Run) -> ApiResponse[Run]:
    """A run as the upstream room gives it.

    :param a_run: it.
    """
    return ApiResponse(a_run.as_dict(), a_run)


def state_of(a_run: Run) -> StateId:
    """The name of a run's state.

    :param a_run: it.
    """
    return compute_state_id(a_run.as_dict())
