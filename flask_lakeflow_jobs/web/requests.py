"""What a request asks for: read strictly, refused with a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any, NoReturn, cast

from flask import Request
from marshmallow import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wsgi import LimitedStream

from ..errors import InvalidParameters, InvalidRequest, UnsupportedMediaType
from ..runs.ids import parse_id, parse_run_id
from .schemas import RepairSchema

MIN_RUNS, MAX_RUNS, DEFAULT_RUNS = 1, 100, 20

#: Bytes of a body.
MAX_BODY_BYTES = 1024 * 1024

MAX_PARAMETERS = 1_000

#: Bytes of one parameter's value, as JSON where it is no text.
MAX_VALUE_BYTES = 64 * 1024

#: Characters of a parameter's name, and of an idempotency key.
MAX_NAME_LENGTH = MAX_IDEMPOTENCY_KEY_LENGTH = 255

#: Characters that a refusal repeats of what was sent.
MAX_QUOTE_LENGTH = 40

#: Runs in one stream: their states have to fit into a ``Last-Event-ID`` header.
MAX_STREAMED_RUNS = 50

TRUE, FALSE = {"1", "true", "yes"}, {"", "0", "false", "no"}


def read_params(request: Request) -> Mapping[str, Any]:
    """The parameters in the body of a trigger; an empty body has none.

    :param request: it.
    :raises UnsupportedMediaType: the body is not JSON.
    :raises RequestEntityTooLarge: it is too large.
    :raises InvalidRequest: it is malformed, or no object with ``params``.
    :raises InvalidParameters: ``params`` is no object, or it is too large.
    """
    document = _object_of(request, '{"params": {…}}')
    unknown = sorted(set(document) - {"params"})
    if unknown:
        raise InvalidRequest(
            f"The body has {', '.join(map(repr, unknown))}, and only 'params' has a meaning here."
        )
    params = document.get("params")
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise InvalidParameters("'params' must be an object.", {"params": ["Must be an object."]})
    _check_sizes(params)
    return params


def _check_sizes(params: Mapping[str, Any]) -> None:
    wrong = {}
    if len(params) > MAX_PARAMETERS:
        wrong["params"] = f"Has {len(params)} parameters; {MAX_PARAMETERS} is the most."
    for name, value in params.items():
        if len(name) > MAX_NAME_LENGTH:
            wrong[name[:MAX_QUOTE_LENGTH] + "…"] = (
                f"A name has {MAX_NAME_LENGTH} characters at most."
            )
        size = len(
            (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace")
        )
        if size > MAX_VALUE_BYTES:
            wrong[name[:MAX_NAME_LENGTH]] = f"Has {size} bytes; {MAX_VALUE_BYTES} is the most."
    if wrong:
        raise InvalidParameters(
            "The parameters are too large: see 'errors' for what is wrong by field.",
            {name: [message] for name, message in wrong.items()},
        )


def read_repair(request: Request) -> dict[str, Any]:
    """What the body of a repair asks for, as ``repair_run`` takes it; without a body nothing.

    :param request: it.
    :raises UnsupportedMediaType: the body is not JSON.
    :raises RequestEntityTooLarge: it is too large.
    :raises InvalidRequest: it is malformed, or no object.
    :raises InvalidParameters: with what is wrong by field.
    """
    document = _object_of(request, '{"rerunTasks": ["…"], "rerunDependentTasks": true}')
    try:
        asked: dict[str, Any] = RepairSchema().load(document)
    except ValidationError as error:
        raise InvalidParameters(
            "A repair cannot be asked for like this: see 'errors' for what is wrong by field.",
            error.messages_dict,
        ) from None
    return asked


def read_notification(request: Request) -> tuple[int, int]:
    """The run that a notification of Databricks is about, as (job id, run id).

    Of a task that is the run which the task is part of. What else it says is not read.
    Source: Databricks documentation, "Add notifications on a job", HTTP webhook payloads.

    :param request: it.
    :raises UnsupportedMediaType: the body is not JSON.
    :raises RequestEntityTooLarge: it is too large.
    :raises InvalidRequest: it is malformed, or names no run.
    """
    example = '{"job": {"job_id": …}, "run": {"run_id": …}}'
    document = _object_of(request, example)
    job_id = _id_in(document, "job", "job_id")
    run_id = _id_in(document, "run", "parent_run_id") or _id_in(document, "run", "run_id")
    if job_id is None or run_id is None:
        raise InvalidRequest(f"A notification names its job and its run: {example}.")
    return job_id, run_id


def _id_in(document: dict[str, Any], part: str, name: str) -> int | None:
    """An id in a part of a notification, which has it as text or as a number."""
    member = document.get(part)
    value = member.get(name) if isinstance(member, dict) else None
    if isinstance(value, float) and value.is_integer():  # in JSON, 5.0 is 5
        value = int(value)
    return parse_id(value)


def _object_of(request: Request, example: str) -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty object."""
    if request.content_length is None:
        # It is bounded too; one that the host has read already is not read anew.
        bounded = LimitedStream(request.stream, MAX_BODY_BYTES + 1, is_max=True)
        request.stream = cast("IO[bytes]", bounded)
    is_too_large = (request.content_length or 0) > MAX_BODY_BYTES
    body = b"" if is_too_large else request.get_data()
    if is_too_large or len(body) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge(f"A body may have {MAX_BODY_BYTES} bytes at most.")
    if len(body) < _promised_length(request):
        raise InvalidRequest(
            "The body is not all there, so nothing was done. Either it ended early, or something in"
            " the app read it before, in place of request.get_data() or get_json(), which keep it."
        )
    if not body and not request.mimetype:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType(
            f'Send the body as JSON, {example}, with "Content-Type: application/json".'
        )
    document = _json(body) if body else {}
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body must be a JSON object: {example}.")
    return document


