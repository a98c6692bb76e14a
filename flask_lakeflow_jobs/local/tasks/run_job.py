"""``run_job_task``: a run of another job."""

from __future__ import annotations

from ..engine.work import CannotRun, NestedRun, TaskContext
from ..model import Settings


def build_work(spec: Settings, context: TaskContext) -> NestedRun:
    """Start the other job with the parameters of the task."""
    body = spec["run_job_task"]
    try:
        job_id = int(body["job_id"])
    except (KeyError, TypeError, ValueError):
        raise CannotRun("The run_job_task needs a 'job_id'.") from None
    return NestedRun(job_id, {key: value for key, value in body.items() if key != "job_id"})
