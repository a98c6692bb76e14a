"""Endpoints of compute: ``clusters/…``. There are no clusters: tasks run on this machine."""

from __future__ import annotations

from .request import Routes

# Airflow's button that tests a connection lists them.
_SPARK_VERSIONS = [
    {"key": "16.4.x-scala2.12", "name": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"}
]
# Scripts that create jobs select one (``clusters.select_node_type``).
_NODE_TYPES = [
    {
        "node_type_id": "i3.xlarge",
        "instance_type_id": "i3.xlarge",
        "description": "i3.xlarge",
        "category": "Storage Optimized",
        "memory_mb": 31232,
        "num_cores": 4.0,
        "num_gpus": 0,
    }
]


class ClusterEndpoints:
    """The lists that clients read before they create a job."""

    def __init__(self) -> None:
        self.routes: Routes = {
            ("GET", "clusters/list"): lambda request: {},
            ("GET", "clusters/list-node-types"): lambda request: {"node_types": _NODE_TYPES},
            ("GET", "clusters/spark-versions"): lambda request: {"versions": _SPARK_VERSIONS},
        }
