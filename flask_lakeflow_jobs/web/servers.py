"""The server that runs the app: how many streams it can hold, and when it stops.

:func:`find_server` reads it from the request that is being served. A server is recognized by its
own functions on the stack of the request's thread, or by its own keys in the WSGI environment.
No app, tracer or framework replaces these. Numbers are read from the server, never
guessed, so an unknown server holds no streams and its viewers poll.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from types import FrameType
from typing import Any, TypeAlias

from flask import has_request_context, request

from ..concurrency import ModuleLock, is_gevent_patched

#: The threads of a server that starts as many as there are requests.
UNLIMITED = sys.maxsize

#: Seconds that a stream lasts if the server waits for streams at its stop without announcing it.
SHORT_STREAM_SECONDS = 15.0

#: Seconds that a stream lasts on mod_wsgi, which restarts its process after long requests, and does
#: not say when. With mod_wsgi-express, it is after 60 seconds on average over the threads.
MOD_WSGI_STREAM_SECONDS = 60.0

#: The share of the time before the server kills a request that one call may take. The rest is for
#: the response.
CALL_SHARE = 0.8

UNKNOWN = "unknown server"
TEST_CLIENT = "test client"

#: Held while the garbage collector is off, so that no other thread turns it on.
_collector_lock = ModuleLock()


@dataclass(frozen=True)
class Server:
    """The abilities of a server.

    :param name: for logs and docs.
    :param threads: that serve requests at the same time, or greenlets; ``None``: unknown.
    :param notices_disconnects: if not, a stream would last long after its client has left.
    :param longest_stream: seconds; a longer stream may delay the stop of the process, or cause one.
    :param request_timeout: seconds after which the server kills a request; ``None``: it does not.
    :param elapsed: returns the seconds of that time that have passed.
    :param is_stopping: whether it is about to stop; ``None``: it does not say.
    :param limit_connections: lowers the number of connections that gunicorn's gthread worker holds,
        besides those that were handed off; ``None``: another server.
    """

    name: str
    threads: int | None = None
    notices_disconnects: bool = True
    longest_stream: float = float("inf")
    request_timeout: float | None = None
    elapsed: Callable[[], float] = lambda: 0.0
    is_stopping: Callable[[], bool] | None = None
    limit_connections: Callable[[int], None] | None = None

    @property
    def is_test_client(self) -> bool:
        return self.name == TEST_CLIENT

    @property
    def spare_threads(self) -> int | None:
        """The threads that may wait while a quarter stays free; ``None``: unknown."""
        return None if self.threads is None else three_quarters(self.threads)

    @property
    def stream_capacity(self) -> int | None:
        """The number of streams that may hold a thread each; ``None``: unknown."""
        return self.spare_threads if self.notices_disconnects else 0

    @property
    def max_stream_seconds(self) -> float:
        """The longest that a stream may last."""
        if self.request_timeout is None:
            return self.longest_stream
        return min(self.longest_stream, self.request_timeout / 2)


def three_quarters(threads: int) -> int:
    """Return how many threads may be held, so that a quarter, and at least one, stays free."""
    return threads - max(1, -(-threads // 4))


Environ: TypeAlias = Mapping[str, Any]

#: Builds the server from the environment of a request and one of the server's own frames.
ReadServer: TypeAlias = Callable[[Environ, FrameType], Server]


def _own(frame: FrameType) -> Any:
    """Return the object whose method a frame runs."""
    return frame.f_locals.get("self")


def _read_gunicorn(environ: Environ, frame: FrameType) -> Server:
    worker = _own(frame)
    name = f"gunicorn, {type(worker).__name__}"
    server = Server(name, is_stopping=lambda: not worker.alive)
    # gunicorn 27 sends "HTTP/2.0". A stream would block its whole connection.
    if str(environ.get("SERVER_PROTOCOL")).startswith("HTTP/2"):
        return replace(server, name=f"{name}, HTTP/2", threads=1)
    module = frame.f_globals["__name__"]
    if module == "gunicorn.workers.gthread":
        return replace(
            server,
            threads=int(worker.cfg.threads),
            limit_connections=lambda limit: _limit_connections(worker, limit),
        )
    if module == "gunicorn.workers.sync":
        return replace(
            server,
            threads=1,
            request_timeout=float(worker.cfg.timeout) or None,
            elapsed=lambda: time.monotonic() - worker.tmp.last_update(),  # as the arbiter counts
        )
    return replace(server, threads=int(worker.cfg.worker_connections))


def _limit_connections(worker: Any, limit: int) -> None:
    """Set the attribute that the worker compares with its connections before it accepts another."""
    worker.worker_connections = max(1, min(limit, int(worker.cfg.worker_connections)))


def _read_pywsgi(environ: Environ, frame: FrameType) -> Server:
    if not is_gevent_patched():  # waiting would block all greenlets
        return Server("gevent, not patched", threads=1)
    pool = getattr(_own(frame).server, "pool", None)
    size = getattr(pool, "size", None)
    return Server("gevent", threads=int(size) if size else UNLIMITED)


def _read_waitress(environ: Environ, frame: FrameType) -> Server:
    dispatcher = _own(frame)
    return Server(
        "waitress",
        threads=len(dispatcher.threads),
        is_stopping=lambda: dispatcher.stop_count >= len(dispatcher.threads) > 0,
    )


def _read_cheroot(environ: Environ, frame: FrameType) -> Server:
    server = _own(frame).server
    threads = sum(getattr(thread, "server", None) is server for thread in threading.enumerate())
    return Server("cheroot", threads=threads, is_stopping=lambda: not server.ready)


def _read_granian(environ: Environ, frame: FrameType) -> Server:
    limits = _read_granian_limits()
    threads = min(limits) if limits else None
    return Server("granian", threads=threads, longest_stream=SHORT_STREAM_SECONDS)


@cache
def _read_granian_limits() -> tuple[int, int] | None:
    """Read the arguments of the function that runs the worker in the process's main thread."""
    for caller in _callers(_read_main_frame()):
        is_worker = caller.f_code.co_name == "_spawn_wsgi_worker"
        if is_worker and caller.f_globals.get("__name__") == "granian.server.mp":
            return caller.f_locals["blocking_threads"], caller.f_locals["backpressure"]
    return None


