"""Spark for tasks: a Sail server of the workspace, if the extra ``spark`` is installed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..subprocesses import POLL_SECONDS, Stopped
from ..task_process.spark.tables import list_catalogs
from .catalogs import BUILT_IN_CATALOGS, find_catalogs
from .spark_server import SailServer, SparkUnavailable

_RETRY_SECONDS = 60.0  # after a server did not start


class Spark:
    """The Spark of a workspace. Its server starts with the first task, and again if it died.

    :param folder: keeps the tables.
    :param list_catalogs: returns the catalogs that the bundle names.
    """

    def __init__(self, folder: Path, list_catalogs: Callable[[], set[str]]) -> None:
        self._folder = folder
        self._list_catalogs = list_catalogs
        self._lock = threading.Lock()  # held while a server starts, up to a minute
        # More than one if a later task names another catalog: running tasks keep theirs.
        self._servers: list[SailServer] = []
        self._catalogs: set[str] = set()
        self._is_closed = False
        self._failure: SparkUnavailable | None = None
        self._retry_at = 0.0

    def acquire(
        self,
        payload: Mapping[str, Any],
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool],
    ) -> dict[str, str]:
        """Return the variables that a task's process needs to use Sail; none without Sail.

        :param environment: of the task's process, without credentials. The server gets it too.
        :param is_stopped: returns whether the task has been stopped.
        :raises Stopped: the task has been stopped.
        """
        if "SPARK_REMOTE" in environment or not all(map(find_spec, ("pysail", "pyspark"))):
            return {}
        while not self._lock.acquire(timeout=POLL_SECONDS):
            if is_stopped():
                raise Stopped
        try:
            server = self._ensure(payload, environment, is_stopped)
        except (OSError, SparkUnavailable) as error:
            return {"LAKEFLOW_LOCAL_SPARK_ERROR": str(error)}
        finally:
            self._lock.release()
        return {"LAKEFLOW_LOCAL_SPARK": str(self._folder), "SPARK_REMOTE": server.address}

    def close(self) -> None:
        """Stop the servers."""
        with self._lock:
            self._is_closed = True
            for server in self._servers:
                server.stop()

    def _ensure(
        self,
        payload: Mapping[str, Any],
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool],
    ) -> SailServer:
        """Return a server that knows the catalogs of a task."""
        if self._is_closed:
            raise SparkUnavailable("The local workspace stops.")
        named = {*self._list_catalogs(), *find_catalogs(payload["parameters"])}
        named |= list_catalogs(str(self._folder))
        if self._servers and self._servers[-1].is_running and named <= self._catalogs:
            return self._servers[-1]
        if self._failure is not None and time.monotonic() < self._retry_at:
            raise self._failure  # or each task would wait for it
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._catalogs |= {*BUILT_IN_CATALOGS, *named}
        catalogs = dict.fromkeys([*BUILT_IN_CATALOGS, *sorted(self._catalogs)])
        # Functions of users run in the server, and import the modules of the bundle.
        folders = [payload["root"], os.path.join(payload["root"], "src")]
        path = os.pathsep.join([*folders, *filter(None, [environment.get("PYTHONPATH")])])
        try:
            server = SailServer(
                self._folder, catalogs, {**environment, "PYTHONPATH": path}, is_stopped
            )
        except SparkUnavailable as error:
            self._failure, self._retry_at = error, time.monotonic() + _RETRY_SECONDS
            raise
        self._failure = None
        self._servers.append(server)
        return server
