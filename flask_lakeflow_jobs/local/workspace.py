"""A workspace in this process: a bundle, a folder, an engine and an HTTP server."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from .api.auth import AuthEndpoints
from .api.catalog_objects import parse_name
from .api.dbfs import DbfsEndpoints
from .api.grants import Grants
from .api.jobs import JobEndpoints
from .api.parameters import parse_run_request
from .api.permissions import PermissionEndpoints
from .api.pipelines import PipelineEndpoints
from .api.request import Request
from .api.runs import RunEndpoints
from .api.secrets import SecretEndpoints
from .api.serializers import RunSerializer
from .api.statements import StatementEndpoints
from .api.unity_catalog import UnityCatalogEndpoints
from .api.volumes import VolumeEndpoints
from .api.warehouses import WarehouseEndpoints
from .api.workspace_files import WorkspaceFileEndpoints
from .bundle.load import Bundle, load_bundle
from .bundle.variables import hash_variables
from .clock import Clock, SystemClock
from .engine.bundle_catalogs import BUILT_IN_CATALOGS, find_catalogs, find_catalogs_in_folder
from .engine.engine import Engine
from .engine.events import RunRequest
from .engine.files import WorkspaceFiles
from .engine.packages import Packages
from .engine.services import TaskServices
from .engine.spark import Spark
from .engine.statement_runner import StatementRunner
from .engine.work import CannotRun, NestedRun
from .environment import RUNTIME_VERSION, keep_bytecode, read_environment
from .errors import ApiError, JobDoesNotExist
from .home import Address, WorkspaceError, WorkspaceFolder
from .http.application import Application
from .http.server import HttpServer
from .registry import Registry
from .store.sqlite import Store
from .store.unit_of_work import UnitOfWork
from .user_data.folder import Folder, Parts, parse_path
from .user_data.secret_store import SecretStore
from .user_data.tree import WorkspaceTree, parse_workspace_path


class Workspace:
    """A workspace in this process.

    :param bundle: the path of a ``databricks.yml``.
    :param folder: where it keeps its runs; a folder has one workspace at a time.
    :param clock: a :class:`ManualClock` lets a test control the time.
    :param target: the target of the bundle; ``None``: its default.
    :param port: a port that is used if it is free; ``None``: the last port of this folder.
    :param install: install the packages that tasks list.
    """

    registry: Registry
    _server: HttpServer
    _application: Application
    _unit_of_work: UnitOfWork
    _runner: StatementRunner

    def __init__(
        self,
        bundle: str | Path,
        folder: str | Path,
        *,
        clock: Clock | None = None,
        target: str | None = None,
        port: int | None = None,
        install: bool = False,
    ) -> None:
        self._bundle_path = bundle
        self._folder = WorkspaceFolder(folder)
        self._clock = clock
        self._target = target
        self._port = port
        self._installs = install
        self._resources = ExitStack()

    def start(self) -> Address:
        """Start the server and return its address.

        :raises BundleError: the bundle is invalid.
        :raises WorkspaceError: another process serves the folder, or it cannot be used.
        """
        bundle = load_bundle(self._bundle_path, target=self._target)
        self._folder.create()
        self._folder = self._folder.with_plain_path()
        with ExitStack() as resources:
            try:
                resources.callback(os.close, self._folder.acquire())
                # The address may name a process that died, whose number another process has by now.
                self._folder.remove_address()
                address = self._serve(bundle, resources)
            except (OSError, sqlite3.OperationalError) as error:
                raise self._folder.unusable(error) from error
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                raise WorkspaceError(
                    f"The database {self._folder.database} cannot be used: {error}. Move it away "
                    "to start with an empty one; its runs are lost then."
                ) from error
            self._resources = resources.pop_all()
        return address

    def _serve(self, bundle: Bundle, resources: ExitStack) -> Address:
        store = Store(self._folder.database)
        resources.callback(store.close)
        self._unit_of_work = UnitOfWork(store)
        for leftover in (self._folder.tasks, self._folder.unfinished):
            shutil.rmtree(leftover, ignore_errors=True)
        self._folder.tasks.mkdir(mode=0o700, exist_ok=True)
        self._folder.data.mkdir(mode=0o700, exist_ok=True)
        token, last_port = self._folder.read_identity()
        self._server = HttpServer(last_port if self._port is None else self._port)
        resources.callback(self._server.stop)  # if the rest fails
        # Read the bundle again: it may refer to the address, which is known only now.
        host = self._server.host
        read = partial(self._read_bundle, host)
        system_clock = SystemClock()
        clock = self._clock or system_clock
        self.registry = Registry(read, self._unit_of_work, clock)
        self._application = self._build_application(token, clock, resources)
        resources.callback(system_clock.stop)
        self._server.start(self._application, self._application.max_body_bytes)
        resources.callback(self._server.stop)
        resources.callback(self._runner.close)  # before, as requests may wait for statements
        self._folder.save_port(token, self._server.port)
        resources.callback(self._folder.remove_address)
        return self._publish_address(host, token, bundle)

    def _read_bundle(self, host: str, **options: Any) -> Bundle:
        """Read the bundle; create the folders of its schemas and volumes, as a deployment does."""
        bundle = load_bundle(self._bundle_path, target=self._target, host=host, **options)
        for name in bundle.catalog_objects:
            with suppress(ApiError, OSError):  # such as for a reference that only a workspace knows
                parts = parse_name(name, 3 if name.count(".") > 1 else 2)
                self._folder.volumes.joinpath(*parts).mkdir(parents=True, exist_ok=True)
        return bundle

    def _build_application(self, token: str, clock: Clock, resources: ExitStack) -> Application:
        host, user = self._server.host, self.registry.user
        workspace_id = 10**15 + zlib.crc32(str(self._folder.path).encode())
        files = WorkspaceFiles(lambda: self.registry.bundle, self._folder)
        secrets = SecretStore(self._folder, read_environment)
        services = TaskServices(
            lambda: self._task_environment(host, token),
            lambda: secrets.values() | {token},  # who reads a log need not have the token
            Packages(self._folder.path / "packages", is_enabled=self._installs),
            Spark(self._folder.path / "spark", self._find_catalogs, user),
        )
        engine = Engine(
            self._unit_of_work,
            files,
            clock,
            self._folder.tasks,
            services,
            {"id": workspace_id, "url": host},
            self._nested_request,
        )
        resources.callback(engine.close)
        self._runner = StatementRunner(self._folder.path / "statements", files, services)
        auth = AuthEndpoints(token, host, user, workspace_id, clock)
        serializer = RunSerializer(host, workspace_id)
        runs = RunEndpoints(self.registry, self._unit_of_work, engine, files, serializer)
        warehouses = WarehouseEndpoints(self.registry, host)
        workspace_files = WorkspaceFileEndpoints(self._create_tree())
        volume_folder = Folder(self._folder.volumes, self._folder.unfinished)
        volumes = VolumeEndpoints(volume_folder)
        return Application(
            self._folder,
            auth,
            runs.get_log,
            auth.routes,
            JobEndpoints(self.registry).routes,
            runs.routes,
            PipelineEndpoints(self.registry).routes,
            warehouses.routes,
            PermissionEndpoints(self.registry, self._unit_of_work, warehouses.find).routes,
            StatementEndpoints(self._runner, warehouses, self._server.waiting).routes,
            workspace_files.routes,
            SecretEndpoints(secrets, user, clock).routes,
            DbfsEndpoints(Folder(self._folder.dbfs, self._folder.unfinished)).routes,
            volumes.routes,
            UnityCatalogEndpoints(
                self._runner,
                self._server.waiting,
                lambda: {*BUILT_IN_CATALOGS, *self._find_catalogs()} - {"spark_catalog"},
                volume_folder,
                Grants(self._unit_of_work),
                user,
            ).routes,
            uploads={**workspace_files.uploads, **volumes.uploads},
        )

    def _create_tree(self) -> WorkspaceTree:
        folder = Folder(self._folder.files, self._folder.unfinished)
        tree = WorkspaceTree(folder, self._bundle_files)
        tree.make(parse_path(f"/Users/{self.registry.user}"))
        tree.make(("Shared",))
        return tree

    def _publish_address(self, host: str, token: str, bundle: Bundle) -> Address:
        address = Address(host, token, os.getpid())
        self._folder.write_address(
            {
                **asdict(address),
                "bundle": str(bundle.path),
                "target": bundle.target,
                "default_target": bundle.default_target,
                "variables": hash_variables(),
                "install": self._installs,
            }
        )
        return address

    def stop(self) -> None:
        """Stop the server, and end all running tasks."""
        self._resources.close()

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_serving(self) -> bool:
        """True until the server stops or fails."""
        return self._server.is_serving

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request or the end of the last run; 0 while one is active."""
        if not self._unit_of_work.is_idle:
            return 0.0
        last_use = max(self._application.last_request, self._unit_of_work.last_end)
        return time.monotonic() - last_use

    def _nested_request(self, work: NestedRun) -> RunRequest:
        try:
            job = self.registry.find(work.job_id)
        except JobDoesNotExist as error:
            raise CannotRun(
                f"{error.message} Name a job of the bundle by a reference, or simulate the job "
                "(its tag 'local_simulation')."
            ) from None
        try:
            return parse_run_request(job, Request("2.2", work.fields), trigger="RUN_JOB_TASK")
        except ApiError as error:
            raise CannotRun(error.message) from None

    def _bundle_files(self) -> tuple[Parts, Path]:
        """Return the path of the bundle's files in the workspace, and their folder."""
        bundle = self.registry.bundle
        try:
            return parse_workspace_path(bundle.files_path), bundle.files_root
        except ApiError:  # it is no path of a workspace
            return parse_path("/Bundle"), bundle.files_root

    def _find_catalogs(self) -> set[str]:
        """Return the catalogs that the bundle names in its jobs, pipelines and files."""
        bundle = self.registry.bundle
        settings = [*(job.settings for job in bundle.jobs.values()), *bundle.pipelines.values()]
        return find_catalogs(settings) | find_catalogs_in_folder(bundle.root)

    def _task_environment(self, host: str, token: str) -> Mapping[str, str]:
        """Return the environment of this process, with credentials for this workspace only."""
        return {
            # Newer versions of MLflow refuse the files in which a task keeps runs and models. Spark
            # loads models from them too.
            "MLFLOW_ALLOW_FILE_STORE": "true",
            # Otherwise, they require what the bundle's uv.lock lists, and not what is installed.
            "MLFLOW_UV_AUTO_DETECT": "false",
            **keep_bytecode(read_environment(), self._folder.path / "bytecode"),
            "DATABRICKS_HOST": host,
            "DATABRICKS_RUNTIME_VERSION": RUNTIME_VERSION,
            "DATABRICKS_TOKEN": token,
            "LAKEFLOW_LOCAL_DATA": str(self._folder.data),
            "LAKEFLOW_LOCAL_USER": self.registry.user,
        }
