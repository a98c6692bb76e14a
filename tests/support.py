"""Shared helpers of the tests."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pytest
from flask import Flask
from flask_caching.backends import SimpleCache
from werkzeug.serving import WSGIRequestHandler, make_server

BUNDLE = Path(__file__).parent / "bundles" / "fast" / "databricks.yml"

#: Tokens of two users that the workspace accepts.
ALICE = "dapi-of-alice"
BOB = "dapi-of-bob"

#: Seconds that a real process may take on a busy machine.
DEADLINE = 120.0

#: For tests that read the local workspace's responses with the SDK. Only the environment with the
#: lowest versions skips them.
needs_newer_sdk = pytest.mark.skipif(
    tuple(map(int, version("databricks-sdk").split(".")[:2])) < (0, 50),
    reason="The SDK does not read all pages and fields before 0.50.",
)

T = TypeVar("T")


def wait_until(condition: Callable[[], T], name: str) -> T:
    """Return the first true value of a condition, which is checked repeatedly.

    It is checked ever less often, as checks cost what the awaited process needs.

    :param name: the condition, for the message.
    """
    deadline = time.monotonic() + DEADLINE
    pause = 0.005
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(pause)
        pause = min(1.2 * pause, 0.05)
    raise AssertionError(f"{name}: not true within {DEADLINE:g} seconds")


def refuse_threads(patch: pytest.MonkeyPatch) -> None:
    """Let threads fail to start, as they do where the system has too many."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    patch.setattr(threading.Thread, "start", refuse)


def interrupt_lines(handler: Callable[[], object]) -> None:
    """Call a handler before each line of the functions that this thread calls from now on.

    A signal may come at any of these moments.
    """

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            handler()
        return trace

    sys.settrace(trace)


def on_behalf_of(token: str) -> dict[str, str]:
    """Return the headers with which Databricks Apps forwards a user's request."""
    return {"X-Forwarded-Access-Token": token}


class RunGate:
    """A file that runs wait for.

    :param path: created when the gate opens.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def params(self) -> dict[str, str]:
        """The parameters of a run that waits for the gate."""
        return {"gate": str(self._path)}

    def open(self) -> None:
        self._path.touch()


class FailingStore(SimpleCache):
    """A shared cache backend that fails while ``is_available`` is false."""

    is_available = False

    def __getattribute__(self, name: str) -> Any:
        is_access = name.split("_")[0] in ("get", "set", "add", "delete")
        if is_access and not self.is_available:
            return _fail
        return super().__getattribute__(name)


class FullStore(SimpleCache):
    """A shared cache backend that stores nothing while ``is_full``: it still reads and deletes."""

    is_full = False

    def __getattribute__(self, name: str) -> Any:
        is_write = name.split("_")[0] in ("set", "add")
        return _fail if is_write and self.is_full else super().__getattribute__(name)


def _fail(*_: Any, **__: Any) -> None:
    raise ConnectionError("The store is unavailable.")


class _SilentHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Do not log aborted requests: tests abort them on purpose."""


class LiveServer:
    """An app behind werkzeug's threaded server."""

    def __init__(self, app: Flask) -> None:
        self._server = make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=_SilentHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LiveServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def run_python(program: str) -> str:
    """Run a program in a process of its own, and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=True,
    )
    return ended.stdout


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the messages of the package, without those of tracers that other tests started."""
    own = [each for each in caplog.records if each.name.startswith("flask_lakeflow_jobs")]
    return [each.getMessage() for each in own]
