"""Views of what tasks leave: outputs, logs and the iterations of for-each tasks."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Response, request, url_for
from werkzeug.exceptions import ClientDisconnected

from ..concurrency import is_gevent_patched
from ..errors import InvalidRequest
from ..reader import cached_reads_of
from ..runs.ids import parse_run_id
from ..runs.redaction import redact_outputs
from .auth import current_authorizer, request_handle
from .requests import read_log_request, read_number, read_tasks
from .responses import json_response

#: Iterations in one page. Each has an output, and the workspace allows 20 reads of such a second.
ITERATIONS_PER_PAGE = 50


def show_output(key: str, run_id: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        outputs, next_after = cached_reads_of(handle).get_output_page(
            parse_run_id(run_id),
            tasks := read_tasks(request),
            request.args.get("pageToken"),
            partial(check_connection, request.environ),
        )
    response = json_response(redact_outputs(outputs, handle.job.secret_overrides))
    if next_after is not None:
        url = url_for(".show_output", key=key, run_id=run_id, task=tasks, pageToken=next_after)
        response.headers["Link"] = f'<{url}>; rel="next"'  # RFC 8288
    return response


def show_log(key: str, run_id: str) -> Response:
    wanted = read_log_request(request)
    with request_handle(current_authorizer(), key) as handle:
        part = handle.read_log(
            run_id,
            wanted.task,
            attempt=wanted.attempt,
            offset=wanted.offset,
            limit=wanted.limit,
        )
    return json_response(part.to_dict())


def list_iterations(key: str, run_id: str) -> Response:
    if (task := request.args.get("task")) is None:
        raise InvalidRequest("Name a for-each task: ?task=<key>.")
    first = max(0, read_number(request, "pageToken", 0))
    with request_handle(current_authorizer(), key) as handle:
        reads = cached_reads_of(handle)
        loop = reads.find_loop(parse_run_id(run_id), task)
        iterations = reads.list_iterations(loop)
        page = iterations[first : first + ITERATIONS_PER_PAGE]
        outputs = reads.get_iteration_outputs(loop, page)
    redacted = redact_outputs(outputs, handle.job.secret_overrides)
    documents = [{**each.to_dict(), "output": redacted.get(each.run_id, {})} for each in page]
    following = first + ITERATIONS_PER_PAGE
    return json_response(
        {
            "iterations": documents,
            "nextPageToken": str(following) if following < len(iterations) else None,
        }
    )


def check_connection(environ: Mapping[str, Any]) -> None:
    """Raise if the client of a request has disconnected, where the server gives its socket.

    :raises ClientDisconnected: the client no longer waits for the response.
    """
    sock = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    if type(sock) is not socket.socket or is_gevent_patched():  # TLS, or another server
        return
    with suppress(OSError):  # nothing to read, or it is gone: then the response fails
        if sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
            raise ClientDisconnected
