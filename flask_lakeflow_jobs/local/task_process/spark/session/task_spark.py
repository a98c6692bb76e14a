"""The Spark session of a task: that of Sail, which its run shares, or one of the user's pyspark."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib.machinery import PathFinder

from ...import_hooks import change_when_loaded

# Every task imports this module, so what only those with Spark need is imported in functions.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from ...paths import WorkspacePaths

#: The variable with the message of a Spark server that does not start.
_FAILURE = "LAKEFLOW_LOCAL_SPARK_ERROR"

#: What to do where no pyspark is installed.
INSTALL_ADVICE = (
    "There is no Spark in this environment. Install it to use 'spark' in the local workspace: "
    "pip install 'flask-lakeflow-jobs[spark]'."
)
_MAX_RETRIES = 4  # takes some seconds; by default a call waits for ten minutes for a lost server
_OLD_NAMES = (
    *("approxCountDistinct", "bitwiseNOT", "countDistinct", "shiftLeft", "shiftRight"),
    *("shiftRightUnsigned", "sumDistinct", "toDegrees", "toRadians"),
)
_MAX_DEPTH = 3000  # of calls in Python, for about 1400 steps of a frame
# Databricks, documentation of Spark configuration properties: set on each cluster.
_TAGS = {
    "spark.databricks.clusterUsageTags.clusterId": "local",
    "spark.databricks.clusterUsageTags.clusterName": "local",
    "spark.databricks.clusterUsageTags.clusterOwnerOrgId": "0",
    "spark.databricks.clusterUsageTags.sparkVersion": "local",
    "spark.databricks.workspaceUrl": "localhost",
    "spark.master": "local[*, 4]",  # of a cluster with a single node
}
#: Settings that no task changes at its start. Sail has no ids of rows for the other kinds of index.
_FIXED = {
    "pandas_on_Spark.compute.default_index_type": '"sequence"',
    "spark.sql.sources.default": "delta",
}
#: The paths of requests of the SDK that read or change tables.
_OF_TABLES = ("/unity-catalog/", "/sql/statements")
_locks: list[int] = []  # of the metastore, until the process ends


def synchronize_requests(
    client_class: Any, synchronize: Callable[[], AbstractContextManager[None]]
) -> None:
    """Let requests of the SDK see the tables of the task, and the task see theirs.

    The workspace answers them in a session of its own. Others see a session when it ends.

    :param synchronize: returns the context of a request for tables.
    """
    call = client_class.do

    def do(client: Any, method: str, path: str | None = None, *args: Any, **more: Any) -> Any:
        if not any(each in (path or "") for each in _OF_TABLES):
            return call(client, method, path, *args, **more)
        with synchronize():
            return call(client, method, path, *args, **more)

    client_class.do = do


def _add_context(module: Any) -> None:
    """Let code import ``SparkContext``, which the client without Java leaves out."""
    from ..frames.local_rdds import LocalContext  # of tasks with Spark only

    module.SparkContext = LocalContext


def _number_rows(internal: Any) -> None:
    """Number the rows of pandas on Spark by a window: Sail has no function for it."""
    frame = internal.InternalFrame
    frame.attach_distributed_sequence_column = staticmethod(frame.attach_sequence_column)


def _export_old_names(functions: Any) -> None:
    """Let ``import *`` bring the old names of functions too, as runtimes before 17 do.

    Spark 4 has them, but not among those that it exports. Spark 3 exports all names.
    """
    if exported := getattr(functions, "__all__", None):
        exported += [each for each in _OLD_NAMES if hasattr(functions, each)]


class TaskSpark:
    """The Spark of a task, which starts when its code uses it."""

    def __init__(self, payload: dict[str, Any], paths: WorkspacePaths) -> None:
        self._payload = payload
        self._paths = paths
        self._session: Any = None
        self._is_sail = "LAKEFLOW_LOCAL_SAIL" in os.environ

    def install(self) -> None:
        """Start a session when the task imports ``pyspark.sql``.

        On Databricks a session is always active. Starting it for every task would take seconds.
        """
        change_when_loaded(
            {
                "pyspark.sql": lambda _: self._start(),
                "pyspark.sql.functions": _export_old_names,
            }
        )
        if self._is_sail:
            change_when_loaded(
                {
                    "databricks.sdk.core": lambda core: synchronize_requests(
                        core.ApiClient, self._synchronize
                    ),
                    "pyspark": _add_context,
                    "pyspark.pandas.internal": _number_rows,
                }
            )

    @property
    def is_installed(self) -> bool:
        """True if Spark runs the SQL of tasks, and not DuckDB."""
        if PathFinder.find_spec("pyspark") is None:
            return False
        from shutil import which

        if self._is_sail or _FAILURE in os.environ or "SPARK_REMOTE" in os.environ:
            return True  # a server that does not start fails SQL, which would miss its tables
        return "JAVA_HOME" in os.environ or which("java") is not None

    @property
    def is_sail(self) -> bool:
        """True if the tables of tasks are those of Sail, which may not have started."""
        return self._is_sail or _FAILURE in os.environ

    @property
    def session(self) -> Any:
        """The active session.

        :raises ImportError: Spark cannot be imported.
        :raises RuntimeError: Spark is missing, or the workspace could not start it.
        """
        if self._session is None:
            try:
                import pyspark.sql  # noqa: F401  # it starts the session
            except ImportError as error:
                if not (error.name or "").startswith("pyspark"):
                    raise  # it says what else is missing, such as pandas
                raise RuntimeError(INSTALL_ADVICE) from None
        if self._session is None:  # scripts with a pyspark of their own configure it themselves
            from pyspark.sql import SparkSession

            self._session = SparkSession.builder.getOrCreate()
        return self._session

    def save(self) -> None:
        """Save the catalog, so that later runs see the tables of this task."""
        if self._is_sail and self._session is not None:
            from ..tables.spark_catalog import save_catalog

            try:
                save_catalog(self._session)
            except Exception as error:  # the task's own result counts
                print(f"Later runs may not see new tables of this task: {error}", file=sys.stderr)

    @contextmanager
    def _synchronize(self) -> Iterator[None]:
        """Save the tables of the task before a request, and load those of the workspace after."""
        self.save()
        try:
            yield
        finally:
            if self._session is not None:
                from ..tables.spark_catalog import load_catalog

                load_catalog(self._session)

    def _start(self) -> None:
        if self._session is not None:  # the module is loaded again
            return
        if message := os.environ.get(_FAILURE):
            raise RuntimeError(message)
        if self._is_sail:
            self._session = _connect(self._payload, self._paths)
        else:
            _prepare_session()
            if self._payload["kind"] == "notebook":
                from pyspark.sql import SparkSession

                self._session = SparkSession.builder.getOrCreate()


def _connect(payload: dict[str, Any], paths: WorkspacePaths) -> Any:
    """Return the session of the task's run on Sail, with the tables of the workspace."""
    _prepare_client()
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from ..statements.sail_sql import SailSql
    from ..tables.spark_catalog import list_saved_catalogs, load_catalog
    from .new_catalogs import Catalogs
    from .pyspark_patches import ZONE, patch_pyspark

    session = SparkSession.builder.getOrCreate()
    session.client.set_retry_policies([DefaultPolicy(max_retries=_MAX_RETRIES)])
    catalogs = Catalogs(session)  # it remembers the settings that follow
    folder = os.environ["LAKEFLOW_LOCAL_SPARK"]
    fixed = {**_FIXED, "spark.sql.warehouse.dir": os.path.join(folder, "warehouse")}
    for key, value in {**_TAGS, **payload["spark_settings"], **fixed}.items():
        session.conf.set(key, value)
    load_catalog(session)
    catalogs.require(*sorted(list_saved_catalogs(folder)))
    patch_pyspark(
        type(session),
        SailSql(session, payload["mounts"], paths, catalogs.require),
        paths.translate_uri,
        (payload["root"], payload["folder"]),
        payload.get("packages"),
    )
    # By default, Sail takes that of the machine.
    session.conf.set(ZONE, payload["spark_settings"].get(ZONE, "UTC"))
    return session


