"""Reading requests: members of bodies, query parameters and headers, checked strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Request
from marshmallow import Schema, ValidationError, fields, validate

from ..errors import InvalidParameters, InvalidRequest, quote
from ..runs.ids import parse_id, parse_run_id
from ..runs.output_parts import DEFAULT_PART_BYTES, MAX_PART_BYTES, MIN_PART_BYTES
from ..text import PROGRESS_TOKEN_PREFIX
from ..upstream.outputs import MAX_OUTPUTS
from .bodies import read_object

MIN_LIMIT, MAX_LIMIT, DEFAULT_LIMIT = 1, 100, 20

MAX_PARAMETERS = 1_000

#: Of one parameter; as JSON if it is not a string.
MAX_VALUE_BYTES = 64 * 1024

#: Characters of a parameter's name.
MAX_NAME_LENGTH = 255

#: Characters of an idempotency key.
MAX_KEY_LENGTH = 255

#: Characters of a job key or a parameter's name that an error message repeats.
MAX_QUOTED_NAME_LENGTH = 40

MAX_RERUN_TASKS = 1_000

#: In one stream: their states must fit into a ``Last-Event-ID`` header.
MAX_STREAMED_RUNS = 50

#: The sum of two such numbers fits into 64 bits.
MAX_NUMBER = 10**18

PROGRESS_TOKEN_HEADER = "Lakeflow-Progress-Token"  # noqa: S105

TRUE, FALSE = {"1", "true", "yes"}, {"", "0", "false", "no"}


class RepairSchema(Schema):
    rerun_tasks = fields.List(
        fields.String(validate=validate.Length(min=1, max=255)),
        data_key="rerunTasks",
        validate=validate.Length(min=1, max=MAX_RERUN_TASKS),
    )
    rerun_dependent_tasks = fields.Boolean(data_key="rerunDependentTasks")
    params = fields.Dict(keys=fields.String(), allow_none=True)


def read_params(request: Request) -> Mapping[str, Any]:
    """Read the parameters in the body of a trigger.

    :return: empty if the body is empty.
    :raises InvalidParameters: ``params`` is not an object, or too large.
    """
    document = read_object(request, '{"params": {…}}', ("params",))
    params = document.get("params")
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise InvalidParameters("'params' must be an object.", {"params": ["Must be an object."]})
    _check_sizes(params)
    return params


def _check_sizes(params: Mapping[str, Any]) -> None:
    errors = {}
    if len(params) > MAX_PARAMETERS:
        errors["params"] = f"Has {len(params)} parameters. The maximum is {MAX_PARAMETERS}."
    for name, value in params.items():
        if len(name) > MAX_NAME_LENGTH:
            errors[name[:MAX_QUOTED_NAME_LENGTH] + "…"] = (
                f"The name is longer than {MAX_NAME_LENGTH} characters."
            )
        text = value if isinstance(value, str) else json.dumps(value)
        size = len(text.encode(errors="replace"))
        if size > MAX_VALUE_BYTES:
            errors[name[:MAX_NAME_LENGTH]] = (
                f"Has {size} bytes. The maximum is {MAX_VALUE_BYTES} bytes."
            )
    if errors:
        raise InvalidParameters(
            "The parameters are too large. See 'errors' for each parameter.",
            {name: [message] for name, message in errors.items()},
        )


def read_repair(request: Request) -> dict[str, Any]:
    """Read the body of a repair as arguments of ``repair_run``.

    :return: empty if the body is empty.
    :raises InvalidParameters: some members are invalid.
    """
    document = read_object(request, '{"rerunTasks": ["…"], "rerunDependentTasks": true}')
    try:
        arguments: dict[str, Any] = RepairSchema().load(document)
    except ValidationError as error:
        raise InvalidParameters(
            "The repair request is invalid. See 'errors' for each member.", error.messages_dict
        ) from None
    _check_sizes(arguments.get("params") or {})
    return arguments


def read_paused(request: Request) -> bool:
    """Read the body of a change of a job's schedule: whether to pause it.

    :raises InvalidRequest: the body has other members.
    """
    document = read_object(request, '{"paused": true}')
    if set(document) != {"paused"} or not isinstance(document["paused"], bool):
        raise InvalidRequest('The body must be {"paused": true} or {"paused": false}.')
    return document["paused"]


def read_report(request: Request) -> dict[str, Any]:
    """Read the body of a progress report as arguments of ``report_progress``, which checks them."""
    example = '{"percent": 40, "message": "…", "task": "…"}'
    document = read_object(request, example, ("percent", "message", "task"))
    return {"percent": document.get("percent"), **document}


def read_progress_token(request: Request) -> str | None:
    """Read a progress token from its header, or else from ``Authorization: Bearer``.

    Databricks Apps need that header for a login, whose tokens begin differently.
    """
    token = request.headers.get(PROGRESS_TOKEN_HEADER)
    if token is not None:
        return token
    login = request.authorization
    bearer = login.token if login is not None else None
    return bearer if bearer and bearer.startswith(PROGRESS_TOKEN_PREFIX) else None


def read_notification(request: Request) -> tuple[int, int]:
    """Read the job id and the run id in a notification from Databricks.

    In the notification of a task, the run id is that of the run that the task belongs to.
    Source: Databricks documentation, "Add notifications on a job", HTTP webhook payloads.

    :raises InvalidRequest: the body contains no ids.
    """
    example = '{"job": {"job_id": …}, "run": {"run_id": …}}'
    document = read_object(request, example)
    job_id = _find_id(document, "job", "job_id")
    run_id = _find_id(document, "run", "parent_run_id") or _find_id(document, "run", "run_id")
    if job_id is None or run_id is None:
        raise InvalidRequest(f"A notification must contain the ids of a job and a run: {example}.")
    return job_id, run_id


def _find_id(document: dict[str, Any], member: str, name: str) -> int | None:
    """Return an id, which may be a string or a number, from a member of a notification."""
    ids = document.get(member)
    value = ids.get(name) if isinstance(ids, dict) else None
    if isinstance(value, float) and value.is_integer():  # in JSON, 5.0 is 5
        value = int(value)
    return parse_id(value)


def read_idempotency_key(request: Request) -> str | None:
    """Read the ``Idempotency-Key`` header.

    :raises InvalidRequest: the key is empty, too long, or not printable ASCII.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"'Idempotency-Key' must have 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        )
    return key


