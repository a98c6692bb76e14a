"""The routes of the console. The views of larger pages are beside what they show."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, current_app, make_response, redirect, request
from markupsafe import Markup
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as BaseResponse

from ..errors import InvalidRequest, LakeflowJobsError, RunNotFound
from ..globals import current_state
from ..pages import HOST_PAGES, PageUrl, page_url
from ..runs.comparison import parse_pair
from ..runs.ids import parse_run_id
from ..web import assets
from ..web.authorization import current_authorizer
from ..web.bodies import read_form
from ..web.csrf import require_same_origin
from ..web.responses import encode_json, error_headers, log_failure
from ..web.run_list import PAGE_SIZE, read_run_query
from . import all_runs, fragments, history, labels, page_data, task_page
from .form_page import show_form, start_run
from .jobs_page import show_jobs
from .rendering import CSP_NONCE, compress, protect, render, render_page
from .repair_page import repair_run, show_repair
from .run_page import RunView, build_run_view
from .tasks import TaskFilter

FOLDER = Path(__file__).parent

#: A page of another site cannot send it, so it cannot measure responses that are compressed.
VERSION_HEADER = "Lakeflow-Version"

#: The header of an update with the host's CSRF token, which must not be in its compressed body.
TOKEN_HEADER = "Lakeflow-Csrf-Token"  # noqa: S105

#: The endpoints of fragments for pages of the host. Their errors are fragments, too.
FRAGMENTS = ("lakeflow_console.show_cards", "lakeflow_console.show_run_fragment")

#: HTMX's status "stop polling" (https://htmx.org/docs/#polling).
STOP_POLLING = 286

_assets = assets.Assets(FOLDER / "static", assets.STATIC_FOLDER)


def static(name: str) -> Response:
    """Serve a script, a style or an icon. The tilde keeps its rule apart from keys of jobs."""
    return _assets.respond(name)


def show_run(key: str, run_id: str) -> str:
    """Show a run, live."""
    view = _run_view(key, run_id)
    return render_page(
        "run.html",
        view=view,
        content=fragments.render_run(view),
        is_replayed=bool(request.args.get("replayed")),
    )


def show_live(key: str, run_id: str) -> Response:
    """Respond with what a page of the run needs to show its current state.

    The script of the page sends the version that it shows, and receives the difference.
    """
    markup = fragments.render_run(_run_view(key, run_id, is_live=True))
    version = request.headers.get(VERSION_HEADER)
    if version is None:
        return Response(markup.render(), mimetype="text/html")
    response = Response(encode_json(markup.difference(version)), mimetype="application/json")
    response.vary.add(VERSION_HEADER)
    if markup.csrf_token:
        response.headers[TOKEN_HEADER] = markup.csrf_token
    return compress(response, request)


def _run_view(key: str, run_id: str, *, is_live: bool = False) -> RunView:
    authorizer = current_authorizer()
    with authorizer.request_handle(key) as handle:
        return build_run_view(
            authorizer,
            handle,
            parse_run_id(run_id),
            is_live=is_live,
            wanted=TaskFilter.of(request.args),
        )


def show_matrix(key: str) -> str:
    """Show the tasks of the last runs of a job, with states and durations."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key) as handle:
        matrix, title = handle.read_matrix(), page_data.read_title(handle)
        runs = page_data.summarize_runs(handle, matrix.runs)
    found = {run.state.kind for run in runs}
    cells = (cell for row in matrix.rows for cell in row.cells if cell is not None)
    found |= {labels.KINDS[cell.outcome] for cell in cells}
    return render_page(
        "matrix.html",
        rows=matrix.rows,
        runs=runs,
        title=title,
        kinds={kind: name for kind, name in labels.KIND_NAMES.items() if kind in found},
    )


def show_comparison(key: str) -> str:
    """Compare two runs of a job; ``run`` is the id of each."""
    authorizer = current_authorizer()
    first, second = parse_pair(request.args.getlist("run"))
    with authorizer.request_handle(key) as handle:
        compared, title = handle.compare(first, second), page_data.read_title(handle)
        runs = page_data.summarize_runs(handle, compared.runs)
    pairs = zip(compared.errors, runs, strict=True)
    errors = [error or (run.message if run.ended else "") for error, run in pairs]
    return render_page("comparison.html", compared=compared, runs=runs, errors=errors, title=title)