def _read_main_frame() -> FrameType | None:
    """Return the frame that the main thread runs.

    Before Python 3.12, a garbage collection within ``_current_frames`` stops the process for ever
    if another thread ends meanwhile (CPython's issue 106883).
    """
    with _collector_lock.current:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames().get(threading.main_thread().ident or 0)
        finally:
            if was_enabled:
                gc.enable()


def _read_a2wsgi(environ: Environ, frame: FrameType) -> Server:
    threads = getattr(getattr(_own(frame), "executor", None), "_max_workers", None)
    return Server("ASGI, a2wsgi", threads=threads, notices_disconnects=False)


#: The servers that are recognized by a function on the stack: module and name, ``*`` for any.
BY_FRAME: dict[tuple[str, str], Server | ReadServer] = {
    ("werkzeug.test", "open"): Server(TEST_CLIENT, threads=UNLIMITED),
    ("gunicorn.workers.gthread", "*"): _read_gunicorn,
    ("gunicorn.workers.sync", "*"): _read_gunicorn,
    ("gunicorn.workers.base_async", "*"): _read_gunicorn,
    ("gunicorn.workers.gtornado", "run"): Server("gunicorn, TornadoWorker", threads=1),
    ("gevent.pywsgi", "handle_one_response"): _read_pywsgi,
    ("waitress.task", "handler_thread"): _read_waitress,
    ("cheroot.workers.threadpool", "run"): _read_cheroot,
    ("granian.wsgi", "*"): _read_granian,
    ("socketserver", "process_request_thread"): Server("a thread per request", threads=UNLIMITED),
    ("bjoern", "*"): Server("bjoern", threads=1),
    ("tornado.wsgi", "*"): Server("Tornado", threads=1),
    ("a2wsgi.wsgi", "*"): _read_a2wsgi,
    ("asgiref.wsgi", "*"): Server("ASGI, asgiref", threads=1),
    ("starlette.middleware.wsgi", "*"): Server("ASGI, Starlette", notices_disconnects=False),
    ("uvicorn.middleware.wsgi", "*"): Server("uvicorn, WSGI", notices_disconnects=False),
    ("hypercorn.app_wrappers", "*"): Server("hypercorn, WSGI", notices_disconnects=False),
    ("serverless_wsgi", "*"): Server("AWS Lambda, serverless-wsgi", threads=1),
    ("apig_wsgi", "*"): Server("AWS Lambda, apig-wsgi", threads=1),
}


