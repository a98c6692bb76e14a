"""The routes as a document: OpenAPI 3.1, made of the schemas that do the work. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from ..config.jobs import Job
from ..runs.ids import MAX_ID
from ..runs.params_schema import build_json_schema
from .openapi_parts import (
    Json,
    closed,
    components,
    content,
    events,
    given,
    operation,
    parameter,
    ref,
)
from .requests import (
    DEFAULT_RUNS,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    MAX_RUNS,
    MAX_STREAMED_RUNS,
    MIN_RUNS,
)
from .schemas import (
    JobSchema,
    JobsSchema,
    Open,
    RepairedSchema,
    RepairSchema,
    RunSchema,
    RunsSchema,
    StatusSchema,
    TriggeredSchema,
)

#: What any call to the workspace may come to.
UPSTREAM = (401, 403, 404, 409, 429, 502, 503, 504)

AGE: Json = {
    "Age": {
        "description": "Seconds since the workspace was asked, from the first on.",
        "schema": {"type": "integer"},
    },
    "Cache-Status": {
        "description": "RFC 9211: only given because the workspace cannot be reached.",
        "schema": {"type": "string"},
    },
}

RUN_ID: Json = {
    "name": "run_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
}

FLAG: Json = {"type": "string", "pattern": "^(true|false|1|0|yes|no)?$", "default": "false"}

#: An id as notifications have it.
NOTIFIED_ID: Json = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": MAX_ID},
        {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
    ]
}

#: The name under which the document has the login of notifications.
WEBHOOK_LOGIN = "webhook"


def document(
    jobs: Sequence[Job], *, url: str, version: str, accepts_notifications: bool = False
) -> Json:
    """The OpenAPI document.

    :param jobs: those that the reader may see.
    :param url: where the routes are.
    :param version: the extension's.
    :param accepts_notifications: whether there is a route for Databricks' notifications.
    """
    keys = [job.key for job in jobs]
    paths = _paths_of_the_app()
    if keys:
        paths |= _paths_of_jobs(keys)
    for job in jobs:
        paths[f"/{quote(job.key)}/run"] = {"post": _trigger(job)}
    told = components()
    if accepts_notifications:
        paths["/webhook"] = {"post": _notification()}
        told["securitySchemes"] = {WEBHOOK_LOGIN: {"type": "http", "scheme": "basic"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lakeflow Jobs",
            "version": version,
            "description": (
                "Start the jobs of this app, follow their runs and read what came out. Errors are"
                " problem documents (RFC 9457), those for other paths (404) and methods (405, with"
                " `Allow`) too."
            ),
        },
        "servers": [{"url": url.rstrip("/") or "/"}],
        "paths": paths,
        "components": told,
    }


# ── paths ─────────────────────────────────────────────────────────────────────────────────────────


def _paths_of_the_app() -> Json:
    return {
        "/": {"get": operation("list_jobs", "The jobs", given(JobsSchema), (403,))},
        "/openapi.json": {
            "get": operation("openapi", "This document", content({"type": "object"}), (403,))
        },
        "/lakeflow.js": {
            "get": operation(
                "browser_module",
                "The browser module",
                {
                    **content({"type": "string"}, "text/javascript"),
                    "304": {"description": "The browser has it."},
                },
            )
        },
    }


def _paths_of_jobs(keys: Sequence[str]) -> Json:
    key = {"name": "key", "in": "path", "required": True, "schema": {"enum": list(keys)}}
    of_job, of_run = {"parameters": [key]}, {"parameters": [key, RUN_ID]}
    any_problem = (400, *UPSTREAM)
    return {
        "/{key}": {
            **of_job,
            "get": operation("show_job", "A job", given(JobSchema), (403, 404)),
        },
        "/{key}/runs": {
            **of_job,
            "get": operation(
                "list_runs",
                "The newest runs of a job",
                given(RunsSchema, AGE),
                any_problem,
                parameters=[_limit()],
            ),
        },
        "/{key}/status": {
            **of_job,
            "get": operation(
                "show_status", "The newest run of a job", given(StatusSchema, AGE), UPSTREAM
            ),
        },
        "/{key}/runs/{run_id}": {
            **of_run,
            "get": operation("show_run", "A run", given(RunSchema, AGE), any_problem),
            "delete": operation(
                "cancel_run",
                "Ask for the end of a run",
                {"204": {"description": "It ends soon."}},
                any_problem,
            ),
        },
        "/{key}/runs/{run_id}/output": {
            **of_run,
            "get": operation(
                "show_output",
                "What the tasks of a run left, by task key",
                content({"type": "object", "additionalProperties": build_json_schema(Open())}),
                any_problem,
            ),
        },
        "/{key}/runs/{run_id}/repair": {
            **of_run,
            "post": operation(
                "repair_run",
                "Run the failed tasks of a run that has ended again",
                given(RepairedSchema),
                (*any_problem, 413, 415),
                body=ref(RepairSchema),
            ),
        },
        "/{key}/runs/{run_id}/stream": {
            **of_run,
            "get": operation(
                "stream_run", "Follow a run", events(), any_problem, parameters=_resuming()
            ),
        },
        "/stream": {
            "get": operation(
                "stream_runs",
                "Follow several runs in one stream",
                events(),
                any_problem,
                parameters=[_streamed_runs(keys), *_resuming()],
            )
        },
    }


# ── operations ────────────────────────────────────────────────────────────────────────────────────


def _trigger(job: Job) -> Json:
    headers = {
        "Location": {"description": "The run.", "required": True, "schema": {"type": "string"}},
        "Idempotency-Replayed": {
            "description": "The key started this run before; nothing was started now.",
            "schema": {"const": "true"},
        },
    }
    responses = given(TriggeredSchema, headers)
    responses["200"]["content"] |= events()["200"]["content"]
    responses["204"] = events()["204"]
    responses["200"]["links"] = {
        name: {
            "operationId": name,
            "parameters": {"key": job.key, "run_id": "$response.body#/runId"},
        }
        for name in ("show_run", "show_output", "stream_run", "cancel_run", "repair_run")
    }
    told = operation(
        f"run_{job.key}",
        f"Start a run of {job.key}",
        responses,
        (400, *UPSTREAM, 413, 415, 500),
        parameters=[
            parameter("stream", "Answer with the events of the run until it ends.", FLAG, "query"),
            *_resuming(),
            _idempotency_key(),
        ],
        body=_trigger_body(job.params_schema),
    )
    return {**told, "description": job.description} if job.description else told


def _trigger_body(params: Json) -> Json:
    if "required" in params:
        return {**closed({"params": params}), "required": ["params"]}
    return closed({"params": {"anyOf": [params, {"type": "null"}]}})


def _notification() -> Json:
    run: Json = {"run_id": NOTIFIED_ID, "parent_run_id": {"description": "Of a task's run."}}
    members: Json = {
        "job": {"type": "object", "properties": {"job_id": NOTIFIED_ID}, "required": ["job_id"]},
        "run": {"type": "object", "properties": run, "required": ["run_id"]},
    }
    told = operation(
        "take_notification",
        "Take a notification of Databricks, as a hint to look at the run",
        {"204": {"description": "Taken; or it is about no job of this app, and ignored."}},
        (400, 401, 403, 413, 415),
        body={"type": "object", "properties": members, "required": sorted(members)},
    )
    return {**told, "security": [{WEBHOOK_LOGIN: []}]}


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def _limit() -> Json:
    return parameter(
        "limit",
        f"How many runs; less than {MIN_RUNS} is {MIN_RUNS}, more than {MAX_RUNS} is {MAX_RUNS}.",
        {"type": "integer", "default": DEFAULT_RUNS},
        "query",
    )


def _streamed_runs(keys: Sequence[str]) -> Json:
    named = "|".join(re.escape(key) for key in keys)
    return parameter(
        "run",
        "A run, as `<job>:<id>`.",
        {
            "type": "array",
            "items": {"type": "string", "pattern": f"^({named}):[1-9][0-9]{{0,17}}$"},
            "minItems": 1,
            "maxItems": MAX_STREAMED_RUNS,
        },
        "query",
        required=True,
    )


def _resuming() -> list[Json]:
    text = {"type": "string"}
    return [
        parameter("Last-Event-ID", "The last event that was seen.", text, "header"),
        parameter("lastEventId", "The same, for clients that set no headers.", text, "query"),
        parameter("poll", "Answer with the present state, and end.", FLAG, "query"),
    ]


def _idempotency_key() -> Json:
    return parameter(
        "Idempotency-Key",
        "Names what is intended: the same key again answers the same run.",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        "header",
    )