def _promised_length(request: Request) -> int:
    """The bytes that a body has at least, by its headers; not every server ends one that is cut
    with an error."""
    is_chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    has_type = request.mimetype != ""
    return int(has_type) if is_chunked else request.content_length or 0


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def read_idempotency_key(request: Request) -> str | None:
    """The key that names what a client intends, so that a repetition starts nothing.

    :param request: it.
    :raises InvalidRequest: it is empty, too long, or has other characters than printable ASCII.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not (0 < len(key) <= MAX_IDEMPOTENCY_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"'Idempotency-Key' must have 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} characters, all printable ASCII."
        )
    return key


def read_limit(request: Request) -> int:
    """How many runs are asked for, within what is given at all.

    :param request: it.
    :raises InvalidRequest: the limit is no number.
    """
    text = request.args.get("limit", str(DEFAULT_RUNS))
    if not re.fullmatch(r"[+-]?[0-9]{1,99}", text, re.ASCII):
        raise InvalidRequest(
            f"'limit' must be a whole number from {MIN_RUNS} to {MAX_RUNS}, not"
            f" {text[:MAX_QUOTE_LENGTH]!r}."
        )
    return max(MIN_RUNS, min(MAX_RUNS, int(text)))


def read_flag(request: Request, name: str) -> bool:
    """A yes or no in the query.

    :param request: it.
    :param name: the parameter.
    :raises InvalidRequest: it is neither.
    """
    text = request.args.get(name, "").lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise InvalidRequest(f"'{name}' must be true or false, not {text[:MAX_QUOTE_LENGTH]!r}.")


def read_streamed_runs(request: Request) -> list[tuple[str, int]]:
    """The runs that one stream is to follow, as (job key, run id), each once.

    :param request: it.
    :raises InvalidRequest: there is none, there are too many, or one is not ``<key>:<id>``.
    """
    texts = request.args.getlist("run")
    if not 0 < len(texts) <= MAX_STREAMED_RUNS:
        raise InvalidRequest(f"Name 1 to {MAX_STREAMED_RUNS} runs: ?run=<job>:<id>&run=<job>:<id>.")
    runs = []
    for text in texts:
        key, colon, run_id = text.rpartition(":")
        if not colon:
            raise InvalidRequest(f"'run' must be <job>:<id>, not {text[:MAX_QUOTE_LENGTH]!r}.")
        runs.append((key, parse_run_id(run_id)))
    return list(dict.fromkeys(runs))


def read_last_event_id(request: Request) -> str:
    """What a client says it has seen last.

    :param request: it; a page that was reloaded says so in the query.
    """
    return request.headers.get("Last-Event-ID") or request.args.get("lastEventId", "")