def _read_uwsgi(environ: Environ) -> Server | None:
    uwsgi = sys.modules.get("uwsgi")
    if "uwsgi.version" not in environ or uwsgi is None:
        return None
    options = uwsgi.opt
    has_greenlets = "gevent" in options
    harakiri = _last_number(options.get("harakiri"))
    is_concurrent = is_gevent_patched() if has_greenlets else environ["wsgi.multithread"]
    return Server(
        "uWSGI, gevent" if has_greenlets else "uWSGI",
        threads=int(uwsgi.cores) if is_concurrent else 1,
        longest_stream=SHORT_STREAM_SECONDS,  # a reload waits for its reload-mercy, a minute
        request_timeout=harakiri or None,
    )


def _last_number(option: Any) -> float:
    """Parse an option of uWSGI: bytes, or a list of them if it was given several times."""
    try:
        return float(option[-1] if isinstance(option, list) else option)
    except (TypeError, ValueError):
        return 0.0


def _read_mod_wsgi(environ: Environ) -> Server | None:
    if "mod_wsgi.version" not in environ:
        return None
    module = sys.modules.get("mod_wsgi")
    threads = getattr(module, "threads_per_process", None)
    if environ.get("mod_wsgi.application_group"):  # one of several interpreters with these threads
        threads = 1
    return Server(
        "mod_wsgi",
        threads=threads,
        longest_stream=MOD_WSGI_STREAM_SECONDS,
        is_stopping=_subscribe_to_stop(module),
    )


@cache
def _subscribe_to_stop(module: Any) -> Callable[[], bool] | None:
    """Let mod_wsgi announce its stop, once in a process."""
    subscribe = getattr(module, "subscribe_shutdown", None)  # not in old versions
    if subscribe is None:
        return None
    is_stopping = threading.Event()
    subscribe(lambda *_, **__: is_stopping.set())
    return is_stopping.is_set


#: The servers that are recognized by the environment of a request, because they are written in C.
BY_ENVIRON: tuple[Callable[[Environ], Server | None], ...] = (_read_uwsgi, _read_mod_wsgi)


def find_server(environ: Environ) -> Server:
    """Return the server of the request that the current thread serves, and remember it."""
    global _found
    _found = _find_server(environ)
    return _found


def _find_server(environ: Environ) -> Server:
    for frame in _callers(sys._getframe(2)):
        module, function = str(frame.f_globals.get("__name__")), frame.f_code.co_name
        found = BY_FRAME.get((module, function)) or BY_FRAME.get((module, "*"))
        if isinstance(found, Server):
            return found
        if found is not None:
            with suppress(AttributeError, LookupError, TypeError, ValueError):  # another version
                return found(environ, frame)
    for read_environ in BY_ENVIRON:
        server = read_environ(environ)
        if server is not None:
            return server
    has_one_thread = not environ.get("wsgi.multithread", True)
    return Server(UNKNOWN, threads=1 if has_one_thread else None)


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def get_call_timeout() -> float:
    """Return the seconds that a call of the current thread may take.

    After a longer one, the server would kill the request. Infinity, if it kills none.
    """
    server = _find_server(request.environ if has_request_context() else {})
    if server.request_timeout is None:
        return float("inf")
    return max(0.0, (server.request_timeout - server.elapsed()) * CALL_SHARE)


#: The server that this process has found last.
_found = Server(UNKNOWN)


def is_closing() -> bool:
    """Return whether this process is about to stop, if its server announces it.

    Before one is found, a gunicorn worker is found by its signal handler, its own method.
    """
    if _found.is_stopping is not None:
        return _found.is_stopping()
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return hasattr(worker, "cfg") and not getattr(worker, "alive", True)
