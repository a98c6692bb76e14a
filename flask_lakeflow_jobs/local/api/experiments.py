"""Endpoints of MLflow's experiments: ``mlflow/experiments/…``.

They are kept and shown, so that a deployment succeeds. Tasks log into a store of their own.
Sources: databricks-sdk, ``service/ml.py``; databricks/cli, ``libs/testserver/experiments.go``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from ..clock import Clock
from ..errors import ApiError, ResourceDoesNotExist
from .kept_objects import KeptObjects
from .request import Request, Routes
from .serializers import Json

_KIND = "experiments"
_NAME_TAG = "mlflow.experiment.sourceName"


class ExperimentEndpoints:
    """The handlers of ``mlflow/experiments/…``.

    :param user: the owner of all experiments.
    """

    def __init__(self, objects: KeptObjects, user: str, clock: Clock) -> None:
        self._objects = objects
        self._user = user
        self._clock = clock
        self.routes: Routes = {
            ("POST", "mlflow/experiments/create"): self.create,
            ("GET", "mlflow/experiments/get"): self.get,
            ("GET", "mlflow/experiments/get-by-name"): self.get_by_name,
            ("GET", "mlflow/experiments/list"): self.list,
            ("POST", "mlflow/experiments/update"): self.update,
            ("POST", "mlflow/experiments/set-experiment-tag"): self.set_tag,
            ("POST", "mlflow/experiments/delete"): self.delete,
        }

    def create(self, request: Request) -> Json:
        name = _read_name(request, "name")
        self._check_free(name)
        new_id = str(10**15 + secrets.randbelow(9 * 10**15))
        now = self._now()
        fields = {
            "name": name,
            "artifact_location": request.read_text("artifact_location")
            or f"dbfs:/databricks/mlflow-tracking/{new_id}",
            "tags": {
                **dict(map(_read_tag, request.read_items("tags"))),
                "mlflow.ownerEmail": self._user,
                _NAME_TAG: name,
                "mlflow.experimentType": "MLFLOW_EXPERIMENT",
            },
            "lifecycle_stage": "active",
            "creation_time": now,
            "last_update_time": now,
        }
        self._objects.create(f"{_KIND}/{new_id}", fields)
        return {"experiment_id": new_id}

    def get(self, request: Request) -> Json:
        return {"experiment": self.find(request.require_text("experiment_id"))}

    def get_by_name(self, request: Request) -> Json:
        name = _read_name(request, "experiment_name")
        for experiment in self._all():
            if experiment["name"] == name:
                return {"experiment": experiment}
        raise ResourceDoesNotExist(f"Experiment {name!r} does not exist.")

    def list(self, _request: Request) -> Json:
        return {"experiments": [*self._all()]}

    def update(self, request: Request) -> Json:
        """``POST mlflow/experiments/update``: rename an experiment."""
        experiment_id, fields = self._load(request.require_text("experiment_id"))
        new_name = _read_name(request, "new_name")
        if new_name != fields["name"]:
            self._check_free(new_name)
            tags = {**fields["tags"], _NAME_TAG: new_name}
            self._change(experiment_id, name=new_name, tags=tags)
        return {}

    def set_tag(self, request: Request) -> Json:
        experiment_id, fields = self._load(request.require_text("experiment_id"))
        self._change(experiment_id, tags=fields["tags"] | dict([_read_tag(request)]))
        return {}

    def delete(self, request: Request) -> Json:
        experiment_id, _ = self._load(request.require_text("experiment_id"))
        self._objects.delete(f"{_KIND}/{experiment_id}")
        return {}

    def find(self, experiment_id: str) -> Json:
        """Return an experiment.

        :raises ApiError: it does not exist.
        """
        return _serialize(*self._load(experiment_id))

    def _load(self, experiment_id: str) -> tuple[str, Json]:
        fields = self._objects.find(f"{_KIND}/{experiment_id}")
        if fields is None:
            raise ResourceDoesNotExist(f"Experiment {experiment_id} does not exist.")
        return experiment_id, fields

    def _all(self) -> Iterator[Json]:
        for experiment_id, fields in self._objects.find_all(_KIND).items():
            yield _serialize(experiment_id, fields)

    def _check_free(self, name: str) -> None:
        if any(experiment["name"] == name for experiment in self._all()):
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Experiment {name!r} already exists.")

    def _change(self, experiment_id: str, **changes: object) -> None:
        changes["last_update_time"] = self._now()
        self._objects.update(f"{_KIND}/{experiment_id}", changes)

    def _now(self) -> int:
        return round(self._clock.time() * 1000)


def _read_name(request: Request, field: str) -> str:
    """Return a name as the service shows it: without the folder in which all others are."""
    return request.require_text(field).removeprefix("/Workspace")


def _read_tag(request: Request) -> tuple[str, str]:
    return request.require_text("key"), request.read_text("value") or ""


def _serialize(experiment_id: str, fields: Json) -> Json:
    tags = [{"key": key, "value": value} for key, value in fields["tags"].items()]
    return {"experiment_id": experiment_id, **fields, "tags": tags}
