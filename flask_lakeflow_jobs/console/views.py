"""The pages: each view reads what its page shows, and hands it to a template."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from ..config.jobs import NO_JOBS_MESSAGE
from ..errors import (
    Conflict,
    InvalidParameters,
    InvalidRequest,
    LakeflowJobsError,
    NotAllowed,
    RunNotFound,
)
from ..globals import current_state
from ..handle import JobHandle
from ..runs.ids import parse_run_id
from ..web import assets
from ..web.auth import app_handle, current_authorizer, request_handle
from ..web.csrf import require_same_origin
from . import filters, fragments, history, queries
from .cards import cards
from .forms import Form, form_of, given_to
from .history import Filter
from .run_page import RunView, run_view
from .task_page import task_view

FOLDER = Path(__file__).parent

#: What pages may load: this app's own files, and no inline script or style.
POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self';"
    " frame-ancestors 'self'"
)

#: Said where it is not known whether a form has started a run.
PRESS_AGAIN = (
    "Press Run to try again: if a run has started, you are led to it, and no second one starts."
)

_assets = assets.Assets(FOLDER / "static", assets.STATIC_FOLDER)


def console_blueprint(url_prefix: str) -> Blueprint:
    """The console, for one app.

    :param url_prefix: where it is.
    """
    pages = Blueprint(
        "lakeflow_console",
        __name__,
        url_prefix=url_prefix,
        template_folder=str(FOLDER / "templates"),
    )
    for rule, view, methods in (
        ("/", show_jobs, ["GET"]),
        ("/<key>", show_history, ["GET"]),
        ("/<key>/run", show_form, ["GET"]),
        ("/<key>/run", start_run, ["POST"]),
        ("/<key>/runs/<run_id>", show_run, ["GET"]),
        ("/<key>/runs/<run_id>/live", show_live, ["GET"]),
        ("/<key>/runs/<run_id>/tasks/<task_run_id>", show_task, ["GET"]),
        ("/<key>/runs/<run_id>/cancel", cancel_run, ["POST"]),
        ("/<key>/runs/<run_id>/cancel", lead_to_run, ["GET"]),
        ("/<key>/runs/<run_id>/repair", repair_run, ["POST"]),
        ("/<key>/runs/<run_id>/repair", lead_to_run, ["GET"]),
        ("/~static/<name>", static, ["GET"]),
    ):
        pages.add_url_rule(rule, view_func=view, methods=methods, strict_slashes=False)
    pages.before_request(lambda: require_same_origin(request))
    pages.after_request(_protect)
    pages.register_error_handler(HTTPException, _show_error)
    fragments.register(pages)
    return pages


def static(name: str) -> Response:
    """A script, a style or a picture; their names are in no job's key, which has no tilde."""
    return _assets.respond(name)


# ── jobs ──────────────────────────────────────────────────────────────────────────────────────────


def show_jobs() -> str:
    """All jobs; bare, for the page itself, or some of them, for fragments."""
    authorizer = current_authorizer()
    some = request.args.getlist("key")
    keys = [job.key for job in authorizer.viewable_jobs() if not some or job.key in some]
    template = "_cards.html" if "bare" in request.args else "jobs.html"
    said = (
        "There is no job here that you may see."
        if current_state().settings.jobs
        else NO_JOBS_MESSAGE
    )
    return _page(template, cards=cards(authorizer, keys), keys=some or None, if_none=said)


def show_history(key: str) -> str:
    authorizer = current_authorizer()
    wanted = Filter(request.args.get("outcome", ""), request.args.get("who", "").strip())
    after = history.place_of(request.args.get("after", ""))
    with request_handle(authorizer, key) as handle:
        page = history.page_of(handle, wanted, after)
    (card,) = cards(authorizer, [key])
    return _page(
        "history.html", card=card, page=page, wanted=wanted, after=after, kinds=filters.KIND_NAMES
    )


# ── start ─────────────────────────────────────────────────────────────────────────────────────────


def show_form(key: str) -> str:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "run") as handle:
        form = _form(handle)
        again = request.args.get("again", "")
        if again:
            run, _ = queries.run_of(handle, parse_run_id(again))
            form = form.filled(given_to(run, handle.job.task_type))
    return _form_page(key, form, again=again)


def start_run(key: str) -> BaseResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "run") as handle:
        form = _form(handle)
        sent = request.form.to_dict()
        nonce = sent.get("nonce", "")
        try:
            _refuse_unreadable(handle, form, sent)
            triggered = handle.run_now(
                form.params(sent),
                idempotency_key=_intent(nonce),
                requested_by=authorizer.user_name,
            )
        except InvalidParameters as error:
            return _form_page(key, form.refilled(sent).with_errors(error)), error.code
        except Conflict:
            # the form was sent before, with other values: to send it again is to mean another run
            notice = "This form has started a run already. Press Run once more for another one."
            return _form_page(key, form.refilled(sent), notice=notice), Conflict.code
        except LakeflowJobsError as error:
            if not error.retryable:
                raise
            # a run may have started all the same: the same nonce finds it
            notice = f"{error.detail} {PRESS_AGAIN}"
            page = _form_page(key, form.refilled(sent), notice=notice, nonce=nonce)
            return page, error.code, _when_again(error)
    where = url_for(
        ".show_run",
        key=key,
        run_id=triggered.run_id,
        replayed="1" if triggered.replayed else None,
    )
    return redirect(where, 303)


