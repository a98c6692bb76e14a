"""Spark for tasks: one Sail server of the workspace, if the extra ``spark`` is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..programs import POLL_SECONDS, Stopped, never_stopped
from .catalogs import BUILT_IN_CATALOGS, find_catalogs, find_saved_catalogs
from .processes import CHILD, Lifeline

#: The program that serves Spark, and its arguments.
SAIL_ARGUMENTS = (str(CHILD), "--sail")

_START_TIMEOUT_SECONDS = 60.0
_RETRY_SECONDS = 60.0  # after a server did not start
_SESSION_TIMEOUT_SECONDS = 24 * 60 * 60  # the next task of a long run may come late


class SparkUnavailable(RuntimeError):
    """The Sail server does not start. The message says why, and what to do."""


class SailServer:
    """A process that answers Spark Connect on the loopback interface.

    It ends with this process, also if that is killed.

    :param folder: keeps its log and its working files.
    """

    def __init__(self, folder: Path, catalogs: Iterable[str]) -> None:
        self._folder = folder
        self.catalogs = frozenset(catalogs)
        self.namespace = uuid.uuid4()
        self._lifeline = Lifeline()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(
        self, environment: Mapping[str, str], is_stopped: Callable[[], bool] = never_stopped
    ) -> None:
        """Start the process, and wait until it listens.

        :raises SparkUnavailable: it ends or does not listen in time.
        :raises Stopped: ``is_stopped`` returned true meanwhile.
        """
        address = self._folder / "address.json"
        for outdated in (address, *self._folder.glob("session-*.json")):
            outdated.unlink(missing_ok=True)
        try:
            with open(self._folder / "server.log", "wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, *SAIL_ARGUMENTS, str(self._lifeline.read_end)],
                    cwd=self._folder,
                    env={**environment, **self._settings()},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    pass_fds=(self._lifeline.read_end,),
                    start_new_session=True,
                )
        except OSError:
            self._lifeline.cut()
            raise
        finally:
            os.close(self._lifeline.read_end)
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while not address.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SparkUnavailable(
                    "The Sail server, which runs Spark in the local workspace, did not start. "
                    f"Its log: {self._folder / 'server.log'}. Reinstall it with: pip install "
                    "--force-reinstall pysail."
                )
            if is_stopped():
                self.stop()
                raise Stopped
            time.sleep(0.01)
        self.port = json.loads(address.read_text())["port"]

    @property
    def is_running(self) -> bool:
        """True while the server listens."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self._lifeline.cut()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)

    def _settings(self) -> dict[str, str]:
        entries = (
            f'{{type="memory",name="{name}",initial_database=["default"]}}'
            for name in sorted(self.catalogs)
        )
        return {
            "RUST_LOG": "warn",
            "SAIL_EXECUTION__CHECKPOINT__PATH": str(self._folder / "checkpoints"),
            "SAIL_CATALOG__DEFAULT_CATALOG": BUILT_IN_CATALOGS[0],
            "SAIL_CATALOG__LIST": f"[{','.join(entries)}]",
            "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(_SESSION_TIMEOUT_SECONDS),
        }


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
        self._tasks: set[int] = set()
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

        The server stays as it is until :meth:`release` is called for the task.

        :param payload: of the task.
        :param environment: of the task's process, without credentials. The server gets it too.
        :param is_stopped: returns whether the task has been stopped.
        :raises Stopped: the task has been stopped.
        """
        if "SPARK_REMOTE" in environment or not _is_installed("pyspark"):
            return {}
        if not _is_installed("pysail"):
            return configure_jvm(self._folder, environment)
        run = payload["run"]
        while not self._lock.acquire(timeout=POLL_SECONDS):
            if is_stopped():
                raise Stopped
        try:
            self._tasks.add(run["runId"])
            server = self._ensure(find_catalogs(payload["parameters"]), environment, is_stopped)
        except (OSError, SparkUnavailable) as error:
            return {"LAKEFLOW_LOCAL_SPARK_ERROR": str(error)}
        finally:
            self._lock.release()
        session = uuid.uuid5(server.namespace, str(run["multitaskParentRunId"]))
        address = f"sc://127.0.0.1:{server.port}"
        return {
            "LAKEFLOW_LOCAL_SAIL": "1",
            "LAKEFLOW_LOCAL_SPARK": str(self._folder),
            "SPARK_REMOTE": f"{address}/;session_id={session};user_id={self._user}",
        }

    def release(self, task_id: int) -> None:
        """Note that a task has ended."""
        # Without the lock: the end of a task does not wait until a server has started for others.
        self._tasks.discard(task_id)

    def close(self) -> None:
        """Stop the server."""
        with self._lock:
            self._is_closed = True
            if self._server is not None:
                self._server.stop()

    def _ensure(
        self, named: set[str], environment: Mapping[str, str], is_stopped: Callable[[], bool]
    ) -> SailServer:
        """Return the server, which is replaced if it lacks a catalog and no other task uses it."""
        if self._is_closed:
            raise SparkUnavailable("The local workspace stops.")
        server = self._server
        if server is not None:
            is_sufficient = named <= server.catalogs or len(self._tasks) > 1
            if is_sufficient and server.is_running:
                return server
            server.stop()
        if self._failure is not None and time.monotonic() < self._retry_at:
            raise self._failure  # or each task would wait for it
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        catalogs = {*BUILT_IN_CATALOGS, *self._list_catalogs(), *named}
        catalogs |= find_saved_catalogs(self._folder)
        if server is not None:
            catalogs |= server.catalogs
        server = SailServer(self._folder, catalogs)
        try:
            server.start(environment, is_stopped)
        except SparkUnavailable as error:
            self._failure, self._retry_at = error, time.monotonic() + _RETRY_SECONDS
            raise
        self._server, self._failure = server, None
        return server


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
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    lines = [f"{name} {value}" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("\n".join(lines) + "\n")
    return {"LAKEFLOW_LOCAL_SPARK": str(folder), "SPARK_CONF_DIR": str(folder)}


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
