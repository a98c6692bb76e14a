"""The routes: each translates a request into calls on handles, and what they give into JSON."""
# MERGED """What is under our prefix and no route of ours: answered by us, as the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cached_property

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, MapAdapter, Rule

from ..clock import Clock
from ..config.readers import parse_path_prefix
from ..config.settings import Settings
from .assets import BROWSER_MODULE, browser_module
from .csrf import refuse_cross_site
from .problems import register_error_handlers
from .responses import ResponseTexts
from .sse.limits import is_closing
from .sse.open import StreamOpener
from .state import EXTENSION, WebState
from .views import (
    cancel_run,
    list_jobs,
    list_runs,
    repair_run,
    show_job,
    show_openapi,
    show_output,
    show_run,
    show_status,
    stream_run,
    stream_runs,
    trigger,
)
from .webhook import take_notification


def serve(app: Flask, settings: Settings, clock: Clock, *, url_prefix: str) -> None:
    """Register the routes on an app."""
    streams = StreamOpener(settings, clock, is_closing)
    app.extensions[EXTENSION] = WebState(streams, ResponseTexts())
    app.register_blueprint(
        blueprint(url_prefix, accepts_notifications=settings.accepts_notifications)
    )


def blueprint(url_prefix: str, *, accepts_notifications: bool = False) -> Blueprint:
    """The routes, for one app.

    :param url_prefix: where they are.
    :param accepts_notifications: whether there is one for Databricks' notifications.
    :raises ConfigurationError: the prefix is no path that all of them can be under.
    """
    has_own_prefix = url_prefix not in ("", "/")
    if has_own_prefix:
        parse_path_prefix("url_prefix", str(url_prefix).rstrip("/"))
    routes = Blueprint("lakeflow_jobs", __name__, url_prefix=url_prefix)
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
        (f"/{BROWSER_MODULE}", browser_module, ["GET"]),
    ]
    if accepts_notifications:
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
    routes.before_request(lambda: refuse_cross_site(request))
    register_error_handlers(routes)
    return routes


#: The methods of HTTP that a client may try. RFC 9110, section 9, and RFC 5789.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


class Fallback:
    """Refuses paths and methods that our routes do not serve, and says which they do.

    It comes last: whatever else the host serves under our prefix wins.

    :param served: our rules, each with its methods.
    """

    def __init__(self, served: Iterable[tuple[str, Collection[str]]]) -> None:
        self._given = list(served)

    def _rules(self) -> list[Rule]:
        """Unbound ones, so that two threads may make what follows at once."""
        return [Rule(rule, endpoint=rule, methods=methods) for rule, methods in self._given]

    @cached_property
    def _served(self) -> MapAdapter:
        # Made for the first who goes astray: it takes as long as all else that starts an app.
        return Map(self._rules(), strict_slashes=False).bind("")

    @cached_property
    def _named(self) -> dict[str, set[str]]:
        return {rule.rule: rule.methods or set() for rule in self._rules() if "<" not in rule.rule}

    def add_to(self, routes: Blueprint) -> None:
        """Let it answer whatever the routes so far do not.

        :param routes: ours, complete.
        """
        for rule in ("/", "/<path:rest>"):
            routes.add_url_rule(
                rule,
                "unserved",
                self._refuse,
                methods=METHODS,
                strict_slashes=False,
                provide_automatic_options=False,
            )

    def _refuse(self, rest: str = "") -> Response:
        methods = self._methods(f"/{rest}")
        if methods and request.method == "OPTIONS":
            return Response(status=204, headers={"Allow": ", ".join(methods)})
        if methods:
            raise MethodNotAllowed(methods)
        raise NotFound("There is no such route. GET openapi.json names those that there are.")

    def _methods(self, path: str) -> list[str]:
        """What a path can be asked with; one that is a route's own name is no job's key."""
        named = self._named.get(path.rstrip("/"))
        return sorted(self._served.allowed_methods(path) if named is None else named)
