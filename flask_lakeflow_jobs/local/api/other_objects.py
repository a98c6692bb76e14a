"""Endpoints of what a bundle may have beside its jobs: apps, dashboards and registered models.

They are kept and shown, so that a deployment succeeds. None of them runs.
Sources: databricks-sdk, ``service/apps.py``, ``service/dashboards.py`` and ``service/catalog.py``;
databricks/cli, ``libs/testserver``.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from ..clock import Clock
from ..errors import ApiError, InvalidParameterValue, ResourceDoesNotExist
from .catalog_objects import parse_name
from .kept_objects import KeptObjects
from .request import Request, Routes
from .serializers import Json

_APP_NAME = re.compile("[a-z0-9-]{2,30}")
#: Fields of requests that are no settings of an object.
_OF_REQUEST = {"dataset_catalog", "dataset_schema", "etag", "id", "no_compute", "update_mask"}
#: Those of an object that must be text.
_TEXTS = ("comment", "description", "display_name", "owner", "parent_path")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of objects.

    :param path: of its endpoint.
    :param id_field: of an object in a response.
    :param list_field: of all objects in a response.
    :param read_id: returns the id of an object that a request creates.
    """

    noun: str
    path: str
    id_field: str
    list_field: str
    read_id: Callable[[Request], str]


