"""One workspace: a bundle, a folder, an engine, and the server in front of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

from .api.auth import AuthEndpoints
from .api.jobs import JobEndpoints
from .api.parameters import parse_run_request
from .api.request import Request
from .api.runs import RunEndpoints
from .api.serializers import RunSerializer
from .bundle.load import Bundle, load_bundle
from .bundle.variables import current_user_name, hash_variables
from .clock import Clock, SystemClock
from .engine.engine import Engine, RunRequest
from .engine.files import WorkspaceFiles
from .engine.work import CannotRun, NestedRun
from .errors import ApiError
from .home import Address, WorkspaceError, WorkspaceFolder, package_version
from .http.application import Application
from .http.server import HttpServer
from .registry import Registry
from .store.sqlite import Store
from .store.unit_of_work import UnitOfWork


class Workspace:
    """A workspace inside this process.

    :param bundle: the path of a ``databricks.yml``.
    :param folder: where it keeps its runs; one workspace a folder at a time.
    :param clock: tells the time; a :class:`ManualClock` lets a test move it.
    :param target: the target of the bundle.
    :param port: the port to listen on, if it is free; by default the last one of this folder.
    """

    def __init__(
        self,
        bundle: str | Path,
        folder: str | Path,
        *,
        clock: Clock | None = None,
        target: str | None = None,
        port: int | None = None,
    ) -> None:
        self._bundle_path = bundle
        self._folder = WorkspaceFolder(folder)
        self._given_clock = clock
        self._target = target
        self._port = port

    def start(self) -> Address:
        """Serve.

        :return: where.
        :raises BundleError: the bundle cannot be used.
        :raises WorkspaceError: another process serves the folder, or its database is damaged.
        """
        bundle = load_bundle(self._bundle_path, target=self._target)
        self._folder.create()
        self._folder_lock = self._folder.acquire()
        try:
            return self._serve(bundle)
        except sqlite3.DatabaseError as error:
            os.close(self._folder_lock)
            raise WorkspaceError(
                f"The database {self._folder.database} cannot be used: {error}. Move it away to "
                "start anew; the runs in it are lost then."
            ) from error
        except BaseException:
            os.close(self._folder_lock)
            raise

    def _serve(self, bundle: Bundle) -> Address:
        store = Store(self._folder.database)
        shutil.rmtree(self._folder.tasks, ignore_errors=True)
        self._folder.tasks.mkdir(mode=0o700, exist_ok=True)
        self._folder.data.mkdir(exist_ok=True)
        token, last_port = self._folder.read_identity()
        self._server = HttpServer(last_port if self._port is None else self._port)
        host = self._server.host
        workspace_id = 10**15 + zlib.crc32(str(self._folder.path).encode())
        self._own_clock = SystemClock()
        clock = self._given_clock or self._own_clock
        self._unit_of_work = UnitOfWork(store)
        # Once more, for only now is it known where the workspace answers.
        read = partial(load_bundle, self._bundle_path, target=self._target, host=host)
        self.registry = Registry(read, self._unit_of_work, clock)
        files = WorkspaceFiles(lambda: self.registry.bundle, self._folder.path / "volumes")
        self._engine = Engine(
            self._unit_of_work,
            files,
            clock,
            self._folder.tasks,
            lambda: self._task_environment(host, token),
            {"id": workspace_id, "url": host},
            self._nested_request,
        )
        self._application = Application(
            AuthEndpoints(token, host, current_user_name(), workspace_id, clock),
            JobEndpoints(self.registry),
            RunEndpoints(
                self.registry,
                self._unit_of_work,
                self._engine,
                files,
                RunSerializer(host, workspace_id),
            ),
        )
        self._server.start(self._application)
        self._folder.save_port(token, self._server.port)
        address = Address(host, token, os.getpid())
        self._folder.write_address(
            {
                "host": host,
                "token": token,
                "pid": address.pid,
                "bundle": str(bundle.path),
                "target": bundle.target,
                "default_target": bundle.default_target,
                "variables": hash_variables(),
                "version": package_version(),
            }
        )
        return address

    def stop(self) -> None:
        """Serve no more. Tasks that are going are ended."""
        self._folder.remove_address()
        self._server.stop()
        self._own_clock.stop()
        self._engine.close()
        os.close(self._folder_lock)

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_serving(self) -> bool:
        """Whether it still answers; false where its server has broken down."""
        return self._server.is_serving

    @property
    def idle_seconds(self) -> float:
        """For how long nobody has asked for anything and no run has been going."""
        if not self._unit_of_work.is_idle:
            return 0.0
        return time.monotonic() - self._application.last_request

    def _nested_request(self, work: NestedRun) -> RunRequest:
        try:
            job = self.registry.find(work.job_id)
            return parse_run_request(job, Request("2.2", work.fields), trigger="RUN_JOB_TASK")
        except ApiError as error:
            raise CannotRun(error.message) from None

    def _task_environment(self, host: str, token: str) -> Mapping[str, str]:
        """This process's environment, with credentials for nothing but this workspace."""
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("DATABRICKS_")
        }
        return {
            **inherited,
            "DATABRICKS_HOST": host,
            "DATABRICKS_TOKEN": token,
            "LAKEFLOW_LOCAL_DATA": str(self._folder.data),
        }