def read_limit(request: Request) -> int:
    """Read the number of runs to list, clamped to the allowed range.

    :raises InvalidRequest: the limit is not a whole number.
    """
    return max(MIN_LIMIT, min(MAX_LIMIT, read_number(request, "limit", DEFAULT_LIMIT)))


def read_flag(request: Request, name: str) -> bool:
    """Read a boolean query parameter.

    :raises InvalidRequest: the value is neither true nor false.
    """
    text = request.args.get(name, "").lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise InvalidRequest(f"'{name}' must be true or false, not {quote(text)}.")


def read_streamed_runs(request: Request) -> list[tuple[str, int]]:
    """Read the runs of one stream as job keys and run ids, each once.

    :raises InvalidRequest: there are none or too many, or one is not ``<key>:<id>``.
    """
    texts = request.args.getlist("run")
    if not 0 < len(texts) <= MAX_STREAMED_RUNS:
        raise InvalidRequest(f"Name 1 to {MAX_STREAMED_RUNS} runs: ?run=<job>:<id>&run=<job>:<id>.")
    runs = []
    for text in texts:
        key, colon, run_id = text.rpartition(":")
        if not colon:
            raise InvalidRequest(f"'run' must be <job>:<id>, not {quote(text)}.")
        runs.append((key, parse_run_id(run_id)))
    return list(dict.fromkeys(runs))


def read_tasks(request: Request) -> list[str]:
    """Read the keys of tasks in the query, each once. Their outputs fit into one page.

    :raises InvalidRequest: there are too many.
    """
    tasks = list(dict.fromkeys(request.args.getlist("task")))
    if len(tasks) > MAX_OUTPUTS:
        raise InvalidRequest(f"Name at most {MAX_OUTPUTS} tasks: ?task=<key>&task=<key>.")
    return tasks


def read_log_request(request: Request) -> dict[str, Any]:
    """Read which part of which log a client asks for, as arguments of ``read_log``.

    :raises InvalidRequest: no task is named, or a value is not a whole number.
    """
    key, task_run_id = request.args.get("task"), request.args.get("taskRunId")
    if (key is None) == (task_run_id is None):
        raise InvalidRequest("Name one task: ?task=<key> or ?taskRunId=<id>.")
    limit = read_number(request, "limit", DEFAULT_PART_BYTES)
    return {
        "task": parse_run_id(task_run_id) if key is None else key,
        "attempt": read_number(request, "attempt", 0) or None,
        "offset": read_number(request, "offset", 0),
        "limit": max(MIN_PART_BYTES, min(MAX_PART_BYTES, limit)),
    }


def read_number(request: Request, name: str, default: int) -> int:
    """Read a whole number; beyond ``MAX_NUMBER`` it counts as that.

    :raises InvalidRequest: the value is not one.
    """
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,99}", text, re.ASCII):
        raise InvalidRequest(f"'{name}' must be a whole number, not {quote(text)}.")
    return max(-MAX_NUMBER, min(MAX_NUMBER, int(text)))


def read_last_event_id(request: Request) -> str:
    """Read the id of the last event that a client received; a reloaded page sends it in the
    query."""
    return request.headers.get("Last-Event-ID") or request.args.get("lastEventId", "")