class OtherObjectEndpoints:
    """The handlers of ``apps``, ``lakeview/dashboards`` and ``unity-catalog/models``.

    :param user: the creator of all objects.
    """

    def __init__(self, objects: KeptObjects, user: str, clock: Clock) -> None:
        self._objects = objects
        self._user = user
        self._clock = clock
        self.routes: Routes = {
            ("GET", "apps"): partial(self.list, _APP),
            ("POST", "apps"): partial(self.create, _APP),
            ("GET", "apps/{id}"): partial(self.get, _APP),
            ("PATCH", "apps/{id}"): partial(self.update, _APP),
            ("DELETE", "apps/{id}"): partial(self.delete, _APP),
            ("GET", "lakeview/dashboards"): partial(self.list, _DASHBOARD),
            ("POST", "lakeview/dashboards"): partial(self.create, _DASHBOARD),
            ("GET", "lakeview/dashboards/{id}"): partial(self.get, _DASHBOARD),
            ("PATCH", "lakeview/dashboards/{id}"): partial(self.update, _DASHBOARD),
            ("DELETE", "lakeview/dashboards/{id}"): partial(self.delete, _DASHBOARD),
            ("GET", "unity-catalog/models"): partial(self.list, _MODEL),
            ("POST", "unity-catalog/models"): partial(self.create, _MODEL),
            ("GET", "unity-catalog/models/{id}"): partial(self.get, _MODEL),
            ("PATCH", "unity-catalog/models/{id}"): partial(self.update, _MODEL),
            ("DELETE", "unity-catalog/models/{id}"): partial(self.delete, _MODEL),
            ("GET", "apps/{id}/update"): self.get_app_update,
            ("POST", "apps/{id}/update"): self.update_app,
            ("POST", "apps/{id}/deployments"): self.refuse_to_run,
            ("POST", "apps/{id}/start"): self.refuse_to_run,
            ("GET", "lakeview/dashboards/{id}/published"): self.get_published,
            ("POST", "lakeview/dashboards/{id}/published"): self.publish,
            ("DELETE", "lakeview/dashboards/{id}/published"): self.unpublish,
        }

    def list(self, kind: _Kind, _request: Request) -> Json:
        found = self._objects.find_all(kind.path)
        return {kind.list_field: [self._serialize(kind, each, found[each]) for each in found]}

    def create(self, kind: _Kind, request: Request) -> Json:
        new_id = kind.read_id(request)
        if self._objects.has(f"{kind.path}/{new_id}"):
            message = f"{kind.noun} {new_id} already exists."
            raise ApiError(409, "RESOURCE_ALREADY_EXISTS", message)
        fields = {**_read_settings(request), "create_time": self._now(), "update_time": self._now()}
        self._objects.create(f"{kind.path}/{new_id}", fields)
        return self._serialize(kind, new_id, fields)

    def get(self, kind: _Kind, request: Request) -> Json:
        return self._find(kind, request.fields["id"])

    def update(self, kind: _Kind, request: Request) -> Json:
        return self._update(kind, request.fields["id"], request)

    def delete(self, kind: _Kind, request: Request) -> Json:
        found = self._find(kind, request.fields["id"])
        self._objects.delete(f"{kind.path}/{request.fields['id']}")
        if kind is _DASHBOARD:
            self._objects.delete(f"published/{request.fields['id']}")
        return found

    def update_app(self, request: Request) -> Json:
        """``POST apps/{name}/update``: change the fields of ``app`` at once."""
        self.find_app(request.fields["id"])
        changes = request.require_object("app")
        self._update(_APP, request.fields["id"], Request(request.version, changes))
        return self.get_app_update(request)

    def get_app_update(self, request: Request) -> Json:
        self.find_app(request.fields["id"])
        return {"status": {"state": "SUCCEEDED"}}

    def refuse_to_run(self, request: Request) -> Json:
        self.find_app(request.fields["id"])
        raise InvalidParameterValue(
            "The local workspace keeps apps, but does not run them. Start the app with its own "
            "command, and with DATABRICKS_HOST and DATABRICKS_TOKEN of the workspace."
        )

    def publish(self, request: Request) -> Json:
        """``POST lakeview/dashboards/{id}/published``."""
        dashboard = self._find(_DASHBOARD, request.fields["id"])
        published = {
            "display_name": dashboard.get("display_name"),
            "warehouse_id": request.read_text("warehouse_id") or dashboard.get("warehouse_id"),
            "embed_credentials": request.read_bool("embed_credentials"),
            "revision_create_time": self._now(),
        }
        self._objects.create(f"published/{request.fields['id']}", published)
        return published

    def get_published(self, request: Request) -> Json:
        published = self._objects.find(f"published/{request.fields['id']}")
        if published is None:
            raise ResourceDoesNotExist(f"Dashboard {request.fields['id']} is not published.")
        return published

    def unpublish(self, request: Request) -> Json:
        self._find(_DASHBOARD, request.fields["id"])
        self._objects.delete(f"published/{request.fields['id']}")
        return {}

    def find_app(self, name: str) -> Json:
        """Return an app.

        :raises ApiError: it does not exist.
        """
        return self._find(_APP, name)

    def find_dashboard(self, dashboard_id: str) -> Json:
        """Return a dashboard.

        :raises ApiError: it does not exist.
        """
        return self._find(_DASHBOARD, dashboard_id)

    def _find(self, kind: _Kind, own_id: str) -> Json:
        fields = self._objects.find(f"{kind.path}/{own_id}")
        if fields is None:
            raise ResourceDoesNotExist(f"{kind.noun} {own_id} does not exist.")
        return self._serialize(kind, own_id, fields)

    def _update(self, kind: _Kind, own_id: str, request: Request) -> Json:
        revision = self._find(kind, own_id).get("etag") or 1
        changes = {**_read_settings(request), "update_time": self._now()}
        if kind is _DASHBOARD:
            changes["etag"] = str(int(revision) + 1)
        self._objects.update(f"{kind.path}/{own_id}", changes)
        return self._find(kind, own_id)

    def _serialize(self, kind: _Kind, own_id: str, fields: Json) -> Json:
        fixed: Json = {kind.id_field: own_id}
        if kind is _APP:
            message = "The local workspace does not run apps."
            fixed["compute_status"] = {"state": "STOPPED", "message": message}
            fixed["app_status"] = {"state": "UNAVAILABLE", "message": message}
        elif kind is _DASHBOARD:
            parent = fields.get("parent_path") or f"/Users/{self._user}"
            fixed["parent_path"] = parent = parent.removeprefix("/Workspace")
            fixed["path"] = f"{parent}/{fields['display_name']}.lvdash.json"
            fixed["lifecycle_state"] = "ACTIVE"
        return {"creator": self._user, "owner": self._user, "etag": "1", **fields, **fixed}

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock.time(), timezone.utc).isoformat()


def _read_settings(request: Request) -> Json:
    for field in _TEXTS:
        request.read_text(field)
    return {key: value for key, value in request.fields.items() if key not in _OF_REQUEST}


def _read_app_name(request: Request) -> str:
    name = request.require_text("name")
    if not _APP_NAME.fullmatch(name):
        raise InvalidParameterValue(
            f"{name!r} is not a valid name of an app. Use 2 to 30 lowercase letters, digits and "
            "hyphens."
        )
    return name


def _create_dashboard_id(request: Request) -> str:
    request.require_text("display_name")
    return secrets.token_hex(16)


def _read_model_name(request: Request) -> str:
    text = ".".join(map(request.require_text, ("catalog_name", "schema_name", "name")))
    return ".".join(parse_name(text, 3)).lower()


_APP = _Kind("App", "apps", "name", "apps", _read_app_name)
_DASHBOARD = _Kind(
    "Dashboard", "lakeview/dashboards", "dashboard_id", "dashboards", _create_dashboard_id
)
_MODEL = _Kind(
    "Registered model", "unity-catalog/models", "full_name", "registered_models", _read_model_name
)
