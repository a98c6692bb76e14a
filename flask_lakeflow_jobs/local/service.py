"""The parts of a workspace that serve its requests: the engine, the statements and the API."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from .api.auth import AuthEndpoints
from .api.catalog_tree import CatalogTree
from .api.dbfs import DbfsEndpoints
from .api.experiments import ExperimentEndpoints
from .api.grants import Grants
from .api.jobs import JobEndpoints
from .api.kept_objects import KeptObjects
from .api.other_objects import OtherObjectEndpoints
from .api.permissions import PermissionEndpoints
from .api.pipelines import PipelineEndpoints
from .api.request import Request
from .api.run_requests import parse_run_request
from .api.runs import RunEndpoints
from .api.secrets import SecretEndpoints
from .api.serializers import RunSerializer
from .api.statements import StatementEndpoints
from .api.unity_catalog import UnityCatalogEndpoints
from .api.volumes import VolumeEndpoints
from .api.warehouses import WarehouseEndpoints
from .api.workspace_files import WorkspaceFileEndpoints
from .clock import Clock
from .engine.engine import Engine
from .environment import RUNTIME_VERSION, keep_bytecode, read_environment
from .errors import ApiError, JobDoesNotExist
from .events import RunRequest
from .files.secrets import SecretStore
from .files.tree import WorkspaceTree, parse_workspace_path
from .files.volume_folder import Folder, Parts, parse_path
from .folder import WorkspaceFolder
from .http.application import Application
from .pipeline_registry import PipelineRegistry
from .registry import Registry
from .store.runs import RunStore
from .tasks.catalogs import BUILT_IN_CATALOGS, find_catalogs, find_catalogs_in_folder
from .tasks.files import WorkspaceFiles
from .tasks.packages import Packages
from .tasks.processes import TaskServices
from .tasks.spark import Spark
from .tasks.statement_runner import StatementRunner
from .tasks.work import CannotRun, NestedRun


class WorkspaceService:
    """The engine and the statements of a workspace, and the application that calls them.

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
        self._pipelines = PipelineRegistry(registry, run_store, clock)
        self._objects = KeptObjects(run_store)
        self._secrets = SecretStore(folder, read_environment)
        services = TaskServices(
            self._task_environment,
            lambda: self._secrets.values() | {token},  # who reads a log need not have the token
            Packages(folder.path / "packages", is_enabled=install),
            Spark(folder.path / "spark", self._find_catalogs, registry.user),
            lambda: self._pipelines.settings,
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
        self.runner = StatementRunner(folder.path / "statements", self._files, services)

    def build_application(self, waiting: Callable[[], AbstractContextManager[bool]]) -> Application:
        """Build the application with the endpoints of all APIs.

        :param waiting: see :class:`.StatementEndpoints`.
        """
        folder, registry, user = self._folder, self._registry, self._registry.user
        auth = AuthEndpoints(self._token, self._host, user, self._workspace_id, self._clock)
        serializer = RunSerializer(self._host, self._workspace_id)
        runs = RunEndpoints(registry, self._run_store, self.engine, self._files, serializer)
        objects = self._objects
        warehouses = WarehouseEndpoints(registry, objects, self._host)
        others = OtherObjectEndpoints(objects, user, self._clock)
        experiments = ExperimentEndpoints(objects, user, self._clock)
        volume_folder = Folder(folder.volumes, folder.unfinished)
        tree = CatalogTree(
            self.runner,
            waiting,
            lambda: {*BUILT_IN_CATALOGS, *self._find_catalogs()} - {"spark_catalog"},
            volume_folder,
        )
        statements = StatementEndpoints(self.runner, warehouses, auth.sign_link, waiting)
        return Application(
            folder,
            auth,
            runs.get_log,
            auth.routes,
            JobEndpoints(registry).routes,
            runs.routes,
            PipelineEndpoints(self._pipelines).routes,
            warehouses.routes,
            others.routes,
            experiments.routes,
            PermissionEndpoints(
                registry,
                self._run_store,
                {
                    "apps": others.find_app,
                    "dashboards": others.find_dashboard,
                    "experiments": experiments.find,
                    "pipelines": self._pipelines.find,
                    "sql/warehouses": warehouses.find,
                },
            ).routes,
            statements.routes,
            WorkspaceFileEndpoints(self._create_tree()).routes,
            SecretEndpoints(self._secrets, user, self._clock).routes,
            DbfsEndpoints(Folder(folder.dbfs, folder.unfinished)).routes,
            VolumeEndpoints(volume_folder).routes,
            UnityCatalogEndpoints(
                tree,
                volume_folder,
                objects,
                Grants(self._run_store),
                user,
                self._workspace_id,
            ).routes,
            links=statements.links,
        )

    def _create_tree(self) -> WorkspaceTree:
        tree = WorkspaceTree(
            Folder(self._folder.files, self._folder.unfinished), self._bundle_files
        )
        tree.make(parse_path(f"/Users/{self._registry.user}"))
        tree.make(("Shared",))
        return tree

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

    def _bundle_files(self) -> tuple[Parts, Path]:
        """Return the path of the bundle's files in the workspace, and their folder."""
        bundle = self._registry.bundle
        try:
            return parse_workspace_path(bundle.files_path), bundle.files_root
        except ApiError:  # it is no path of a workspace
            return parse_path("/Bundle"), bundle.files_root

    def _find_catalogs(self) -> set[str]:
        """Return the catalogs that clients created, and those that the bundle names in its jobs,
        pipelines and files."""
        bundle = self._registry.bundle
        settings = [*(job.settings for job in bundle.jobs.values()), *bundle.pipelines.values()]
        named = find_catalogs(settings) | find_catalogs_in_folder(bundle.root)
        return {*named, *self._objects.find_all("catalog")}

    def _task_environment(self) -> Mapping[str, str]:
        """Return the environment of this process, with credentials for this workspace only."""
        return {
            # Newer versions of MLflow refuse the files in which a task keeps runs and models. Spark
            # loads models from them too.
            "MLFLOW_ALLOW_FILE_STORE": "true",
            # Otherwise, they require what the bundle's uv.lock lists, and not what is installed.
            "MLFLOW_UV_AUTO_DETECT": "false",
            **keep_bytecode(read_environment(), self._folder.path / "bytecode"),
            "DATABRICKS_HOST": self._host,
            "DATABRICKS_RUNTIME_VERSION": RUNTIME_VERSION,
            "DATABRICKS_TOKEN": self._token,
            "LAKEFLOW_LOCAL_DATA": str(self._folder.data),
            "LAKEFLOW_LOCAL_USER": self._registry.user,
        }
