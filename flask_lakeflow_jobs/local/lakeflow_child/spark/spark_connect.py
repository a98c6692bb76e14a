"""Connects a task to Sail, and makes its session behave as on Databricks."""

from __future__ import annotations

import os
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..workspace_paths import WorkspacePaths
    from .sail_sql import SailSql

_MAX_RETRIES = 4  # takes some seconds; by default a call waits for ten minutes for a lost server


def connect(payload: dict[str, Any], paths: WorkspacePaths) -> Any:
    """Return the session of the task's run, with the tables of the workspace.

    :param payload: of the task.
    :param paths: translates paths of the workspace.
    """
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from .displays import serve_displays
    from .local_rdds import serve_rdds
    from .multiline_json import serve_multiline_json
    from .new_catalogs import Catalogs
    from .sail_sql import SailSql
    from .spark_catalog import load_catalog
    from .spark_schemas import serve_schemas
    from .spark_streams import serve_streams
    from .table_writers import serve_writers

    _ignore_master(SparkSession)
    session = SparkSession.builder.getOrCreate()
    _keep_alive(type(session))
    session.client.set_retry_policies([DefaultPolicy(max_retries=_MAX_RETRIES)])
    catalogs = Catalogs(session)  # it remembers the settings that follow
    _pickle_own_modules((payload["root"], payload["folder"]))
    session.conf.set("spark.sql.sources.default", "delta")
    session.conf.set(
        "spark.sql.warehouse.dir", os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "warehouse")
    )
    load_catalog(session)
    serve_writers()
    serve_displays()
    serve_rdds(type(session))
    serve_schemas()
    paths.install_in_spark()
    serve_multiline_json(paths.translate)
    serve_streams(type(session), paths.translate)
    catalogs.require_saved()
    _extend_sql(type(session), SailSql(type(session).sql, payload["mounts"], paths, catalogs))
    return session


def _ignore_master(session_class: Any) -> None:
    """Ignore ``.master("local[*]")``, as Databricks does; Spark Connect refuses it."""
    session_class.Builder.master = lambda self, master: self


def _keep_alive(session_class: Any) -> None:
    """Let ``spark.stop()`` do nothing: other tasks of the run use the session too."""
    session_class.stop = lambda self: None


def _extend_sql(session_class: Any, runner: SailSql) -> None:
    """Run statements of Databricks that Sail lacks."""
    from pyspark.sql.connect.catalog import Catalog

    from .spark_catalog import quote_part

    def sql(self: Any, sqlQuery: str, args: Any = None, **names: Any) -> Any:  # noqa: N803
        return runner.sql(self, sqlQuery, args, **names)

    def set_catalog(self: Any, catalogName: str) -> None:  # noqa: N803
        self._sparkSession.sql(f"USE CATALOG {quote_part(catalogName)}")

    session_class.sql = sql
    catalog_class: Any = Catalog
    catalog_class.setCurrentCatalog = set_catalog


def _pickle_own_modules(folders: tuple[str, ...]) -> None:
    """Send the code of the bundle's modules to Sail, which cannot import them."""
    from pyspark import cloudpickle, serializers

    serializer: Any = serializers.CloudPickleSerializer
    dumps = serializer.dumps
    register: Any = cloudpickle.register_pickle_by_value

    def dumps_with_modules(self: Any, value: Any) -> Any:
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(tuple(f"{folder}/" for folder in folders)) and module.__spec__:
                register(module)
        return dumps(self, value)

    serializer.dumps = dumps_with_modules