def _prepare_client() -> None:
    """Let the client of Spark Connect take any pandas, and batches and plans of any size."""
    import pyspark
    from pyspark.sql.pandas import utils

    # pyspark.testing looks for it, and ends the process without it.
    os.environ.setdefault("SPARK_HOME", os.path.dirname(pyspark.__file__))
    # Tasks list an older pandas, as clusters have, or a newer one. Modules import this by name.
    check: Any = utils.require_minimum_pandas_version
    check.__code__ = (lambda: None).__code__
    from pyspark.sql.connect.client import ChannelBuilder

    # Each step of a frame is in the one after it.
    sys.setrecursionlimit(max(_MAX_DEPTH, sys.getrecursionlimit()))
    # Sail sends a batch of rows as a whole, which may exceed the limits of the client.
    limits = ChannelBuilder.GRPC_DEFAULT_OPTIONS
    ChannelBuilder.GRPC_DEFAULT_OPTIONS = [(name, -1) for name, _ in limits]


def lock_metastore() -> None:
    """Wait until no other task has the metastore open, and keep them away until this one ends."""
    if "LAKEFLOW_LOCAL_SPARK" not in os.environ:
        return
    import fcntl  # few tasks need it

    path = os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "metastore.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Waiting for another task that uses Spark.", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    _locks.append(lock)


def _prepare_session() -> None:
    """Let tasks that use Spark run one after the other: one process at a time opens a metastore."""
    if "SPARK_CONF_DIR" not in os.environ or "SPARK_REMOTE" in os.environ:
        return
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.Builder
    get_or_create = builder.getOrCreate

    def get_or_create_locked(self: Any) -> Any:
        if not _locks:
            lock_metastore()
        return get_or_create(self)

    builder.getOrCreate = get_or_create_locked
