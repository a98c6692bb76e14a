"""The server that runs the app, the streams that it can hold, and its stop."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from flask_lakeflow_jobs.web import servers
from flask_lakeflow_jobs.web.servers import (
    SHORT_STREAM_SECONDS,
    UNLIMITED,
    Server,
    find_server,
    get_call_timeout,
    is_closing,
    three_quarters,
)
from tests.web.frames import call_from, rename
from tests.web.sse.workers import ThreadWorker, install_worker

pytestmark = pytest.mark.usefixtures("_restored_signal_handler", "_no_found_server")


def environ(*, multithread: bool = True, **more: Any) -> dict[str, object]:
    return {"wsgi.multithread": multithread, "SERVER_PROTOCOL": "HTTP/1.1", **more}


def found(module: str, function: str, owner: object = None, **more: Any) -> Server:
    return call_from(module, function, owner, lambda: find_server(environ(**more)))


GTHREAD, GEVENT = "gunicorn.workers.gthread", "gunicorn.workers.base_async"
SYNC = "gunicorn.workers.sync"


def worker(**settings: object) -> SimpleNamespace:
    return SimpleNamespace(alive=True, cfg=SimpleNamespace(**settings))


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 5, 8, 16, 100])
def test_three_quarters_leaves_a_quarter_of_the_threads_free(threads: int) -> None:
    capacity = three_quarters(threads)
    assert 0 <= capacity < threads
    assert threads - capacity >= threads / 4
    assert threads < 4 or capacity >= threads / 2


#: Module and function on the stack, the object of the method, and the streams that fit.
BY_FRAME: list[tuple[str, str, object, int | None]] = [
    (GTHREAD, "handle_request", worker(threads=8), 6),
    (GEVENT, "handle", worker(worker_connections=1000), 750),
    (SYNC, "handle", worker(timeout=30), 0),
    ("gunicorn.workers.gtornado", "run", worker(), 0),
    ("waitress.task", "handler_thread", SimpleNamespace(threads={0, 1, 2, 3}, stop_count=0), 3),
    ("granian.wsgi", "_runner", None, None),
    ("bjoern", "server_run", None, 0),
    ("tornado.wsgi", "handle_request", None, 0),
    ("a2wsgi.wsgi", "wsgi", SimpleNamespace(executor=SimpleNamespace(_max_workers=10)), 0),
    ("asgiref.wsgi", "run_wsgi_app", None, 0),
    ("starlette.middleware.wsgi", "wsgi", None, 0),
    ("uvicorn.middleware.wsgi", "wsgi", None, 0),
    ("hypercorn.app_wrappers", "run_app", None, 0),
    ("serverless_wsgi", "handle_request", None, 0),
    ("apig_wsgi", "handler", None, 0),
    ("socketserver", "process_request_thread", None, three_quarters(UNLIMITED)),
    ("werkzeug.serving", "execute", None, None),
    ("nobody", "serve", None, None),
]


@pytest.mark.parametrize(
    ("module", "function", "owner", "capacity"), BY_FRAME, ids=[row[0] for row in BY_FRAME]
)
def test_stream_capacity_of_a_server_on_the_stack(
    module: str, function: str, owner: object, capacity: int | None
) -> None:
    assert found(module, function, owner).stream_capacity == capacity


def test_stream_capacity_of_an_unknown_server_with_one_thread_is_zero() -> None:
    assert find_server(environ(multithread=False)).stream_capacity == 0


def test_find_server_of_a_version_that_reads_differently_is_unknown() -> None:
    """Every request of the app looks for its server, so none may fail."""
    assert found(GTHREAD, "handle_request", SimpleNamespace()).stream_capacity is None
    outer = worker(threads=8)
    server = call_from(GTHREAD, "handle", outer, lambda: found(GTHREAD, "handle_request"))
    assert server.stream_capacity == 6


def test_find_server_takes_the_function_closest_to_the_app() -> None:
    gunicorn = worker(threads=8)
    server = call_from(
        GTHREAD, "handle", gunicorn, lambda: found("a2wsgi.wsgi", "wsgi", SimpleNamespace())
    )
    assert server.name == "ASGI, a2wsgi"


@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/2.0"])
def test_find_server_http2_on_gunicorn_holds_no_stream(protocol: str) -> None:
    server = found(GTHREAD, "handle_http2_request", worker(threads=8), SERVER_PROTOCOL=protocol)
    assert server.stream_capacity == 0
    assert server.limit_connections is None


@pytest.mark.parametrize(("limit", "connections"), [(300, 300), (5000, 1000), (-5, 1)])
def test_limit_connections_of_gthread_only_lowers_its_own(limit: int, connections: int) -> None:
    gunicorn = worker(threads=8, worker_connections=1000)
    server = found(GTHREAD, "handle_request", gunicorn)
    assert server.limit_connections is not None
    server.limit_connections(limit)
    assert gunicorn.worker_connections == connections


class Ignored:
    """An app or a tracer that handles the signal itself."""

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal that never comes."""


