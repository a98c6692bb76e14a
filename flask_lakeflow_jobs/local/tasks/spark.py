"""Spark for tasks: one Sail server of the workspace, if the extra ``spark`` is installed."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..subprocesses import POLL_SECONDS, Stopped
from ..task_process.spark.session.sail import MOUNTS
from .catalogs import BUILT_IN_CATALOGS, find_catalogs, find_catalogs_in_file, find_saved_catalogs
from .jvm import JVM_PROCESSES
from .spark_server import Listener, SailServer, SparkUnavailable

_RETRY_SECONDS = 60.0  # after a server did not start
# The tasks of a small bundle take little more than Java's start, and half of that is optimization
# for later. Over 30 million rows, a task takes a sixth longer without. Java then takes 48 MB for
# compiled code, unless it is set: a pipeline of 20 tables fills them, and Java ends.
_QUICK_COMPILER = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"


class Spark:
    """The Spark of a workspace. Its server starts with the first task, and again if it died.

    :param folder: keeps the tables.
    :param list_catalogs: returns the catalogs that the bundle names.
    :param user: the user whom SQL sees as ``current_user()``.
    """

    def __init__(self, folder: Path, list_catalogs: Callable[[], set[str]], user: str) -> None:
        self._folder = folder
        self._list_catalogs = list_catalogs
        self._user = user
        self._lock = threading.Lock()  # held while a server starts, up to a minute
        self._server: SailServer | None = None
        #: Those of each run. It has more than one if a later task names another catalog: tasks
        #: that run keep the session that they have.
        self._listeners: dict[int, list[Listener]] = {}
        self._is_closed = False
        self._failure: SparkUnavailable | None = None
        self._retry_at = 0.0

    def acquire(
        self,
        payload: Mapping[str, Any],
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool],
    ) -> dict[str, str]:
        """Return the variables that a task's process needs to use Spark.

        :param environment: of the task's process, without credentials. The server gets it too.
        :param is_stopped: returns whether the task has been stopped.
        :raises Stopped: the task has been stopped.
        """
        if "SPARK_REMOTE" in environment or not _is_installed("pyspark"):
            return {}
        if payload.get("kind") in JVM_PROCESSES and _is_installed("pysail"):
            # Beside a full pyspark, Sail keeps its own tables, and gets those of pipelines.
            variables = configure_jvm(self._folder / "jvm", environment)
            return {**variables, "LAKEFLOW_LOCAL_SAIL_FOLDER": str(self._folder)}
        if not _is_installed("pysail"):
            return configure_jvm(self._folder, environment)
        named = find_catalogs(payload["parameters"]) | find_catalogs_in_file(payload.get("path"))
        while not self._lock.acquire(timeout=POLL_SECONDS):
            if is_stopped():
                raise Stopped
        try:
            run_id = payload["run"]["multitaskParentRunId"]
            environment = {**environment, MOUNTS: json.dumps(payload.get("mounts", {}))}
            listener = self._ensure(run_id, named, environment, is_stopped)
        except (OSError, SparkUnavailable) as error:
            return {"LAKEFLOW_LOCAL_SPARK_ERROR": str(error)}
        finally:
            self._lock.release()
        address = f"sc://127.0.0.1:{listener.port}"
        return {
            "LAKEFLOW_LOCAL_SAIL": "1",
            "LAKEFLOW_LOCAL_SPARK": str(self._folder),
            "SPARK_REMOTE": f"{address}/;session_id={listener.session};user_id={self._user}",
        }

    def end_run(self, run_id: int) -> None:
        """Note that a run has ended: its sessions end soon, and a repair gets a new one."""
        if run_id in self._listeners:
            # Not here: the engine does not wait until a server has started for other runs.
            threading.Thread(target=self._close_listeners, args=(run_id,), daemon=True).start()

    def close(self) -> None:
        """Stop the server."""
        with self._lock:
            self._is_closed = True
            if self._server is not None:
                self._server.stop()

    def _close_listeners(self, run_id: int) -> None:
        with self._lock, suppress(OSError, SparkUnavailable):  # the next task replaces the server
            for listener in self._listeners.pop(run_id, ()):
                if self._server is not None and not self._is_closed:
                    self._server.close(listener)

    def _ensure(
        self,
        run_id: int,
        named: set[str],
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool],
    ) -> Listener:
        """Return a listener for a run whose sessions know the catalogs that a task names."""
        if self._is_closed:
            raise SparkUnavailable("The local workspace stops.")
        for listener in reversed(self._listeners.get(run_id, [])):
            if named <= listener.catalogs and listener.is_open:
                return listener
        catalogs = {*BUILT_IN_CATALOGS, *self._list_catalogs(), *named}
        listener = self._open(catalogs | find_saved_catalogs(self._folder), environment, is_stopped)
        self._listeners.setdefault(run_id, []).append(listener)
        return listener

    def _open(
        self, catalogs: set[str], environment: Mapping[str, str], is_stopped: Callable[[], bool]
    ) -> Listener:
        if self._server is not None:
            with suppress(SparkUnavailable):
                return self._server.open(catalogs, is_stopped)
            self._server.stop()
            self._server = None
            self._listeners.clear()
        if self._failure is not None and time.monotonic() < self._retry_at:
            raise self._failure  # or each task would wait for it
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = SailServer(self._folder, environment)
        try:
            listener = server.open(catalogs, is_stopped)
        except (SparkUnavailable, Stopped) as error:
            server.stop()
            if isinstance(error, SparkUnavailable):
                self._failure, self._retry_at = error, time.monotonic() + _RETRY_SECONDS
            raise
        self._server, self._failure = server, None
        return listener


def configure_jvm(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Let a pyspark of the user, which needs Java, keep its tables in a folder.

    :return: further variables of the task's environment.
    """
    if "SPARK_CONF_DIR" in environment:
        return {}
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
        ),
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder} {_QUICK_COMPILER}",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    lines = [f"{name} {value}" for name, value in settings.items()]
    # Java may read it for another task at this moment.
    unfinished = folder / f"spark-defaults.{threading.get_ident()}"
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(folder / "spark-defaults.conf")
    return {"LAKEFLOW_LOCAL_SPARK": str(folder), "SPARK_CONF_DIR": str(folder)}


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