def show_audit() -> str:
    """Show who did what, for the jobs whose policy allows the user to ``audit`` them; filters as of
    ``GET /api/jobs/runs`` without ``outcome``.
    """
    authorizer = current_authorizer()
    jobs = current_state().settings.jobs.values()
    keys = [job.key for job in jobs if authorizer.allows("audit", job)]
    viewable_ids = {job.key: job.job_id for job in authorizer.viewable_jobs()}
    record = current_state().record
    if record is None or not keys:
        raise NotFound("There are no actions that you may see. They require a record.")
    arguments = {name: text for name, text in request.args.items() if name != "outcome"}
    query = read_run_query(arguments, keys)
    actions = record.list_actions(
        job_keys=keys if query.job is None else [query.job],
        requested_by=query.by,
        since=query.since,
        until=query.until,
        limit=PAGE_SIZE + 1,
        token=query.after,
    )
    return render_page(
        "audit.html",
        actions=actions[:PAGE_SIZE],
        viewable_ids=viewable_ids,
        keys=keys,
        query=query,
        wanted=all_runs.filters_of(arguments),
        next=str(actions[PAGE_SIZE - 1].page_token) if len(actions) > PAGE_SIZE else None,
    )


def show_cards() -> Markup:
    """Respond with the fragment ``lakeflow_job_cards``; ``key`` selects jobs."""
    return fragments.render_cards(request.args.getlist("key"))


def show_run_fragment(key: str, run_id: str) -> Response:
    """Respond with the fragment ``lakeflow_run``; to HTMX with status 286 if the run has ended."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key) as handle:
        view = build_run_view(authorizer, handle, parse_run_id(run_id))
    response = Response(fragments.render_live(view), mimetype="text/html")
    response.vary.add("HX-Request")
    if view.is_over and "HX-Request" in request.headers:
        response.status_code = STOP_POLLING
    return response


def cancel_run(key: str, run_id: str) -> BaseResponse:
    """Request the cancellation of a run, and redirect to its page."""
    authorizer = current_authorizer()
    with authorizer.request_handle(key, "cancel") as handle:
        handle.cancel_run(run_id, requested_by=authorizer.user_name)
    return redirect_to_run(key, run_id)


def change_schedule(key: str) -> BaseResponse:
    """Pause the schedule and triggers of a job, or resume them, and redirect to its page."""
    authorizer = current_authorizer()
    paused = request.form.get("paused")
    with authorizer.request_handle(key, "schedule") as handle:
        if paused not in ("true", "false"):
            raise InvalidRequest("'paused' must be 'true' or 'false'.")
        change = handle.pause if paused == "true" else handle.resume
        change(requested_by=authorizer.user_name)
    return redirect_to_history(key)


def redirect_to_history(key: str) -> BaseResponse:
    """Redirect to the job's page: after an action, or if its address is opened by GET."""
    return redirect(page_url("lakeflow_console.show_history", key=key), 303)


def redirect_to_run(key: str, run_id: str) -> BaseResponse:
    """Redirect to the run's page: after an action, or if its address is opened by GET."""
    return redirect(page_url("lakeflow_console.show_run", key=key, run_id=run_id), 303)


def _show_error(error: HTTPException) -> BaseResponse | tuple[str, int, Headers]:
    if error.response is not None:  # the app has chosen it
        return cast("BaseResponse", error.response)
    code = cast("int", error.code)  # Flask calls no handler for a redirect, or without a code
    if code == 500 and current_app.testing:
        raise error
    title = getattr(error, "title", error.name)
    detail = getattr(error, "public_detail", None) or getattr(error, "detail", error.description)
    log_failure(error)
    if request.endpoint in FRAGMENTS:
        page = render("_problem.html", error={"title": title, "detail": detail})
        return page, code, error_headers(error)
    about = _find_subject(error)
    page = render_page("error.html", title=title, detail=detail, code=code, about=about)
    return page, code, error_headers(error)