def test_find_server_gthread_does_not_depend_on_the_signal_handler() -> None:
    signal.signal(signal.SIGTERM, Ignored().stop)
    gunicorn = worker(threads=8)
    server = found(GTHREAD, "handle_request", gunicorn)
    assert server.limit_connections is not None
    assert server.stream_capacity == 6
    assert not is_closing()
    gunicorn.alive = False
    assert is_closing()


def test_is_closing_before_the_first_stream_follows_the_worker() -> None:
    assert not is_closing()
    gunicorn = ThreadWorker(4)
    install_worker(gunicorn)
    assert not is_closing()
    gunicorn.alive = False
    assert is_closing()


def test_is_closing_ignores_the_signal_handler_of_the_app() -> None:
    signal.signal(signal.SIGTERM, Ignored().stop)
    assert not is_closing()


def test_request_timeout_of_sync_workers_and_harakiri_limits_streams() -> None:
    assert found(SYNC, "handle", worker(timeout=30)).request_timeout == 30
    assert found(SYNC, "handle", worker(timeout=0)).request_timeout is None
    assert Server("any", request_timeout=30.0).max_stream_seconds == 15
    assert Server("any", longest_stream=9.0, request_timeout=30.0).max_stream_seconds == 9
    assert Server("any").max_stream_seconds == float("inf")


def test_call_timeout_on_a_sync_worker_leaves_time_to_respond() -> None:
    begin = time.monotonic()
    gunicorn = worker(timeout=30)
    gunicorn.tmp = SimpleNamespace(last_update=lambda: begin)
    assert 20 < call_from(SYNC, "handle", gunicorn, get_call_timeout) <= 24
    gunicorn.tmp = SimpleNamespace(last_update=lambda: begin - 25)
    assert call_from(SYNC, "handle", gunicorn, get_call_timeout) <= 4
    gunicorn.tmp = SimpleNamespace(last_update=lambda: begin - 31)
    assert call_from(SYNC, "handle", gunicorn, get_call_timeout) == 0
    assert call_from(GTHREAD, "handle", worker(threads=4), get_call_timeout) == float("inf")
    assert get_call_timeout() == float("inf")


def test_call_timeout_on_uwsgi_is_a_share_of_its_harakiri(monkeypatch: pytest.MonkeyPatch) -> None:
    uwsgi = SimpleNamespace(opt={"harakiri": b"60"}, cores=8)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    with Flask("app").test_request_context(environ_overrides={"uwsgi.version": b"2"}):
        assert get_call_timeout() == 48


def test_is_closing_on_waitress_once_all_its_threads_are_to_stop() -> None:
    dispatcher = SimpleNamespace(threads={0}, stop_count=0)
    found("waitress.task", "handler_thread", dispatcher)
    assert not is_closing()
    dispatcher.stop_count = 1
    assert is_closing()
    dispatcher.threads, dispatcher.stop_count = set(), 0
    assert not is_closing(), "they have not started yet"


def test_find_server_gevent_needs_patched_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = SimpleNamespace(server=SimpleNamespace(pool=None))
    assert found("gevent.pywsgi", "handle_one_response", handler).stream_capacity == 0
    _patch_gevent(monkeypatch)
    server = found("gevent.pywsgi", "handle_one_response", handler)
    assert server.threads == UNLIMITED
    handler.server.pool = SimpleNamespace(size=8)
    assert found("gevent.pywsgi", "handle_one_response", handler).stream_capacity == 6


def _patch_gevent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkey = SimpleNamespace(is_module_patched=lambda name: name == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)


@pytest.mark.parametrize(
    ("options", "cores", "multithread", "is_patched", "capacity"),
    [
        ({}, 1, False, False, 0),
        ({"threads": b"8"}, 8, True, False, 6),
        ({"gevent": b"100"}, 100, False, True, 75),
        ({"gevent": b"100"}, 100, False, False, 0),
        ({"asyncio": b"100"}, 100, False, False, 0),
    ],
)
def test_find_server_uwsgi_reads_its_cores(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bytes],
    cores: int,
    multithread: bool,
    is_patched: bool,
    capacity: int,
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt=options, cores=cores))
    if is_patched:
        _patch_gevent(monkeypatch)
    server = find_server({**environ(multithread=multithread), "uwsgi.version": b"2"})
    assert server.stream_capacity == capacity


