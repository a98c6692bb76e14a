"""The routes: each translates a request into calls on handles, and what they give into JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request, url_for

from ..current import current_state
from ..ids import run_id_of
from ..json_schema import described
from ..masking import masked
from ..shown import newest_run, task_outputs
from ..sources import path
from ..triggering import Triggered
from ..watching import Target
from . import sse, takeover
from .access import acting_handle, guard, own_handle
from .answers import encoded
from .assets import MODULE, browser_module
from .fallback import Fallback
from .guard import refuse_other_sites
from .openapi import document
from .problems import register_error_handlers
from .push import PushBody, StreamResponse
from .requests import (
    flag_of,
    idempotency_key_of,
    last_event_id_of,
    limit_of,
    params_of,
    repair_of,
    streamed_runs_of,
)
from .streams import ManyRuns, OneRun, PullBody, Script, Stream, jittered, present_state
from .webhook import take_notification

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..upstream.cache import Seen

NAME = "lakeflow_jobs"

#: Seconds for the first look at a streamed run, before the response begins without it: proxies and
#: viewers wait for its headers.
FIRST_LOOK = 5.0


def blueprint(url_prefix: str, *, takes_notifications: bool = False) -> Blueprint:
    """The routes, for one app.

    :param url_prefix: where they are.
    :param takes_notifications: whether there is one for Databricks' notifications.
    :raises ConfigurationError: the prefix is no path that all of them can be under.
    """
    has_own_prefix = url_prefix not in ("", "/")
    if has_own_prefix:
        path("url_prefix", str(url_prefix).rstrip("/"))
    routes = Blueprint(NAME, __name__, url_prefix=url_prefix)
    served: list[tuple[str, Callable[..., Response], list[str]]] = [
        ("/", list_jobs, ["GET"]),
        ("/<key>", show_job, ["GET"]),
        ("/<key>/run", trigger, ["POST"]),
        ("/<key>/runs", list_runs, ["GET"]),
        ("/<key>/status", show_status, ["GET"]),
        ("/<key>/runs/<run_id>", show_run, ["GET"]),
        ("/<key>/runs/<run_id>", cancel_run, ["DELETE"]),
        ("/<key>/runs/<run_id>/output", show_output, ["GET"]),
        ("/<key>/runs/<run_id>/repair", repair_run, ["POST"]),
        ("/<key>/runs/<run_id>/stream", stream_run, ["GET"]),
        ("/stream", stream_runs, ["GET"]),
        ("/openapi.json", show_openapi, ["GET"]),
        (f"/{MODULE}", browser_module, ["GET"]),
    ]
    if takes_notifications:
        served.append(("/webhook", take_notification, ["POST"]))
    for rule, view, methods in served:
        routes.add_url_rule(
            rule,
            view_func=view,
            methods=methods,
            strict_slashes=False,
            provide_automatic_options=not has_own_prefix,
        )
    if has_own_prefix:  # without one, all the host's paths would be ours
        Fallback((rule, methods) for rule, _, methods in served).add_to(routes)
    routes.before_request(lambda: refuse_other_sites(request))
    register_error_handlers(routes)
    return routes


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────


def list_jobs() -> Response:
    return _json({"jobs": [described(job) for job in guard().viewable()]})


def show_job(key: str) -> Response:
    return _json(described(own_handle(guard(), key).job))


def show_openapi() -> Response:
    return _json(
        document(
            list(guard().viewable()),
            url=url_for(f"{NAME}.list_jobs"),
            version=version("flask-lakeflow-jobs"),
            takes_notifications=current_state().jobs.settings.takes_notifications,
        )
    )


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────


def trigger(key: str) -> Response:
    guarded = guard()
    with acting_handle(guarded, key, "run") as handle:
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
            response = _stream([target], OneRun(target), polls=polls, is_started=True)
        else:
            response = _json({"runId": triggered.run_id})
    return _located(response, key, triggered)


def _located(response: Response, key: str, triggered: Triggered) -> Response:
    response.headers["Location"] = url_for(f"{NAME}.show_run", key=key, run_id=triggered.run_id)
    if triggered.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def list_runs(key: str) -> Response:
    with acting_handle(guard(), key) as handle:
        seen = handle.reads(or_stale=True).runs(limit_of(request))

    def runs() -> dict[str, Any]:
        return {"runs": [masked(run, handle.job.secrets) for run in seen.value]}

    return _read("runs", handle, seen, runs)


def show_status(key: str) -> Response:
    with acting_handle(guard(), key) as handle:
        seen = handle.reads(or_stale=True).runs(1)
    return _read("status", handle, seen, lambda: newest_run(seen.value, handle.job.secrets))


def show_run(key: str, run_id: str) -> Response:
    with acting_handle(guard(), key) as handle:
        seen = handle.reads(or_stale=True).run(run_id_of(run_id))
    return _read("run", handle, seen, lambda: masked(seen.value, handle.job.secrets))


def _read(of: str, handle: JobHandle, seen: Seen, describe: Callable[[], Any]) -> Response:
    """The answer to a read."""
    return _aged(_response(current_state().answers.text(of, handle.job, seen, describe)), seen)


def _aged(response: Response, seen: Seen) -> Response:
    """Mark a response with its age where it is old, and as stale (RFC 9211) where it is only
    given because the workspace cannot be reached."""
    if seen.age >= 1:
        response.headers["Age"] = str(int(seen.age))
    if seen.is_stale:
        response.headers["Cache-Status"] = f"lakeflow-jobs; hit; ttl=-{int(seen.age)}"
    return response


def show_output(key: str, run_id: str) -> Response:
    with acting_handle(guard(), key) as handle:
        outputs = handle.read_outputs(run_id_of(run_id))
    return _json(task_outputs(outputs, handle.job.secrets))


def cancel_run(key: str, run_id: str) -> Response:
    guarded = guard()
    with acting_handle(guarded, key, "cancel") as handle:
        handle.cancel_run(run_id_of(run_id), requested_by=guarded.user_name)
    return Response(status=204)


def repair_run(key: str, run_id: str) -> Response:
    guarded = guard()
    with acting_handle(guarded, key, "repair") as handle:
        repair_id = handle.repair_run(
            run_id_of(run_id), **repair_of(request), requested_by=guarded.user_name
        )
    return _json({"repairId": repair_id})


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def stream_run(key: str, run_id: str) -> Response:
    with acting_handle(guard(), key) as handle:
        target = handle.target(run_id_of(run_id))
    return _stream([target], OneRun(target), polls=flag_of(request, "poll"))


def stream_runs() -> Response:
    guarded = guard()
    targets = []
    for key, run_id in streamed_runs_of(request):
        with acting_handle(guarded, key) as handle:
            targets.append(handle.target(run_id))
    return _stream(targets, ManyRuns(targets), polls=flag_of(request, "poll"))


def _stream(
    targets: Sequence[Target], script: Script, *, polls: bool, is_started: bool = False
) -> Response:
    """Follow runs, as long as the server has room for it, and unless the client would rather poll.

    The first look is made here, so that a run that is not there is a plain 404, unless too many
    wait for theirs; then the stream brings it, or the next poll. After a trigger a look that fails
    is an event, since the answer is to name the run.
    """
    state = current_state()
    hub, settings, clock = state.jobs.hub, state.jobs.settings, state.jobs.clock
    slots = state.stream_slots
    with ExitStack() as held:
        is_pushed = settings.push and takeover.is_possible()
        has_slot = not polls and (
            slots.take_push() if is_pushed else slots.take_thread(request.environ)
        )
        if has_slot:
            held.callback(slots.give_back, thread=not is_pushed)
        seen = script.read(last_event_id_of(request))
        subscription = held.enter_context(closing(hub.subscribe(targets, seen)))
        with slots.waiting(request.environ, in_own=has_slot and not is_pushed) as may_wait:
            patience = min(FIRST_LOOK, settings.read_timeout) if may_wait else 0.0
            first = subscription.first(patience)
        errors = [item.error for item in first if item.error is not None]
        has_new_states = any(item.snapshot is not None for item in first)
        if subscription.is_over and seen and not has_new_states and len(targets) > len(errors):
            return Response(status=204)
        if len(errors) == len(first) == len(targets) and not is_started:
            raise errors[0]
        knows_end = bool(seen) and all(state.is_terminal for state in seen.values())
        if not has_slot or hub.is_closing() or (knows_end and not may_wait):
            return _event_stream([present_state(subscription, first, script)])
        stream = Stream(
            subscription,
            script,
            ends_at=clock.monotonic() + jittered(settings.stream_max_seconds),
            slots=slots,
            holds_thread=not is_pushed,
        )
        opening = stream.opening(first)
        held.pop_all()  # the stream holds it all now
    body = PullBody(
        stream, opening, heartbeat=settings.heartbeat, clock=clock, is_closing=hub.is_closing
    )
    return _event_stream(PushBody(body, stream, len(opening), state.pusher) if is_pushed else body)


def _event_stream(body: Iterable[bytes]) -> Response:
    return StreamResponse(body, mimetype=sse.MEDIA_TYPE, headers=sse.HEADERS)


# ── what views share ──────────────────────────────────────────────────────────────────────────────


def _json(answer: Any) -> Response:
    return _response(encoded(answer))


def _response(text: str) -> Response:
    return Response(text, mimetype="application/json", headers={"Cache-Control": "no-store"})
