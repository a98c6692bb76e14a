"""The blueprint: the table of routes, and responses for other paths and methods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property, wraps
from typing import TypeAlias

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, MapAdapter, RequestRedirect, Rule

from ..clock import Clock
from ..config.readers import parse_path_prefix
from ..config.settings import AppSettings
from ..errors import ConfigurationError
from ..state import EXTENSION_KEY
from . import views
from .assets import FILES, build_view
from .authorization import API_BLUEPRINT
from .csrf import SAFE_METHODS, refuse_cross_site
from .responses import NOSNIFF, register_error_handlers, respond_with_problem
from .servers import is_closing
from .sse.opener import OPENER_KEY, StreamOpener
from .webhook import take_notification

Route: TypeAlias = tuple[str, Callable[..., Response], Collection[str]]

ROUTES: list[Route] = [
    ("/", views.list_jobs, ["GET"]),
    ("/<key>", views.show_job, ["GET"]),
    ("/<key>/run", views.trigger, ["POST"]),
    ("/<key>/runs", views.list_runs, ["GET"]),
    ("/<key>/status", views.show_status, ["GET"]),
    ("/<key>/schedule", views.show_schedule, ["GET"]),
    ("/<key>/schedule", views.change_schedule, ["POST"]),
    ("/<key>/matrix", views.show_matrix, ["GET"]),
    ("/<key>/compare", views.compare_runs, ["GET"]),
    ("/<key>/runs/<run_id>", views.show_run, ["GET"]),
    ("/<key>/runs/<run_id>", views.cancel_run, ["DELETE"]),
    ("/<key>/runs/<run_id>/actions", views.list_actions, ["GET"]),
    ("/<key>/runs/<run_id>/explain", views.show_explanation, ["GET"]),
    ("/<key>/runs/<run_id>/output", views.show_output, ["GET"]),
    ("/<key>/runs/<run_id>/logs", views.show_log, ["GET"]),
    ("/<key>/runs/<run_id>/iterations", views.list_iterations, ["GET"]),
    ("/<key>/runs/<run_id>/repair", views.repair_run, ["POST"]),
    ("/<key>/runs/<run_id>/progress", views.report_progress, ["POST"]),
    ("/<key>/runs/<run_id>/stream", views.stream_run, ["GET"]),
    ("/runs", views.list_all_runs, ["GET"]),
    ("/stream", views.stream_runs, ["GET"]),
    ("/openapi.json", views.show_openapi, ["GET"]),
    ("/health", views.show_health, ["GET"]),
    *((f"/{name}", build_view(endpoint, name), ["GET"]) for endpoint, name in FILES.items()),
]

#: The route for notifications exists only if the app has credentials for it.
WEBHOOK_ROUTE: Route = ("/webhook", take_notification, ["POST"])

#: All methods of HTTP. RFC 9110, section 9, and RFC 5789.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


def register_routes(app: Flask, settings: AppSettings, clock: Clock, *, url_prefix: str) -> None:
    """Register the blueprint on an app, with the opener of its streams.

    :raises ConfigurationError: the prefix is not a valid path, or the app matches hosts.
    """
    if app.url_map.host_matching:  # it would respond to every request with 404
        raise ConfigurationError(
            "The HTTP routes do not work in an app with host_matching. Serve them from an app of"
            " their own, or set register_blueprint to False."
        )
    streams = app.extensions[OPENER_KEY] = StreamOpener(settings, clock, is_closing)
    app.extensions[EXTENSION_KEY].read_streams = streams.limiter.describe_usage
    app.register_blueprint(
        build_blueprint(url_prefix, accepts_notifications=settings.accepts_notifications)
    )
    if prefix := url_prefix.rstrip("/"):
        app.before_request(_build_unrouted(f"{prefix}/"))


def _build_unrouted(prefix: str) -> Callable[[], Response | None]:
    """Build the function that responds to requests under the prefix that reach no route.

    A host that is not trusted or an unknown method does not even reach the fallback. Flask then
    knows no blueprint, so the function is called before each request of the app.
    """

    def respond_to_unrouted() -> Response | None:
        error = request.routing_exception
        if error is None or isinstance(error, RequestRedirect):
            return None
        return respond_with_problem(error) if f"{request.path}/".startswith(prefix) else None

    return respond_to_unrouted


def build_blueprint(url_prefix: str, *, accepts_notifications: bool) -> Blueprint:
    """Build the blueprint of one app.

    :raises ConfigurationError: the prefix is not a valid path.
    """
    has_prefix = url_prefix not in ("", "/")
    if has_prefix:
        parse_path_prefix("url_prefix", url_prefix.rstrip("/"))
    blueprint = Blueprint(API_BLUEPRINT, __name__, url_prefix=url_prefix)
    routes = [*ROUTES, WEBHOOK_ROUTE] if accepts_notifications else ROUTES
    for rule, view, methods in routes:
        blueprint.add_url_rule(
            rule,
            view_func=_protect(view, methods),
            methods=methods,
            strict_slashes=False,
            provide_automatic_options=not has_prefix,
        )
    if has_prefix:  # without a prefix, the fallback would serve all paths of the app
        unserved = _protect(Fallback(routes).respond, METHODS)
        for rule in ("/", "/<path:rest>"):
            blueprint.add_url_rule(
                rule,
                "unserved",
                unserved,
                methods=METHODS,
                strict_slashes=False,
                provide_automatic_options=False,
            )
    register_error_handlers(blueprint)
    return blueprint


def _protect(view: Callable[..., Response], methods: Collection[str]) -> Callable[..., Response]:
    """Return a view that refuses requests of other sites, if any of its methods is unsafe.

    A hook would take longer than the read of a run, also where it has nothing to check.
    """
    if SAFE_METHODS.issuperset(methods):
        return view

    @wraps(view)
    def protected(**path: str) -> Response:
        refuse_cross_site(request)
        return view(**path)

    return protected


class Fallback:
    """The response to paths and methods under the prefix that no route serves.

    Its rules match last, so other routes of the app under the prefix take precedence.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    @cached_property
    def _adapters(self) -> list[MapAdapter]:
        """The routes without variables, which take precedence, and all routes.

        Built at the first use: it takes as long as everything else at the start of an app.
        """
        fixed = [route for route in self._routes if "<" not in route[0]]
        return [
            Map(
                [Rule(rule, methods=methods) for rule, _, methods in routes],
                strict_slashes=False,
                merge_slashes=False,  # a path that differs only in them is none of a route
            ).bind("")
            for routes in (fixed, self._routes)
        ]

    def respond(self, rest: str = "") -> Response:
        """Respond with 404, or with 405 and the methods of the path."""
        allowed = [adapter.allowed_methods(f"/{rest}") for adapter in self._adapters]
        methods = sorted(next(filter(None, allowed), ()))
        if methods and request.method == "OPTIONS":
            return Response(status=204, headers={"Allow": ", ".join(methods), **NOSNIFF})
        if methods:
            raise MethodNotAllowed(methods, f"This route has only {', '.join(methods)}.")
        raise NotFound("There is no such route. GET openapi.json lists all routes.")