def _form(handle: JobHandle) -> Form:
    try:
        definition = queries.job_of(handle)
    except LakeflowJobsError:
        if handle.job.schema is None:
            raise
        definition = None  # the schema says all that the form needs
    parameter = queries.who_parameter()
    return form_of(handle.job, definition, hidden=[parameter] if parameter else [])


def _refuse_unreadable(handle: JobHandle, form: Form, sent: dict[str, str]) -> None:
    """Refuse values that cannot be read, and with them whatever else is wrong."""
    unreadable = form.unreadable(sent)
    if not unreadable:
        return
    messages: dict[str, Any] = {}
    try:
        handle.check(form.params(sent))
    except InvalidParameters as error:
        messages = error.messages
    raise InvalidParameters("Some values cannot be read.", {**messages, **unreadable})


def _form_page(key: str, form: Form, *, again: str = "", notice: str = "", nonce: str = "") -> str:
    (card,) = cards(current_authorizer(), [key])
    return _page(
        "form.html",
        card=card,
        form=form,
        nonce=nonce if _intent(nonce) else uuid.uuid4().hex,
        again=again,
        notice=notice,
    )


def _intent(nonce: str) -> str | None:
    """The key of the form with that nonce; what is none starts a run of its own."""
    return f"console-{nonce}" if re.fullmatch(r"[0-9a-f]{32}", nonce, re.ASCII) else None


# ── a run ─────────────────────────────────────────────────────────────────────────────────────────


def show_run(key: str, run_id: str) -> str:
    return _page(
        "run.html", view=_run_view(key, run_id), is_replayed=bool(request.args.get("replayed"))
    )


def show_live(key: str, run_id: str) -> str:
    """The parts of the page that change, for the page itself."""
    return render_template("lakeflow_jobs/_run.html", view=_run_view(key, run_id))


def _run_view(key: str, run_id: str) -> RunView:
    authorizer = current_authorizer()
    with request_handle(authorizer, key) as handle:
        return run_view(authorizer, handle, parse_run_id(run_id))


def show_task(key: str, run_id: str, task_run_id: str) -> str:
    authorizer = current_authorizer()
    with request_handle(authorizer, key) as handle:
        view = task_view(authorizer, handle, parse_run_id(run_id), parse_run_id(task_run_id))
    template = "_task.html" if "bare" in request.args else "task.html"
    return _page(template, key=key, run_id=run_id, view=view)


def cancel_run(key: str, run_id: str) -> BaseResponse:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "cancel") as handle:
        handle.cancel_run(parse_run_id(run_id), requested_by=authorizer.user_name)
    return lead_to_run(key, run_id)


def repair_run(key: str, run_id: str) -> BaseResponse:
    authorizer = current_authorizer()
    with request_handle(authorizer, key, "repair") as handle:
        handle.repair_run(parse_run_id(run_id), requested_by=authorizer.user_name)
    return lead_to_run(key, run_id)


def lead_to_run(key: str, run_id: str) -> BaseResponse:
    """To the run's page: after what was done to it, or where a reload asks for that by GET."""
    return redirect(url_for(".show_run", key=key, run_id=run_id), 303)


# ── what pages share ──────────────────────────────────────────────────────────────────────────────


def _page(template: str, **given: Any) -> str:
    try:
        user = current_authorizer().user_name
    except NotAllowed:  # a page that says so needs no name
        user = None
    return render_template(f"lakeflow_jobs/{template}", user=user, now=queries.now(), **given)


def _protect(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _show_error(error: HTTPException) -> BaseResponse | tuple[str, int, dict[str, str]]:
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code == 500 and current_app.testing:
        raise error
    title = getattr(error, "title", error.name)
    detail = getattr(error, "detail", error.description)
    about = _about(error)
    page = _page("error.html", title=title, detail=detail, code=error.code, about=about)
    return page, error.code, _when_again(error)


def _about(error: HTTPException) -> dict[str, str]:
    """The job and the run that a failed request is about, as far as they are there to be seen."""
    asked = request.view_args or {}
    if "key" not in asked:
        return {}
    try:
        app_handle(current_authorizer(), asked["key"])
    except LakeflowJobsError:
        return {}
    names = ["key"] if isinstance(error, RunNotFound | InvalidRequest) else ["key", "run_id"]
    return {name: asked[name] for name in names if name in asked}


def _when_again(error: HTTPException) -> dict[str, str]:
    """The header that tells when the same request may succeed, where that is known."""
    return {name: value for name, value in error.get_headers() if name == "Retry-After"}
