"""The app of the servers in these tests. All its settings come from environment variables."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.globals import current_state
from flask_lakeflow_jobs.web.sse.opener import stream_opener

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: Where another app of the process is mounted, if there is one.
OTHER_APP = "/other"


class AppResponse(Response):
    """A response of the app's own class."""


def create_app() -> Flask:
    logging.basicConfig()
    logging.getLogger("flask_lakeflow_jobs.web").setLevel(logging.INFO)
    app = Flask("site", instance_path=os.environ["SITE_INSTANCE"])
    if "SITE_RESPONSE_CLASS" in os.environ:
        app.response_class = AppResponse
    LakeflowJobs(app)

    @app.get("/ping")
    def ping() -> str:
        return f"{os.getpid()}"

    @app.get("/held")
    def held() -> dict[str, Any]:
        """Return what the responding process holds."""
        state = current_state()
        return {
            "pid": os.getpid(),
            "streams": stream_opener().limiter.held,
            "watched": state.hub.subscribed_run_count,
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "connections": _connections(),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "resident": _resident(),
        }

    if module := os.environ.get("SITE_LOADS"):
        importlib.import_module(module)
    if "SITE_OTHER_APP" in os.environ:
        other = Flask("other", instance_path=os.environ["SITE_INSTANCE"])
        LakeflowJobs(other)
        app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, {OTHER_APP: other.wsgi_app}
        )
    wrapper = os.environ.get("SITE_MIDDLEWARE")
    if wrapper:
        app.wsgi_app = globals()[wrapper](app.wsgi_app)  # type: ignore[method-assign]
    return app


def _connections() -> int | None:
    """Return the number of connections that a gunicorn worker counts."""
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "nr_conns", None)


def _resident() -> int:
    """Return the resident memory in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class BodyMiddleware:
    """A middleware that wraps the body in an iterator of its own."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self._app(environ, start_response)
        return self._parts(body)

    def _parts(self, body: Iterable[bytes]) -> Iterator[bytes]:
        """Yield parts that differ from those of the wrapped body."""
        try:
            parts = iter(body)
            for part in parts:
                yield part + b": seen\n"
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()


class StartResponseMiddleware:
    """A middleware that wraps ``start_response`` to add a header."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start_wrapped(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Wrapped", "yes")], *more)

        return self._app(environ, start_wrapped)
