"""Methods of frames and sessions that Databricks has beside those of Spark."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Databricks, documentation of Spark configuration properties: set on each cluster.
_TAGS = {
    "spark.databricks.clusterUsageTags.clusterId": "local",
    "spark.databricks.clusterUsageTags.clusterName": "local",
    "spark.databricks.clusterUsageTags.clusterOwnerOrgId": "0",
    "spark.databricks.clusterUsageTags.sparkVersion": "local",
    "spark.databricks.workspaceUrl": "localhost",
}


def serve_displays() -> None:
    """Let frames be displayed, and sessions know the settings of a cluster."""
    from pyspark.sql.connect.catalog import Catalog
    from pyspark.sql.connect.conf import RuntimeConf
    from pyspark.sql.connect.dataframe import DataFrame

    frame_class: Any = DataFrame
    frame_class.display = lambda self, *_, **__: self.show(truncate=False)
    frame_class.approxQuantile = _find_quantiles
    conf_class: Any = RuntimeConf
    get = conf_class.get

    def get_setting(self: Any, key: str, *default: Any, **named: Any) -> Any:
        if key in _TAGS and not default and not named:
            return get(self, key, _TAGS[key])
        return get(self, key, *default, **named)

    conf_class.get = get_setting
    catalog_class: Any = Catalog
    for name in (
        "cacheTable",
        "refreshTable",
        "refreshByPath",
        "recoverPartitions",
        "uncacheTable",
    ):
        setattr(catalog_class, name, lambda self, *_: None)  # Sail keeps no copies
    catalog_class.clearCache = lambda self: None
    catalog_class.isCached = lambda self, _: False


def _find_quantiles(
    self: Any,
    col: Any,
    probabilities: Any,
    relativeError: float,  # noqa: N803 (its name in Spark)
) -> Any:
    """Return quantiles by an aggregate, as Sail lacks the method."""
    from pyspark.sql import functions

    names = [col] if isinstance(col, str) else col
    found = [
        [
            float(self.select(functions.percentile_approx(name, float(each))).first()[0])
            for each in probabilities
        ]
        for name in names
    ]
    return found[0] if isinstance(col, str) else found
