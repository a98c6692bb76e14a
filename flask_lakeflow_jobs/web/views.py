"""The routes: each translates a request into calls on handles, and what they give into JSON."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flask import Response, request, url_for

from ..globals import current_state
from ..idempotency import Triggered
from ..runs.ids import parse_run_id
from ..runs.redaction import newest_run, redact, task_outputs
from .auth import app_handle, guard, request_handle
from .openapi import document
from .requests import flag_of, idempotency_key_of, limit_of, params_of, repair_of, streamed_runs_of
from .responses import json_response, text_response, with_age
from .sse.encoder import MultiRunEventEncoder, RunEventEncoder
from .sse.open import _stream
from .state import web_state

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..upstream.read_cache import CachedResponse

NAME = "lakeflow_jobs"


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────


def list_jobs() -> Response:
    return json_response({"jobs": [job.to_dict() for job in guard().viewable()]})


def show_job(key: str) -> Response:
    return json_response(app_handle(guard(), key).job.to_dict())


def show_openapi() -> Response:
    return json_response(
        document(
            list(guard().viewable()),
            url=url_for(f"{NAME}.list_jobs"),
            version=version("flask-lakeflow-jobs"),
            takes_notifications=current_state().settings.takes_notifications,
        )
    )


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────


def trigger(key: str) -> Response:
    guarded = guard()
    with request_handle(guarded, key, "run") as handle:
        streamed, polls = flag_of(request, "stream"), flag_of(request, "poll")
        if streamed:
            guarded.check("view", handle.job)
        triggered = handle.run_now(
            params_of(request),
            idempotency_key=idempotency_key_of(request),
            requested_by=guarded.user_name,
        )
        if streamed:
            target = handle.target(triggered.run_id)
            response = _stream([target], RunEventEncoder(target), polls=polls, is_started=True)
        else:
            response = json_response({"runId": triggered.run_id})
    return _located(response, key, triggered)


def _located(response: Response, key: str, triggered: Triggered) -> Response:
    response.headers["Location"] = url_for(f"{NAME}.show_run", key=key, run_id=triggered.run_id)
    if triggered.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def list_runs(key: str) -> Response:
    with request_handle(guard(), key) as handle:
        seen = handle.documents(stale_if_error=True).list_runs(limit_of(request))

    def runs() -> dict[str, Any]:
        return {"runs": [redact(run, handle.job.secrets) for run in seen.value]}

    return _read("runs", handle, seen, runs)


def show_status(key: str) -> Response:
    with request_handle(guard(), key) as handle:
        seen = handle.documents(stale_if_error=True).list_runs(1)
    return _read("status", handle, seen, lambda: newest_run(seen.value, handle.job.secrets))


def show_run(key: str, run_id: str) -> Response:
    with request_handle(guard(), key) as handle:
        seen = handle.documents(stale_if_error=True).get_run(parse_run_id(run_id))
    return _read("run", handle, seen, lambda: redact(seen.value, handle.job.secrets))


def _read(
    of: str, handle: JobHandle, seen: CachedResponse, describe: Callable[[], Any]
) -> Response:
    """The answer to a read."""
    text = web_state().answers.text(of, handle.job, seen, describe)
    return with_age(text_response(text), seen)


def show_output(key: str, run_id: str) -> Response:
    with request_handle(guard(), key) as handle:
        outputs = handle.documents().get_outputs(parse_run_id(run_id))
    return json_response(task_outputs(outputs, handle.job.secrets))


def cancel_run(key: str, run_id: str) -> Response:
    guarded = guard()
    with request_handle(guarded, key, "cancel") as handle:
        handle.cancel_run(parse_run_id(run_id), requested_by=guarded.user_name)
    return Response(status=204)


def repair_run(key: str, run_id: str) -> Response:
    guarded = guard()
    with request_handle(guarded, key, "repair") as handle:
        repair_id = handle.repair_run(
            parse_run_id(run_id), **repair_of(request), requested_by=guarded.user_name
        )
    return json_response({"repairId": repair_id})


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def stream_run(key: str, run_id: str) -> Response:
    with request_handle(guard(), key) as handle:
        target = handle.target(parse_run_id(run_id))
    return _stream([target], RunEventEncoder(target), polls=flag_of(request, "poll"))


def stream_runs() -> Response:
    guarded = guard()
    targets = []
    for key, run_id in streamed_runs_of(request):
        with request_handle(guarded, key) as handle:
            targets.append(handle.target(run_id))
    return _stream(targets, MultiRunEventEncoder(targets), polls=flag_of(request, "poll"))