def _find_subject(error: HTTPException) -> dict[str, str]:
    """Return the job and the run of a failed request, if they exist and may be viewed."""
    arguments = request.view_args or {}
    if "key" not in arguments:
        return {}
    try:
        current_authorizer().app_handle(arguments["key"])
    except LakeflowJobsError:
        return {}
    names = ["key"] if isinstance(error, RunNotFound | InvalidRequest) else ["key", "run_id"]
    return {name: arguments[name] for name in names if name in arguments}


ROUTES: list[tuple[str, Callable[..., Any], list[str]]] = [
    ("/", show_jobs, ["GET"]),
    ("/<key>", history.show_history, ["GET"]),
    ("/<key>/run", show_form, ["GET"]),
    ("/<key>/run", start_run, ["POST"]),
    ("/<key>/runs/<run_id>", show_run, ["GET"]),
    ("/<key>/runs/<run_id>/live", show_live, ["GET"]),
    ("/<key>/runs/<run_id>/tasks/<task_run_id>", task_page.show_task, ["GET"]),
    ("/<key>/runs/<run_id>/tasks/<task_run_id>/lines", task_page.show_log_part, ["GET"]),
    ("/<key>/runs/<run_id>/tasks/<task_run_id>/log", task_page.download_log, ["GET"]),
    ("/<key>/runs/<run_id>/tasks/<task_run_id>/rows", task_page.download_rows, ["GET"]),
    ("/<key>/runs/<run_id>/cancel", cancel_run, ["POST"]),
    ("/<key>/runs/<run_id>/cancel", redirect_to_run, ["GET"]),
    ("/<key>/runs/<run_id>/repair", repair_run, ["POST"]),
    ("/<key>/runs/<run_id>/repair", show_repair, ["GET"]),
    ("/<key>/runs/<run_id>/<any(previous, next):which>", history.show_neighbor, ["GET"]),
    ("/<key>/runs/<run_id>/compare", history.compare_with_previous, ["GET"]),
    ("/<key>/matrix", show_matrix, ["GET"]),
    ("/<key>/compare", show_comparison, ["GET"]),
    ("/<key>/schedule", change_schedule, ["POST"]),
    ("/<key>/schedule", redirect_to_history, ["GET"]),
    ("/~runs", all_runs.show_all_runs, ["GET"]),
    ("/~runs/export", all_runs.export_all_runs, ["GET"]),
    ("/~audit", show_audit, ["GET"]),
    ("/~cards", show_cards, ["GET"]),
    ("/<key>/runs/<run_id>/fragment", show_run_fragment, ["GET"]),
    ("/~static/<name>", static, ["GET"]),
]


def _protect(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view that refuses forms of other sites, after the app has loaded its user: the page
    that says so has the user's name."""

    @wraps(view)
    def protected(**arguments: str) -> Any:
        require_same_origin(request)
        return view(**arguments)

    return protected


def _as_html(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send the text of a view as HTML, also where an app's own responses are JSON by default."""

    @wraps(view)
    def respond(*arguments: Any, **named: Any) -> Any:
        result = view(*arguments, **named)
        if not isinstance(result, BaseResponse):
            result = make_response(result)
            result.mimetype = "text/html"
        return result

    return respond


def console_blueprint(
    url_prefix: str,
    host_page_url: PageUrl | None,
    csp_nonce: Callable[[], str] | None,
) -> Blueprint:
    pages = Blueprint(
        "lakeflow_console",
        __name__,
        url_prefix=url_prefix,
        template_folder=str(FOLDER / "templates"),
    )
    for rule, view, methods in ROUTES:
        view_func = _as_html(_protect(view))
        pages.add_url_rule(rule, view_func=view_func, methods=methods, strict_slashes=False)
    # This runs before all functions of the app, some of which parse the form. It is no
    # before_request: APIFlask builds no document if a blueprint that is not its own has one.
    pages.url_value_preprocessor(lambda *_: read_form(request))
    pages.after_request(protect)
    pages.register_error_handler(HTTPException, _as_html(_show_error))
    functions = {HOST_PAGES: host_page_url, CSP_NONCE: csp_nonce}
    kept = {page_data.CONSOLE_KEY: page_data.ConsoleState(), **functions}
    pages.record_once(lambda setup: setup.app.extensions.update(kept))
    fragments.register(pages)
    return pages
