"""The routes as a document: OpenAPI 3.1, made of the schemas that do the work. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from marshmallow import Schema

from ..ids import LARGEST_ID
from ..job_config import Job
from ..json_schema import json_schema, parameters_schema
from . import sse
from .problems import MEDIA_TYPE as PROBLEM
from .requests import DEFAULT_RUNS, LEAST_RUNS, LONGEST_KEY, MOST_RUNS, MOST_STREAMED
from .schemas import (
    EventSchema,
    JobSchema,
    JobsSchema,
    Open,
    ProblemSchema,
    RepairedSchema,
    RepairSchema,
    RunSchema,
    RunsSchema,
    StatusSchema,
    TriggeredSchema,
)

Json: TypeAlias = dict[str, Any]

SCHEMAS: tuple[type[Schema], ...] = (
    EventSchema,
    JobSchema,
    JobsSchema,
    ProblemSchema,
    RepairedSchema,
    RepairSchema,
    RunSchema,
    RunsSchema,
    StatusSchema,
    TriggeredSchema,
)

#: Every status that a problem document may have, and why.
PROBLEMS = {
    400: "The request cannot be read, or the job does not take the parameters.",
    401: "The job runs as its users, and the request carries no token that the workspace accepts.",
    403: "The app's policy, the workspace, or the request's coming from another site forbids it.",
    404: "The app has no such job, or the job no such run.",
    409: "Not in this state; or the idempotency key was used with other parameters.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "The workspace's rate limit is used up.",
    500: "The app is not set up for it.",
    502: "The workspace failed, or does not accept the app's credentials.",
    503: "The workspace is unavailable.",
    504: "The workspace did not answer in time.",
}

#: What any call to the workspace may come to.
UPSTREAM = (401, 403, 404, 409, 429, 502, 503, 504)

RETRY_AFTER = {429, 503}

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
    "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": LARGEST_ID},
}

FLAG: Json = {"type": "string", "pattern": "^(true|false|1|0|yes|no)?$", "default": "false"}


def document(jobs: Sequence[Job], *, url: str, version: str) -> Json:
    """The OpenAPI document.

    :param jobs: those that the reader may see.
    :param url: where the routes are.
    :param version: the extension's.
    """
    paths = _common_paths([job.key for job in jobs])
    for job in jobs:
        paths[f"/{quote(job.key)}/run"] = {"post": _trigger(job)}
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
        "components": {
            "schemas": {_name(schema): json_schema(schema()) for schema in SCHEMAS},
            "responses": {str(status): _problem(status) for status in PROBLEMS},
        },
    }


def _common_paths(keys: Sequence[str]) -> Json:
    paths: Json = {
        "/": {"get": _operation("list_jobs", "The jobs", _given(JobsSchema), (403,))},
        "/openapi.json": {
            "get": _operation("openapi", "This document", _content({"type": "object"}), (403,))
        },
        "/lakeflow.js": {
            "get": _operation(
                "browser_module",
                "The browser module",
                {
                    **_content({"type": "string"}, "text/javascript"),
                    "304": {"description": "The browser has it."},
                },
            )
        },
    }
    if not keys:
        return paths
    key = {"name": "key", "in": "path", "required": True, "schema": {"enum": list(keys)}}
    for path, method, operation in (
        (
            "/{key}",
            "get",
            _operation("show_job", "A job", _given(JobSchema), (403, 404)),
        ),
        (
            "/{key}/runs",
            "get",
            _operation(
                "list_runs",
                "The newest runs of a job",
                _given(RunsSchema, AGE),
                (400, *UPSTREAM),
                parameters=[_limit()],
            ),
        ),
        (
            "/{key}/status",
            "get",
            _operation(
                "show_status", "The newest run of a job", _given(StatusSchema, AGE), UPSTREAM
            ),
        ),
        (
            "/{key}/runs/{run_id}",
            "get",
            _operation("show_run", "A run", _given(RunSchema, AGE), (400, *UPSTREAM)),
        ),
        (
            "/{key}/runs/{run_id}",
            "delete",
            _operation(
                "cancel_run",
                "Ask for the end of a run",
                {"204": {"description": "It ends soon."}},
                (400, *UPSTREAM),
            ),
        ),
        (
            "/{key}/runs/{run_id}/output",
            "get",
            _operation(
                "show_output",
                "What the tasks of a run left, by task key",
                _content({"type": "object", "additionalProperties": json_schema(Open())}),
                (400, *UPSTREAM),
            ),
        ),
        (
            "/{key}/runs/{run_id}/repair",
            "post",
            _operation(
                "repair_run",
                "Run the failed tasks of a run that has ended again",
                _given(RepairedSchema),
                (400, *UPSTREAM, 413, 415),
                body=_ref(RepairSchema),
            ),
        ),
        (
            "/{key}/runs/{run_id}/stream",
            "get",
            _operation(
                "stream_run",
                "Follow a run",
                _events(),
                (400, *UPSTREAM),
                parameters=_resuming(),
            ),
        ),
    ):
        variables = [key, RUN_ID] if "{run_id}" in path else [key]
        paths.setdefault(path, {"parameters": variables})[method] = operation
    paths["/stream"] = {"get": _stream_runs(keys)}
    return paths


# ── operations ────────────────────────────────────────────────────────────────────────────────────


def _operation(
    name: str,
    summary: str,
    answers: Json,
    problems: Iterable[int] = (),
    *,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
) -> Json:
    refused = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(problems)
    }
    operation: Json = {"operationId": name, "summary": summary, "responses": {**answers, **refused}}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {
            "content": {"application/json": {"schema": body}},
            "required": "required" in body,
        }
    return operation


def _trigger(job: Job) -> Json:
    headers = {
        "Location": {"description": "The run.", "required": True, "schema": {"type": "string"}},
        "Idempotency-Replayed": {
            "description": "The key started this run before; nothing was started now.",
            "schema": {"const": "true"},
        },
    }
    answers = _given(TriggeredSchema, headers)
    answers["200"]["content"] |= _events()["200"]["content"]
    answers["204"] = _events()["204"]
    answers["200"]["links"] = {
        name: {
            "operationId": name,
            "parameters": {"key": job.key, "run_id": "$response.body#/runId"},
        }
        for name in ("show_run", "show_output", "stream_run", "cancel_run", "repair_run")
    }
    operation = _operation(
        f"run_{job.key}",
        f"Start a run of {job.key}",
        answers,
        (400, *UPSTREAM, 413, 415, 500),
        parameters=[
            _parameter("stream", "Answer with the events of the run until it ends.", FLAG, "query"),
            *_resuming(),
            _parameter(
                "Idempotency-Key",
                "Names what is intended: the same key again answers the same run.",
                {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": LONGEST_KEY,
                    "pattern": "^[!-~]([ -~]*[!-~])?$",
                },
                "header",
            ),
        ],
        body=_trigger_body(parameters_schema(job)),
    )
    if job.description:
        operation["description"] = job.description
    return operation


def _trigger_body(params: Json) -> Json:
    if "required" in params:
        return {**_closed({"params": params}), "required": ["params"]}
    return _closed({"params": {"anyOf": [params, {"type": "null"}]}})


def _closed(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _stream_runs(keys: Sequence[str]) -> Json:
    named = "|".join(re.escape(key) for key in keys)
    return _operation(
        "stream_runs",
        "Follow several runs in one stream",
        _events(),
        (400, *UPSTREAM),
        parameters=[
            {
                **_parameter(
                    "run",
                    "A run, as `<job>:<id>`.",
                    {
                        "type": "array",
                        "items": {"type": "string", "pattern": f"^({named}):[1-9][0-9]{{0,17}}$"},
                        "minItems": 1,
                        "maxItems": MOST_STREAMED,
                    },
                    "query",
                ),
                "required": True,
            },
            *_resuming(),
        ],
    )


def _limit() -> Json:
    return _parameter(
        "limit",
        f"How many runs; less than {LEAST_RUNS} is {LEAST_RUNS}, more than {MOST_RUNS} is"
        f" {MOST_RUNS}.",
        {"type": "integer", "default": DEFAULT_RUNS},
        "query",
    )


def _resuming() -> list[Json]:
    text = {"type": "string"}
    return [
        _parameter("Last-Event-ID", "The last event that was seen.", text, "header"),
        _parameter("lastEventId", "The same, for pages.", text, "query"),
        _parameter("poll", "Answer with the present state, and end.", FLAG, "query"),
    ]


def _parameter(name: str, description: str, schema: Json, where: str) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema}


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def _given(schema: type[Schema], headers: Json | None = None) -> Json:
    return _content(_ref(schema), headers=headers)


def _content(
    schema: Json, media_type: str = "application/json", headers: Json | None = None
) -> Json:
    answer: Json = {"description": "OK", "content": {media_type: {"schema": schema}}}
    if headers:
        answer["headers"] = headers
    return {"200": answer}


def _events() -> Json:
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"anyOf": [_ref(EventSchema), _ref(ProblemSchema)]},
    }
    event = {
        "type": "object",
        "description": "One event, its `data` JSON; one without a name is a state of a run.",
        "properties": {
            "id": {"type": "string", "description": "Names the state."},
            "event": {"enum": ["message", "stale", "fresh", "error", "end"]},
            "data": data,
        },
        "required": ["data"],
    }
    return {
        **_content(event, sse.MEDIA_TYPE),
        "204": {"description": "The client has seen the last event."},
    }


def _problem(status: int) -> Json:
    answer: Json = {
        "description": PROBLEMS[status],
        "content": {PROBLEM: {"schema": _ref(ProblemSchema)}},
    }
    if status in RETRY_AFTER:
        answer["headers"] = {
            "Retry-After": {
                "description": "Seconds after which another try makes sense.",
                "schema": {"type": "integer"},
            }
        }
    return answer


def _name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


def _ref(schema: type[Schema]) -> Json:
    return {"$ref": f"#/components/schemas/{_name(schema)}"}
