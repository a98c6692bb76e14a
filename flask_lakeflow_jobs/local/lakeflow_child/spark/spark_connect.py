"""Connects a task to Sail."""

from __future__ import annotations

import os
from typing import Any

from ..workspace_paths import WorkspacePaths

_MAX_RETRIES = 4  # takes some seconds; by default a call waits for ten minutes for a lost server


def connect(payload: dict[str, Any], paths: WorkspacePaths) -> Any:
    """Return the session of the task's run, with the tables of the workspace.

    :param payload: of the task.
    :param paths: translates paths of the workspace.
    """
    import pyspark
    from pyspark.sql import SparkSession
    from pyspark.sql.pandas import utils

    # pyspark.testing looks for it, and ends the process without it.
    os.environ.setdefault("SPARK_HOME", os.path.dirname(pyspark.__file__))

    # Tasks list an older pandas, as clusters have, or a newer one. Modules import this by name.
    check: Any = utils.require_minimum_pandas_version
    check.__code__ = (lambda: None).__code__
    from pyspark.sql.connect.client.retries import DefaultPolicy

    from .new_catalogs import Catalogs
    from .pyspark_patches import ZONE, patch_pyspark
    from .sail_sql import SailSql
    from .spark_catalog import load_catalog

    session = SparkSession.builder.getOrCreate()
    session.client.set_retry_policies([DefaultPolicy(max_retries=_MAX_RETRIES)])
    catalogs = Catalogs(session)  # it remembers the settings that follow
    for key, value in payload["spark_settings"].items():
        session.conf.set(key, value)
    session.conf.set("spark.sql.sources.default", "delta")
    # Sail has no ids of rows for the default of pandas on Spark.
    session.conf.set("pandas_on_Spark.compute.default_index_type", '"sequence"')
    session.conf.set(
        "spark.sql.warehouse.dir", os.path.join(os.environ["LAKEFLOW_LOCAL_SPARK"], "warehouse")
    )
    load_catalog(session)
    catalogs.require_saved()
    patch_pyspark(
        type(session),
        SailSql(type(session).sql, payload["mounts"], paths, catalogs),
        paths.translate_uri,
        (payload["root"], payload["folder"]),
    )
    # By default, Sail takes that of the machine.
    session.conf.set(ZONE, payload["spark_settings"].get(ZONE, "UTC"))
    return session
