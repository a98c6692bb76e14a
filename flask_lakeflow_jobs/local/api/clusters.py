"""Endpoints of clusters, of which there are none: ``clusters/…``.

Clients list them to test a connection, and scripts select a kind of node for the jobs they create.
"""

from __future__ import annotations

from ..errors import InvalidParameterValue
from .request import Request, Routes
from .serializers import Json

# Scripts that create jobs select one (``clusters.select_node_type``).
_NODE_TYPES = [
    {
        "node_type_id": "i3.xlarge",
        "instance_type_id": "i3.xlarge",
        "description": "i3.xlarge",
        "category": "Storage Optimized",
        "memory_mb": 31232,
        "num_cores": 4.0,
        "node_instance_type": {"instance_type_id": "i3.xlarge", "local_nvme_disks": 1},
    }
]
_SPARK_VERSIONS = [
    {"key": "16.4.x-scala2.12", "name": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"}
]


def _get_cluster(request: Request) -> Json:
    raise InvalidParameterValue(
        f"Cluster {request.require_text('cluster_id')} does not exist. The local workspace has no "
        "clusters: tasks run on this machine."
    )


#: The handlers of ``clusters/…``.
CLUSTER_ROUTES: Routes = {
    ("GET", "clusters/list"): lambda request: {},
    ("GET", "clusters/get"): _get_cluster,
    ("GET", "clusters/list-node-types"): lambda request: {"node_types": _NODE_TYPES},
    ("GET", "clusters/spark-versions"): lambda request: {"versions": _SPARK_VERSIONS},
}
