"""The routes: each translates a request into calls on handles, and what they give into JSON."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flask import Response, request, url_for

from ..globals import current_state
from ..handle import cached_reads_of, run_key_of
from ..idempotency import Triggered
from ..runs.ids import parse_run_id
from ..runs.redaction import redact, redact_outputs, summarize_newest_run
from .auth import app_handle, current_authorizer, request_handle
from .openapi import document
from .requests import (
    read_flag,
    read_idempotency_key,
    read_limit,
    read_params,
    read_repair,
    read_streamed_runs,
)
from .responses import json_response, text_response, with_age
from .sse.encoder import MultiRunEventEncoder, RunEventEncoder
from .sse.open import _stream
from .state import web_state

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..upstream.read_cache import CachedResponse


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────


def list_jobs() -> Response:
    return json_response({"jobs": [job.to_dict() for job in current_authorizer().viewable_jobs()]})


def show_job(key: str) -> Response:
    return json_response(app_handle(current_authorizer(), key).job.to_dict())


def show_openapi() -> Response:
    return json_response(
        document(
            list(current_authorizer().viewable_jobs()),
            url=url_for(".list_jobs"),
            version=version("flask-lakeflow-jobs"),
            accepts_notifications=current_state().settings.accepts_notifications,
        )
    )


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────


def trigger(key: str) -> Response:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "run") as handle:
        streamed, polls = read_flag(request, "stream"), read_flag(request, "poll")
        if streamed:
            authorizer.check("view", handle.job)
        triggered = handle.run_now(
            read_params(request),
            idempotency_key=read_idempotency_key(request),
            requested_by=authorizer.user_name,
        )
        if streamed:
            run_key = run_key_of(handle, triggered.run_id)
            response = _stream([run_key], RunEventEncoder(run_key), polls=polls, is_started=True)
        else:
            response = json_response({"runId": triggered.run_id})
    return _located(response, key, triggered)


def _located(response: Response, key: str, triggered: Triggered) -> Response:
    response.headers["Location"] = url_for(".show_run", key=key, run_id=triggered.run_id)
    if triggered.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def list_runs(key: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        seen = cached_reads_of(handle, stale_if_error=True).list_runs(read_limit(request))

    def runs() -> dict[str, Any]:
        return {"runs": [redact(run, handle.job.secret_overrides) for run in seen.value]}

    return _read("runs", handle, seen, runs)


def show_status(key: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        seen = cached_reads_of(handle, stale_if_error=True).list_runs(1)
    return _read(
        "status",
        handle,
        seen,
        lambda: summarize_newest_run(seen.value, handle.job.secret_overrides),
    )


def show_run(key: str, run_id: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        seen = cached_reads_of(handle, stale_if_error=True).get_run(parse_run_id(run_id))
    return _read("run", handle, seen, lambda: redact(seen.value, handle.job.secret_overrides))


def _read(
    of: str, handle: JobHandle, seen: CachedResponse, describe: Callable[[], Any]
) -> Response:
    """The answer to a read."""
    text = web_state().response_texts.text(of, handle.job, seen, describe)
    return with_age(text_response(text), seen)


def show_output(key: str, run_id: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        outputs = cached_reads_of(handle).get_outputs(parse_run_id(run_id))
    return json_response(redact_outputs(outputs, handle.job.secret_overrides))


def cancel_run(key: str, run_id: str) -> Response:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "cancel") as handle:
        handle.cancel_run(parse_run_id(run_id), requested_by=authorizer.user_name)
    return Response(status=204)


def repair_run(key: str, run_id: str) -> Response:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "repair") as handle:
        repair_id = handle.repair_run(
            parse_run_id(run_id), **read_repair(request), requested_by=authorizer.user_name
        )
    return json_response({"repairId": repair_id})


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def stream_run(key: str, run_id: str) -> Response:
    with request_handle(current_authorizer(), key) as handle:
        run_key = run_key_of(handle, parse_run_id(run_id))
    return _stream([run_key], RunEventEncoder(run_key), polls=read_flag(request, "poll"))


def stream_runs() -> Response:
    authorizer = current_authorizer()
    run_keys = []
    for key, run_id in read_streamed_runs(request):
        with request_handle(authorizer, key) as handle:
            run_keys.append(run_key_of(handle, run_id))
    return _stream(run_keys, MultiRunEventEncoder(run_keys), polls=read_flag(request, "poll"))
