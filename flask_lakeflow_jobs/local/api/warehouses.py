"""Endpoints of compute: ``sql/warehouses/…`` and ``clusters/…``.

The workspace has one SQL warehouse, its DuckDB database. Those that clients create are other names
for it. It also answers to each ``warehouse_id`` that a job names, so that a deployment finds the
warehouse that it looks up. It answers to each other value in the settings of a job, since jobs pass
on in parameters what they look up. It answers to any other id of 16 hexadecimal digits, since code
often names the warehouse of its author. There are no clusters.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidParameterValue, ResourceDoesNotExist
from ..registry import Registry
from .kept_objects import KeptObjects
from .request import Request, Routes
from .serializers import Json

#: The id of the warehouse, like those of the service 16 hexadecimal digits.
WAREHOUSE_ID = "10ca10ca10ca10ca"
_IDS = re.compile("[0-9a-f]{16}")
#: Public bundles look up a warehouse of this name.
_NAME = "Serverless Starter Warehouse"
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
        "is_io_cache_enabled": True,
        "photon_driver_capable": True,
        "photon_worker_capable": True,
        "support_port_forwarding": True,
        "node_instance_type": {
            "instance_type_id": "i3.xlarge",
            "local_disks": 0,
            "local_nvme_disks": 1,
            "local_nvme_disk_size_gb": 950,
        },
    }
]
_RUNNING, _STOPPED = "RUNNING", "STOPPED"
_KIND = "sql/warehouses"
#: The fields of a request that are kept.
_SETTINGS = {
    "auto_stop_mins",
    "channel",
    "cluster_size",
    "creator_name",
    "enable_photon",
    "enable_serverless_compute",
    "instance_profile_arn",
    "max_num_clusters",
    "min_num_clusters",
    "name",
    "spot_instance_policy",
    "tags",
    "warehouse_type",
}


class WarehouseEndpoints:
    """The handlers of ``sql/warehouses/…`` and ``clusters/…``.

    :param objects: the settings of warehouses that clients created or edited.
    :param host: the address of the workspace.
    """

    def __init__(self, registry: Registry, objects: KeptObjects, host: str) -> None:
        self._registry = registry
        self._objects = objects
        self._host = urlsplit(host)
        self._stopped: set[str] = set()
        self.routes: Routes = {
            ("GET", "sql/warehouses"): self.list,
            ("POST", "sql/warehouses"): self.create,
            ("GET", "sql/warehouses/{id}"): self.get,
            ("POST", "sql/warehouses/{id}/edit"): self.edit,
            ("DELETE", "sql/warehouses/{id}"): self.delete,
            ("POST", "sql/warehouses/{id}/start"): self.start,
            ("POST", "sql/warehouses/{id}/stop"): self.stop,
            ("GET", "clusters/list"): lambda request: {},
            ("GET", "clusters/get"): self.get_cluster,
            ("GET", "clusters/list-node-types"): lambda request: {"node_types": _NODE_TYPES},
            ("GET", "clusters/spark-versions"): lambda request: {"versions": _SPARK_VERSIONS},
        }

    def list(self, request: Request) -> Json:
        found = self._find_all()
        return {"warehouses": [self._serialize(*each) for each in found.items()]}

    def get(self, request: Request) -> Json:
        warehouse_id = self.find(request.fields["id"])
        return self._serialize(warehouse_id, self._find_all().get(warehouse_id, {}))

    def create(self, request: Request) -> Json:
        """``POST sql/warehouses``: another name of the one that there is."""
        request.require_text("name")
        warehouse_id = secrets.token_hex(8)
        self._objects.create(_path(warehouse_id), _read_settings(request))
        return {"id": warehouse_id}

    def edit(self, request: Request) -> Json:
        warehouse_id = self.find(request.fields["id"])
        request.read_text("name")
        self._objects.update(_path(warehouse_id), _read_settings(request))
        return {}

    def delete(self, request: Request) -> Json:
        self._objects.delete(_path(self.find(request.fields["id"])))
        return {}

    def start(self, request: Request) -> Json:
        self.wake(request.fields["id"])
        return {}

    def stop(self, request: Request) -> Json:
        """``POST sql/warehouses/{id}/stop``: it starts again by itself."""
        self._stopped.add(self.find(request.fields["id"]))
        return {}

    def get_cluster(self, request: Request) -> Json:
        raise InvalidParameterValue(
            f"Cluster {request.require_text('cluster_id')} does not exist. The local workspace has "
            "no clusters: tasks run on this machine."
        )

    def find(self, warehouse_id: str) -> str:
        """Return the id of a warehouse.

        :raises ApiError: there is none with this id.
        """
        if not _IDS.fullmatch(warehouse_id) and not self._is_in_a_job(warehouse_id):
            raise ResourceDoesNotExist(
                f"SQL warehouse {warehouse_id} does not exist. Use {WAREHOUSE_ID}, or any other id "
                "of 16 hexadecimal digits."
            )
        return warehouse_id

    def wake(self, warehouse_id: str) -> None:
        """Start a warehouse.

        :raises ApiError: there is none with this id.
        """
        self._stopped.discard(self.find(warehouse_id))

    def _is_in_a_job(self, warehouse_id: str) -> bool:
        return any(_has_value(job.settings, warehouse_id) for job in self._registry.all())

    def _find_all(self) -> dict[str, Json]:
        """Return the settings of the warehouses by id."""
        named = {each for job in self._registry.all() for each in _find_ids(job.settings)}
        found = {
            WAREHOUSE_ID: {"name": _NAME},
            **{each: {} for each in sorted(named - {WAREHOUSE_ID})},
        }
        for each, settings in self._objects.find_all(_KIND).items():
            found[each] = {**found.get(each, {}), **settings}
        return found

    def _serialize(self, warehouse_id: str, settings: Json) -> Json:
        is_running = warehouse_id not in self._stopped
        path = f"/sql/1.0/warehouses/{warehouse_id}"
        return {
            "name": warehouse_id,
            "cluster_size": "2X-Small",
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "num_clusters": int(is_running),
            "num_active_sessions": 0,
            "auto_stop_mins": 10,
            "creator_name": self._registry.user,
            "warehouse_type": "PRO",
            "enable_photon": True,
            "enable_serverless_compute": True,
            "spot_instance_policy": "COST_OPTIMIZED",
            "channel": {"name": "CHANNEL_NAME_CURRENT"},
            **settings,
            "id": warehouse_id,
            "state": _RUNNING if is_running else _STOPPED,
            "health": {"status": "HEALTHY"},
            "odbc_params": {
                "hostname": self._host.hostname,
                "path": path,
                "port": self._host.port,
                "protocol": "https",
            },
        }


def _path(warehouse_id: str) -> str:
    """Return the key of a warehouse among the objects that are kept, and in permissions."""
    return f"{_KIND}/{warehouse_id}"


def _read_settings(request: Request) -> Json:
    return {key: value for key, value in request.fields.items() if key in _SETTINGS}


def _find_ids(value: Any) -> Iterator[str]:
    """Yield each ``warehouse_id`` in the settings of a job."""
    if isinstance(value, list):
        for each in value:
            yield from _find_ids(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "warehouse_id" and isinstance(each, str) and each:
                yield each
            else:
                yield from _find_ids(each)


def _has_value(settings: Any, text: str) -> bool:
    if isinstance(settings, dict):
        settings = list(settings.values())
    if isinstance(settings, list):
        return any(_has_value(each, text) for each in settings)
    return bool(settings == text)
