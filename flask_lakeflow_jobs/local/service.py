"""The parts of a workspace that serve its requests: the engine and the API."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from .api.auth import AuthEndpoints
from .api.clusters import CLUSTER_ROUTES
from .api.jobs import JobEndpoints
from .api.permissions import PermissionEndpoints
from .api.request import Request
from .api.run_requests import parse_run_request
from .api.runs import RunEndpoints
from .api.secrets import SecretEndpoints
from .api.serializers import RunSerializer
from .api.volumes import VolumeEndpoints
from .clock import Clock
from .engine.engine import Engine
from .environment import RUNTIME_VERSION, keep_bytecode, read_environment
from .errors import ApiError, JobDoesNotExist
from .events import RunRequest
from .files.secrets import SecretStore
from .files.volume_folder import Folder
from .folder import WorkspaceFolder
from .http.application import Application
from .registry import Registry
from .store.runs import RunStore
from .tasks.catalogs import find_catalogs
from .tasks.files import WorkspaceFiles
from .tasks.packages import Packages
from .tasks.processes import TaskProcessFactory
from .tasks.spark import Spark
from .tasks.work import CannotRun, NestedRun


class WorkspaceService:
    """The engine of a workspace, and the application that calls it.

    :param host: the address of the workspace.
    :param install: install the packages that tasks list.
    """

    def __init__(
        self,
        folder: WorkspaceFolder,
        registry: Registry,
        run_store: RunStore,
        clock: Clock,
        *,
        host: str,
        token: str,
        install: bool,
    ) -> None:
        self._folder = folder
        self._registry = registry
        self._run_store = run_store
        self._clock = clock
        self._host = host
        self._token = token
        self._workspace_id = 10**15 + zlib.crc32(str(folder.path).encode())
        self._files = WorkspaceFiles(lambda: registry.bundle, folder)
        self._secrets = SecretStore(folder, read_environment)
        services = TaskProcessFactory(
            self._task_environment,
            lambda: self._secrets.values() | {token},  # who reads a log need not have the token
            Packages(folder.path / "packages", is_enabled=install),
            Spark(folder.path / "spark", self._find_catalogs),
        )
        self.engine = Engine(
            run_store,
            self._files,
            clock,
            folder.tasks,
            services,
            {"id": self._workspace_id, "url": host},
            self._nested_request,
        )

    def build_application(self) -> Application:
        """Build the application with the endpoints of all APIs."""
        folder, registry, user = self._folder, self._registry, self._registry.user
        auth = AuthEndpoints(self._token, self._host, user, self._workspace_id, self._clock)
        serializer = RunSerializer(self._host, self._workspace_id)
        runs = RunEndpoints(registry, self._run_store, self.engine, self._files, serializer)
        return Application(
            folder,
            auth,
            runs.get_log,
            auth.routes,
            JobEndpoints(registry).routes,
            runs.routes,
            PermissionEndpoints(registry, self._run_store).routes,
            CLUSTER_ROUTES,
            SecretEndpoints(self._secrets, self._clock).routes,
            VolumeEndpoints(Folder(folder.volumes, folder.unfinished)).routes,
        )

    def _nested_request(self, work: NestedRun) -> RunRequest:
        try:
            job = self._registry.find(work.job_id)
        except JobDoesNotExist as error:
            raise CannotRun(
                f"{error.message} Name a job of the bundle by a reference, or simulate the job "
                "(its tag 'local_simulation')."
            ) from None
        try:
            return parse_run_request(job, Request("2.2", work.fields), trigger="RUN_JOB_TASK")
        except ApiError as error:
            raise CannotRun(error.message) from None

    def _find_catalogs(self) -> set[str]:
        """Return the catalogs that the bundle names."""
        bundle = self._registry.bundle
        settings = [job.settings for job in bundle.jobs.values()]
        return find_catalogs(settings) | {each.split(".")[0] for each in bundle.catalog_objects}

    def _task_environment(self) -> Mapping[str, str]:
        """Return the environment of this process, with credentials for this workspace only."""
        data = self._folder.data
        return {
            # For a runtime of Databricks, MLflow would keep its runs there.
            "MLFLOW_TRACKING_URI": f"sqlite:///{data / 'mlflow.sqlite'}",
            **keep_bytecode(read_environment(), self._folder.path / "bytecode"),
            "DATABRICKS_HOST": self._host,
            "DATABRICKS_RUNTIME_VERSION": RUNTIME_VERSION,
            "DATABRICKS_TOKEN": self._token,
            "LAKEFLOW_LOCAL_DATA": str(data),
            "LAKEFLOW_LOCAL_DUCKDB": str(data / "warehouse.duckdb"),
            "LAKEFLOW_LOCAL_USER": self._registry.user,
        }
