"""The views of the API, except notifications and static files."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response, request, url_for
from werkzeug.exceptions import ClientDisconnected

from ..concurrency import is_gevent_patched
from ..errors import InvalidRequest
from ..globals import current_state
from ..idempotency import Triggered
from ..reader import cached_reads_of, subscribe_to
from ..runs.comparison import parse_pair
from ..runs.ids import parse_run_id
from ..runs.matrix import MAX_RUNS
from ..runs.redaction import redact, redact_outputs, summarize_newest_run
from ..runs.triggers import triggers_of
from ..version import find_version
from ..watching.snapshot import StateId
from ..watching.subscription import Subscription
from .authorization import current_authorizer
from .openapi import build_document
from .requests import (
    read_flag,
    read_idempotency_key,
    read_last_event_id,
    read_limit,
    read_log_request,
    read_number,
    read_params,
    read_paused,
    read_progress_token,
    read_repair,
    read_report,
    read_streamed_runs,
    read_tasks,
)
from .responses import encode_read, json_response, text_response, with_age
from .run_list import read_run_page, read_run_query
from .sse.encoder import (
    MultiRunEventEncoder,
    encode_run_update,
    parse_last_event_id,
)
from .sse.opener import stream_opener

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..upstream.read_cache import CachedResponse

#: Iterations in one page. Each has an output, and the workspace allows 20 reads of such a second.
ITERATIONS_PER_PAGE = 50

_log = logging.getLogger("flask_lakeflow_jobs.web")


def list_jobs() -> Response:
    return json_response({"jobs": [job.to_dict() for job in current_authorizer().viewable_jobs()]})


def show_job(key: str) -> Response:
    return json_response(current_authorizer().app_handle(key).job.to_dict())


def show_openapi() -> Response:
    return json_response(
        build_document(
            list(current_authorizer().viewable_jobs()),
            url=url_for(".list_jobs").partition("?")[0],  # the app's url_defaults may add a query
            version=find_version(),
            accepts_notifications=current_state().settings.accepts_notifications,
        )
    )


def show_health() -> Response:
    """Respond with the status, and with the rest to those who may view a job."""
    health = current_state().health()
    if not any(current_authorizer().viewable_jobs()):
        return json_response({"status": health["status"]})
    server = stream_opener().describe_server(request.environ)
    return json_response({**health, "server": server})


def trigger(key: str) -> Response:
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "run") as handle:
        # Before the run starts: an invalid flag must not start one.
        is_stream, poll = read_flag(request, "stream"), read_flag(request, "poll")
        is_brief = read_flag(request, "brief")
        if is_stream:
            authorizer.check_view(handle.job)
        triggered = handle.run_now(
            read_params(request),
            idempotency_key=read_idempotency_key(request),
            requested_by=authorizer.user_name,
        )
        if is_stream:
            response = _stream_one(
                handle, triggered.run_id, poll=poll, is_brief=is_brief, is_trigger=True
            )
        else:
            response = json_response({"runId": triggered.run_id})
    return _with_location(response, key, triggered)


def _with_location(response: Response, key: str, triggered: Triggered) -> Response:
    # An absolute URI: gateways like CGI respond to a 200 with a path in Location with the document
    # at that path. RFC 3875, section 6.2.2. For werkzeug, a host such as my_app is none.
    has_host = bool(request.host)
    try:
        location = url_for(".show_run", key=key, run_id=triggered.run_id, _external=has_host)
    except Exception:  # of the app's url_defaults: the client still needs the id of its run
        _log.exception("The response to a trigger has no Location.")
    else:
        response.headers["Location"] = location
    if triggered.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def list_runs(key: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        runs = cached_reads_of(handle, stale_if_error=True).list_runs(read_limit(request))
    return _respond_with_read(
        "runs",
        handle,
        runs,
        lambda: {"runs": [redact(run, handle.job.secret_overrides) for run in runs.value]},
    )


def list_all_runs() -> Response:
    authorizer = current_authorizer()
    query = read_run_query(request.args, [job.key for job in authorizer.viewable_jobs()])
    return json_response(read_run_page(authorizer, query).to_dict())


def show_status(key: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        runs = cached_reads_of(handle, stale_if_error=True).list_runs(1)
    return _respond_with_read(
        "status",
        handle,
        runs,
        lambda: summarize_newest_run(runs.value, handle.job.secret_overrides),
    )


def show_schedule(key: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        job = cached_reads_of(handle, stale_if_error=True).get_job()
    triggers = triggers_of(job.value, current_state().clock.now() * 1000)
    return with_age(json_response({"triggers": [each.to_dict() for each in triggers]}), job)


def change_schedule(key: str) -> Response:
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "schedule") as handle:
        change = handle.pause if read_paused(request) else handle.resume
        change(requested_by=authorizer.user_name)
    return Response(status=204)


def show_matrix(key: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        return json_response(
            handle.read_matrix(max(1, read_number(request, "limit", MAX_RUNS))).to_dict()
        )


def compare_runs(key: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        return json_response(handle.compare(*parse_pair(request.args.getlist("run"))).to_dict())


def show_run(key: str, run_id: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        run = cached_reads_of(handle, stale_if_error=True).get_run(parse_run_id(run_id))
    return _respond_with_read(
        "run", handle, run, lambda: redact(run.value, handle.job.secret_overrides)
    )


def list_actions(key: str, run_id: str) -> Response:
    """Respond with who started, canceled and repaired a run, to those who may view the run."""
    with current_authorizer().request_handle(key) as handle:
        number = parse_run_id(run_id)
        cached_reads_of(handle, stale_if_error=True).get_run(number)
        found = current_state().requesters.read_one(handle.job.job_id, number)
    return json_response({"actions": [asdict(action) for action in found.actions]})


def _respond_with_read(
    view: str, handle: JobHandle, cached: CachedResponse, build: Callable[[], Any]
) -> Response:
    return with_age(text_response(encode_read(view, handle.job, cached, build)), cached)


def cancel_run(key: str, run_id: str) -> Response:
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "cancel") as handle:
        handle.cancel_run(run_id, requested_by=authorizer.user_name)
    return Response(status=204)


def repair_run(key: str, run_id: str) -> Response:
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "repair") as handle:
        repair_id = handle.repair_run(
            run_id, **read_repair(request), requested_by=authorizer.user_name
        )
    return json_response({"repairId": repair_id})


def report_progress(key: str, run_id: str) -> Response:
    """Accept a report from the run itself, by its token, or from a user who may report."""
    authorizer, token = current_authorizer(), read_progress_token(request)
    with authorizer.progress_handle(key, token) as handle:
        handle.report_progress(run_id, **read_report(request), token=token)
    return Response(status=204)


def stream_run(key: str, run_id: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        poll, is_brief = read_flag(request, "poll"), read_flag(request, "brief")
        return _stream_one(handle, parse_run_id(run_id), poll=poll, is_brief=is_brief)


def _stream_one(
    handle: JobHandle, run_id: int, *, poll: bool, is_brief: bool, is_trigger: bool = False
) -> Response:
    last_state = StateId.parse(read_last_event_id(request))
    return stream_opener().open(
        subscribe_to(handle, run_id, last_state),
        partial(encode_run_update, is_brief=is_brief),
        [] if last_state is None else [last_state],
        request.environ,
        poll=poll,
        is_trigger=is_trigger,
    )


def stream_runs() -> Response:
    authorizer = current_authorizer()
    runs = read_streamed_runs(request)
    last_states = parse_last_event_id(read_last_event_id(request), {run_id for _, run_id in runs})
    with ExitStack() as stack:
        handles = [stack.enter_context(authorizer.request_handle(key)) for key, _ in runs]
        poll, is_brief = read_flag(request, "poll"), read_flag(request, "brief")
        subscriptions = [
            subscribe_to(handle, run_id, last_states.get(run_id))
            for handle, (_, run_id) in zip(handles, runs, strict=True)
        ]
    return stream_opener().open(
        Subscription.join(subscriptions),
        MultiRunEventEncoder(runs, last_states, is_brief=is_brief).encode,
        list(last_states.values()),
        request.environ,
        poll=poll,
    )


def show_explanation(key: str, run_id: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        explanation = handle.explain(run_id).to_dict()
        return json_response(redact(explanation, handle.job.secret_overrides))


def show_output(key: str, run_id: str) -> Response:
    with current_authorizer().request_handle(key) as handle:
        outputs, next_after = cached_reads_of(handle).get_output_page(
            parse_run_id(run_id),
            read_tasks(request),
            request.args.get("pageToken"),
            partial(check_connection, request.environ),
        )
    response = json_response(redact_outputs(outputs, handle.job.secret_overrides))
    if next_after is not None:
        url = url_for(".show_output", key=key, run_id=run_id, pageToken=next_after)
        response.headers["Link"] = f'<{url}>; rel="next"'  # RFC 8288
    return response


def show_log(key: str, run_id: str) -> Response:
    arguments = read_log_request(request)
    with current_authorizer().request_handle(key) as handle:
        part = handle.read_log(run_id, **arguments)
    return json_response(part.to_dict())


def list_iterations(key: str, run_id: str) -> Response:
    if (task := request.args.get("task")) is None:
        raise InvalidRequest("Name a for-each task: ?task=<key>.")
    first = max(0, read_number(request, "pageToken", 0))
    with current_authorizer().request_handle(key) as handle:
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
