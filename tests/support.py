"""What tests over the whole house share, beside the fixtures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from flask_caching.backends import SimpleCache
from werkzeug.serving import WSGIRequestHandler, make_server

BUNDLE = Path(__file__).parent / "bundles" / "fast" / "databricks.yml"

#: Tokens of two users whom the workspace lets in.
ALICE = "dapi-of-alice"
BOB = "dapi-of-bob"

#: Seconds that a real process may take, however busy the machine is.
DEADLINE = 30.0

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str) -> T:
    """The first true value of a condition.

    :param condition: looked at again and again.
    :param what: its name.
    """
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"{what} did not come about within {DEADLINE:g} seconds")


def on_behalf_of(token: str) -> dict[str, str]:
    """The headers with which Databricks Apps forwards a user's request."""
    return {"X-Forwarded-Access-Token": token}


class RunGate:
    """A file that runs wait for.

    :param path: created when the gate opens.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def params(self) -> dict[str, str]:
        """The parameters of a run that waits for it."""
        return {"gate": str(self._path)}

    def open(self) -> None:
        self._path.touch()


class FailingStore(SimpleCache):
    """A store between processes that can be switched off."""

    is_well = False

    def __getattribute__(self, name: str) -> Any:
        if name in ("get", "set", "add", "delete") and not self.is_well:
            raise ConnectionError("The store is away.")
        return super().__getattribute__(name)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: requests that break off are what is tested."""


class LiveServer:
    """An app behind werkzeug's threaded server, over real HTTP.

    :param app: the app.
    """

    def __init__(self, app: Flask) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LiveServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
