"""What a request asks for: read strictly, refused with a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Request

from ..errors import InvalidParameters, InvalidRequest, UnsupportedMediaType

#: The largest id: the Jobs API's ids are signed 64-bit numbers.
LARGEST_ID = 2**63 - 1

LEAST_RUNS, MOST_RUNS, DEFAULT_RUNS = 1, 100, 20

#: Runs in one stream: their states have to fit into a ``Last-Event-ID`` header.
MOST_STREAMED = 50

TRUE, FALSE = {"1", "true", "yes"}, {"", "0", "false", "no"}


def run_id_of(text: str) -> int:
    """The run id in a path.

    :param text: the path's part.
    :raises InvalidRequest: it is no id.
    """
    if re.fullmatch(r"[0-9]{1,19}", text, re.ASCII) and 0 < int(text) <= LARGEST_ID:
        return int(text)
    raise InvalidRequest(f"A run id is a positive whole number, not {text[:40]!r}.")


def params_of(request: Request) -> Mapping[str, Any]:
    """The parameters in the body of a trigger; an empty body has none.

    :param request: it.
    :raises UnsupportedMediaType: the body is not JSON.
    :raises InvalidRequest: it is malformed, or no object with ``params``.
    :raises InvalidParameters: ``params`` is no object.
    """
    body = request.get_data()
    if not body and not request.mimetype:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType(
            'Send the parameters as JSON, {"params": {…}}, with "Content-Type: application/json".'
        )
    document = _json(body) if body else {}
    if not isinstance(document, dict):
        raise InvalidRequest('The body must be a JSON object: {"params": {…}}.')
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
    return params


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def limit_of(request: Request) -> int:
    """How many runs are asked for, within what is given at all.

    :param request: it.
    :raises InvalidRequest: the limit is no number.
    """
    text = request.args.get("limit", str(DEFAULT_RUNS))
    if not re.fullmatch(r"[+-]?[0-9]{1,99}", text, re.ASCII):
        raise InvalidRequest(
            f"'limit' must be a whole number from {LEAST_RUNS} to {MOST_RUNS}, not {text[:40]!r}."
        )
    return max(LEAST_RUNS, min(MOST_RUNS, int(text)))


def flag_of(request: Request, name: str) -> bool:
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
    raise InvalidRequest(f"'{name}' must be true or false, not {text[:40]!r}.")


def streamed_runs_of(request: Request) -> list[tuple[str, int]]:
    """The runs that one stream is to follow, as (job key, run id), each once.

    :param request: it.
    :raises InvalidRequest: there is none, there are too many, or one is not ``<key>:<id>``.
    """
    texts = request.args.getlist("run")
    if not 0 < len(texts) <= MOST_STREAMED:
        raise InvalidRequest(f"Name 1 to {MOST_STREAMED} runs: ?run=<job>:<id>&run=<job>:<id>.")
    runs = []
    for text in texts:
        key, colon, run_id = text.rpartition(":")
        if not colon:
            raise InvalidRequest(f"'run' must be <job>:<id>, not {text[:40]!r}.")
        runs.append((key, run_id_of(run_id)))
    return list(dict.fromkeys(runs))


def last_event_id_of(request: Request) -> str:
    """What a client says it has seen last.

    :param request: it; a page that was reloaded says so in the query.
    """
    return request.headers.get("Last-Event-ID") or request.args.get("lastEventId", "")
