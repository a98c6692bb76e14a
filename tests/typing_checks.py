"""Types of the public names. Nothing here runs: mypy checks it together with the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from databricks.sdk.service.jobs import BaseRun, Job, Run, RunOutput
from flask import Flask, request
from flask_caching import Cache
from marshmallow import Schema, fields
from pydantic import BaseModel

from flask_lakeflow_jobs import (
    ExecutionResult,
    Explanation,
    JobConfig,
    JobHandle,
    LakeflowJobs,
    LakeflowJobsError,
    Outcome,
    ResultWatch,
    RunStatus,
    RunWatch,
    Success,
    Triggered,
    current_jobs,
    run_finished,
)


class Etl(Schema):
    day = fields.Date(required=True)


class EtlModel(BaseModel):
    day: str


def allow(user: Any, action: str, key: str) -> bool:
    return user is not None and action == "view" and key == "etl"


def set_up(app: Flask, cache: Cache) -> LakeflowJobs:
    jobs: LakeflowJobs = LakeflowJobs()
    jobs.init_app(app)
    LakeflowJobs(app)
    mixed = {"day": fields.Date(), "note": fields.String()}
    return LakeflowJobs(
        app,
        jobs={
            "class": JobConfig(task_type="notebook", params=Etl),
            "instance": JobConfig(job_id=1, params=Etl(), run_as="user", policy=allow),
            "fields": JobConfig(params={"day": fields.Date()}, wait_timeout=60.0),
            "mixed": JobConfig(params=mixed),
            "model": JobConfig(params=EtlModel),
            "mapping": {"job_id": 1, "description": "The nightly load."},
        },
        cache=cache,
        policy=allow,
        url_prefix="/api/jobs",
        register_blueprint=True,
    )


def call(handle: JobHandle) -> None:
    triggered: Triggered = handle.run_now({"day": "2025-01-01"}, idempotency_key="k", only=["a"])
    run_id: int = triggered.run_id
    number: int | None = triggered.number_in_job
    replayed: bool = triggered.replayed
    watch: RunWatch = handle.run_and_wait({"day": "2025-01-01"}, timeout=60.0)
    for state in watch:
        run_status: RunStatus = state
        status: str = run_status.status
        outcome: Outcome = run_status.outcome
        timestamp: int = run_status.timestamp
        run: Run = run_status.run
        is_terminal: bool = run_status.is_terminal
        document: dict[str, Any] = run_status.to_dict()
        print(status, outcome, timestamp, run, is_terminal, document)
    states: Iterator[RunStatus] = handle.watch(run_id)
    last: RunStatus = handle.wait(run_id, timeout=1.0)
    newest: BaseRun | None = handle.last_run()
    runs: list[BaseRun] = handle.list_runs(limit=50)
    one: Run = handle.get_run(run_id)
    job: Job = handle.get_job()
    output: RunOutput | dict[str, RunOutput] = handle.get_run_output(run_id)
    outputs: dict[str, RunOutput] = handle.get_outputs(run_id)
    now: RunStatus = handle.status(run_id)
    succeeded: bool = triggered.wait(timeout=60.0).succeeded
    url: str | None = triggered.url
    print(outputs, now, succeeded, url, triggered.watch())
    why: Explanation = handle.explain(run_id)
    handle.cancel_run(run_id)
    handle.cancel_all_runs()
    repair_id: int = handle.repair_run(run_id, rerun_tasks=["a"])
    on_behalf: AbstractContextManager[JobHandle] = handle.as_user(request)
    with on_behalf as user_handle:
        user_handle.run_now()
    print(number, replayed, states, last, newest, runs, one, job, output, why, repair_id)


async def follow(handle: JobHandle) -> None:
    async for state in handle.watch(1):
        run_status: RunStatus = state
        print(run_status)


def access_jobs() -> None:
    jobs: Mapping[str, JobHandle] = current_jobs
    handle: JobHandle = current_jobs["etl"]
    keys: list[str] = [key for key in current_jobs if key in jobs]
    print(handle, keys, len(current_jobs))


def results(handle: JobHandle) -> None:
    result: ExecutionResult[Run] = handle.results.get_run(1)
    triggered: ExecutionResult[Triggered] = handle.results.run_now({"day": "2025-01-01"})
    watch: ResultWatch = handle.results.run_and_wait({"day": "2025-01-01"}, timeout=60.0)
    states: list[ExecutionResult[RunStatus]] = list(watch)
    run_id: int | None = watch.run_id
    data: Run | None = result.data
    ok: bool = result.ok
    status: int | None = result.status
    message: str | None = result.message
    print(data, ok, status, message, triggered, states, run_id)
    started = handle.results.run_now()
    print(started.data.run_id if started.ok else started.status + 1)
    for state in watch:
        print(state.data.status if isinstance(state, Success) else state.message.upper())


def errors(error: LakeflowJobsError) -> None:
    status: int = error.code
    exit_code: int = error.exit_code
    detail: str = error.detail
    retryable: bool = error.retryable
    print(status, exit_code, detail, retryable)


@run_finished.connect
def receive(app: Flask, *, job: str, run_id: int, status: RunStatus, **extra: Any) -> None:
    print(app, job, run_id, status, extra)
