"""Connects a task to Sail, and makes its session behave as on Databricks."""

from __future__ import annotations

import os
import sys
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..workspace_paths import WorkspacePaths

_MAX_RETRIES = 4  # takes some seconds; by default a call waits for ten minutes for a lost server


def connect(payload: dict[str, Any], paths: WorkspacePaths) -> Any:
    """Return the session of the task's run, with the tables of the workspace.

    :param payload: of the task.
    :param paths: translates paths of the workspace.
    """
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from .spark_catalog import load_catalog
    from .spark_schemas import serve_schemas
    from .spark_streams import serve_streams

    _ignore_master(SparkSession)
    session = SparkSession.builder.getOrCreate()
    _keep_alive(type(session))
    session.client.set_retry_policies([DefaultPolicy(max_retries=_MAX_RETRIES)])
    _pickle_own_modules((payload["root"], payload["folder"]))
    session.conf.set("spark.sql.sources.default", "delta")
    session.conf.set(
        "spark.sql.warehouse.dir", os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "warehouse")
    )
    load_catalog(session)
    serve_schemas()
    paths.install_in_spark()
    serve_streams(type(session), paths.translate)
    _extend_sql(type(session), payload["mounts"], paths)
    return session


def _ignore_master(session_class: Any) -> None:
    """Ignore ``.master("local[*]")``, as Databricks does; Spark Connect refuses it."""
    session_class.Builder.master = lambda self, master: self


def _keep_alive(session_class: Any) -> None:
    """Let ``spark.stop()`` do nothing: other tasks of the run use the session too."""
    session_class.stop = lambda self: None


def _extend_sql(session_class: Any, mounts: dict[str, str], paths: WorkspacePaths) -> None:
    """Run statements of Databricks that Sail lacks."""
    from .delta_log import replace_descriptions
    from .read_files import replace_read_files
    from .spark_sql import insert_parameters, is_query, rewrite

    run = session_class.sql

    def sql(self: Any, sqlQuery: str, args: Any = None, **names: Any) -> Any:  # noqa: N803
        sqlQuery = paths.translate_sql(sqlQuery)  # noqa: N806
        sqlQuery = replace_descriptions(sqlQuery, lambda text: run(self, text))  # noqa: N806

        def evaluate(expression: str) -> Any:
            ((value,),) = run(self, f"SELECT {expression}", args, **names).collect()
            return value

        sqlQuery = replace_read_files(sqlQuery, self, evaluate, paths.translate)  # noqa: N806
        if is_query(sqlQuery):
            return run(self, sqlQuery, args, **names)
        statement = insert_parameters(sqlQuery, args) if isinstance(args, dict) else sqlQuery
        return run(self, rewrite(statement, lambda text: run(self, text), mounts), **names)

    session_class.sql = sql


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