@pytest.mark.parametrize(
    ("harakiri", "expected"),
    [(b"60", 60.0), ([b"60", b"45", b"30"], 30.0), (True, 1.0), (b"no", None)],
)
def test_find_server_uwsgi_harakiri_is_the_request_timeout(
    monkeypatch: pytest.MonkeyPatch, harakiri: object, expected: float | None
) -> None:
    uwsgi = SimpleNamespace(opt={"harakiri": harakiri}, cores=8)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    server = find_server({**environ(), "uwsgi.version": b"2"})
    assert server.request_timeout == expected


def test_find_server_mod_wsgi_reads_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {**environ(), "mod_wsgi.version": (5, 0, 2)}
    module = ModuleType("mod_wsgi")
    monkeypatch.setitem(sys.modules, "mod_wsgi", module)
    assert find_server(request).stream_capacity is None
    monkeypatch.setattr(module, "threads_per_process", 15, raising=False)
    assert find_server(request).stream_capacity == 11
    assert find_server({**request, "mod_wsgi.application_group": ""}).stream_capacity == 11


def test_find_server_mod_wsgi_ends_streams_before_its_request_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """mod_wsgi-express restarts a process whose requests last 60 seconds on average."""
    monkeypatch.setitem(sys.modules, "mod_wsgi", ModuleType("mod_wsgi"))
    assert find_server({**environ(), "mod_wsgi.version": (5, 0, 2)}).max_stream_seconds == 60


def test_find_server_mod_wsgi_subinterpreter_holds_no_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("mod_wsgi")
    monkeypatch.setattr(module, "threads_per_process", 15, raising=False)
    monkeypatch.setitem(sys.modules, "mod_wsgi", module)
    request = {"mod_wsgi.version": (5, 0, 2), "mod_wsgi.application_group": "example.com|/shop"}
    assert find_server({**environ(), **request}).stream_capacity == 0


def test_find_server_mod_wsgi_announces_its_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    subscribed: list[Callable[..., None]] = []
    module = ModuleType("mod_wsgi")
    monkeypatch.setattr(module, "subscribe_shutdown", subscribed.append, raising=False)
    monkeypatch.setitem(sys.modules, "mod_wsgi", module)
    for _ in range(3):
        find_server({**environ(), "mod_wsgi.version": (5, 0, 2)})
    (announce,) = subscribed
    assert not is_closing()
    announce("process_stopping", shutdown_reason="shutdown_signal")
    assert is_closing()


def test_find_server_uwsgi_keeps_streams_short_for_its_reload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt={}, cores=8))
    server = find_server({**environ(), "uwsgi.version": b"2"})
    assert server.max_stream_seconds == SHORT_STREAM_SECONDS


def test_find_server_cheroot_counts_the_threads_of_its_server() -> None:
    server = SimpleNamespace(ready=True)
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(8)]
    for thread in threads:
        thread.server = server  # type: ignore[attr-defined]
        thread.start()
    try:
        cheroot = found("cheroot.workers.threadpool", "run", SimpleNamespace(server=server))
    finally:
        done.set()
    assert cheroot.stream_capacity == 6
    assert not is_closing()
    server.ready = False
    assert is_closing()


def test_find_server_granian_reads_the_arguments_of_its_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spawn(blocking_threads: int, backpressure: int) -> FrameType:
        return sys._getframe()

    unknown = found("granian.wsgi", "_runner")  # a version whose worker has another function
    assert unknown.max_stream_seconds == SHORT_STREAM_SECONDS
    servers._read_granian_limits.cache_clear()
    spawn_worker = rename(spawn, "granian.server.mp", "_spawn_wsgi_worker", sys=sys)
    frames = {threading.main_thread().ident: spawn_worker(4, 1024)}
    collected: list[bool] = []

    def read_frames() -> dict[int | None, FrameType]:
        collected.append(gc.isenabled())
        return frames

    monkeypatch.setattr(sys, "_current_frames", read_frames)
    for _ in range(2):
        server = found("granian.wsgi", "_runner")
        assert server.stream_capacity == 3
        assert server.max_stream_seconds == SHORT_STREAM_SECONDS
    assert collected == [False]  # a collection could stop the process
    assert gc.isenabled()


def test_no_module_finds_gunicorn_by_its_signal_handler_alone() -> None:
    """Only :func:`is_closing` uses it, before the first stream."""
    package = Path(servers.__file__).parent
    users = [path.name for path in package.rglob("*.py") if "getsignal" in path.read_text()]
    assert users == ["servers.py"]
