"""Endpoints of permissions: ``permissions/{kind}/{id}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import ApiError, InvalidParameterValue, ResourceDoesNotExist
from ..object_permissions import (
    KINDS,
    Entry,
    ObjectKind,
    check_owner,
    default_entries,
    merge_entries,
    parse_entries,
    serialize,
)
from ..registry import Registry
from ..store.runs import RunStore
from .request import Request, Routes
from .serializers import Json

#: Kinds of objects that have two names: the SDK uses one of them, Terraform the other.
_ALIASES = {"warehouses": "sql/warehouses"}


class PermissionEndpoints:
    """The handlers of ``permissions/…``.

    :param finders: of objects by their kinds. Each raises an ``ApiError`` for an unknown id.
    """

    def __init__(
        self,
        registry: Registry,
        run_store: RunStore,
        finders: Mapping[str, Callable[[str], object]],
    ) -> None:
        self._registry = registry
        self._run_store = run_store
        self._finders = finders
        self.routes: Routes = {
            ("GET", "permissions/{kind}/{object_id}"): self.get,
            ("PUT", "permissions/{kind}/{object_id}"): self.set,
            ("PATCH", "permissions/{kind}/{object_id}"): self.update,
            ("GET", "permissions/{kind}/{object_id}/permissionLevels"): self.levels,
            ("GET", "permissions/sql/{sql_kind}/{object_id}"): self.get,
            ("PUT", "permissions/sql/{sql_kind}/{object_id}"): self.set,
            ("PATCH", "permissions/sql/{sql_kind}/{object_id}"): self.update,
            ("GET", "permissions/sql/{sql_kind}/{object_id}/permissionLevels"): self.levels,
        }

    def get(self, request: Request) -> Json:
        kind, path = self._find(request)
        return serialize(kind, path, self._load(kind, path), self._registry.user)

    def set(self, request: Request) -> Json:
        """``PUT permissions/{kind}/{id}``: replace all entries."""
        kind, path = self._find(request)
        entries = parse_entries(kind, request.fields.get("access_control_list"))
        return self._save(kind, path, entries)

    def update(self, request: Request) -> Json:
        """``PATCH permissions/{kind}/{id}``: replace the entries of the principals named."""
        kind, path = self._find(request)
        changes = parse_entries(kind, request.fields.get("access_control_list"))
        with self._run_store.exclusive():
            return self._save(kind, path, merge_entries(self._load(kind, path), changes))

    def levels(self, request: Request) -> Json:
        kind, _ = self._find(request)
        return {
            "permission_levels": [
                {"permission_level": level, "description": text}
                for level, text in kind.levels.items()
            ]
        }

    def _find(self, request: Request) -> tuple[ObjectKind, str]:
        """Return the kind of an object and its path, as in ``jobs/7``.

        :raises ApiError: the object does not exist, or its kind has no permissions here.
        """
        sql_kind = request.fields.get("sql_kind")
        name = f"sql/{sql_kind}" if sql_kind else request.fields["kind"]
        name = _ALIASES.get(name, name)
        if name not in KINDS:
            raise InvalidParameterValue(
                f"The local workspace has no permissions on {name}. It has those on "
                f"{', '.join(KINDS)}."
            )
        object_id = request.fields["object_id"]
        try:
            if name == "jobs":
                object_id = self._registry.find(request.require_int("object_id")).job_id
            elif name in self._finders:
                self._finders[name](object_id)
            elif name == "clusters":
                raise InvalidParameterValue(f"Cluster {object_id} does not exist")
            else:
                object_id = request.require_int("object_id")
        except ApiError as error:
            raise ResourceDoesNotExist(error.message) from None
        return KINDS[name], f"{name}/{object_id}"

    def _load(self, kind: ObjectKind, path: str) -> list[Entry]:
        with self._run_store.exclusive() as store:
            saved = store.load_permissions(path)
        return default_entries(kind, self._registry.user) if saved is None else saved

    def _save(self, kind: ObjectKind, path: str, entries: list[Entry]) -> Json:
        check_owner(kind, entries)
        with self._run_store.exclusive() as store:
            store.save_permissions(path, entries)
        return serialize(kind, path, entries, self._registry.user)
