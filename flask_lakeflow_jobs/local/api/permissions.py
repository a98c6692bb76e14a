"""Endpoints of permissions on jobs: ``permissions/jobs/{id}``.

Permissions are kept and shown, not enforced: the one user of the workspace may do everything.
Sources: databricks-sdk, ``service/iam.py``; databricks/cli, ``libs/testserver/permissions.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import InvalidParameterValue, JobDoesNotExist, ResourceDoesNotExist
from ..registry import Registry
from ..store.runs import RunStore
from .request import Request, Routes
from .serializers import Json

#: A user, a group or a service principal, by the field that names it, and the level granted to it.
Entry = Mapping[str, str]

_PATH = "permissions/jobs/{job_id}"
_OWNER = "IS_OWNER"
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")
_LEVELS = {
    "CAN_VIEW": "Can view the job and its runs",
    "CAN_MANAGE_RUN": "Can view, trigger and cancel runs of the job",
    _OWNER: "Can do anything with the job, and its runs act as the owner",
    "CAN_MANAGE": "Can do anything with the job but own it",
}
_INHERITED = {"inherited": True, "inherited_from_object": ["/jobs/"]}
_ADMINS = {
    "group_name": "admins",
    "all_permissions": [{"permission_level": "CAN_MANAGE", **_INHERITED}],
}


class PermissionEndpoints:
    def __init__(self, registry: Registry, run_store: RunStore) -> None:
        self._registry = registry
        self._run_store = run_store
        self.routes: Routes = {
            ("GET", _PATH): self.get,
            ("PUT", _PATH): self.set,
            ("PATCH", _PATH): self.update,
            ("GET", f"{_PATH}/permissionLevels"): self.levels,
        }

    def get(self, request: Request) -> Json:
        job_id = self._find(request)
        return self._serialize(job_id, self._load(job_id))

    def set(self, request: Request) -> Json:
        """``PUT``: replace all entries."""
        return self._save(self._find(request), parse_entries(request))

    def update(self, request: Request) -> Json:
        """``PATCH``: replace the entries of the principals named."""
        job_id, changes = self._find(request), parse_entries(request)
        with self._run_store.exclusive():
            return self._save(job_id, _merge_entries([*self._load(job_id), *changes]))

    def levels(self, request: Request) -> Json:
        self._find(request)
        levels = [{"permission_level": each, "description": _LEVELS[each]} for each in _LEVELS]
        return {"permission_levels": levels}

    def _find(self, request: Request) -> int:
        try:
            return self._registry.find(request.require_int("job_id")).job_id
        except JobDoesNotExist as error:
            raise ResourceDoesNotExist(error.message) from None

    def _load(self, job_id: int) -> list[Entry]:
        with self._run_store.exclusive() as store:
            saved = store.load_permissions(f"jobs/{job_id}")
        return add_owner([], self._registry.user) if saved is None else saved

    def _save(self, job_id: int, entries: list[Entry]) -> Json:
        _check_owner(entries)
        with self._run_store.exclusive() as store:
            store.save_permissions(f"jobs/{job_id}", entries)
        return self._serialize(job_id, entries)

    def _serialize(self, job_id: int, entries: Iterable[Entry]) -> Json:
        return {
            "object_id": f"/jobs/{job_id}",
            "object_type": "job",
            "access_control_list": [*map(_serialize_entry, entries), _ADMINS],
        }


def parse_entries(request: Request) -> list[Entry]:
    """Read the ``access_control_list`` of a request; the last entry of a principal counts.

    :raises ApiError: an entry is invalid.
    """
    return _merge_entries(map(_parse_entry, request.read_items("access_control_list")))


def add_owner(entries: list[Entry], user: str) -> list[Entry]:
    """Return the entries of a new job, which its creator owns unless another one is named.

    :raises ApiError: several owners are named.
    """
    if not any(each["permission_level"] == _OWNER for each in entries):
        entries = _merge_entries([*entries, {"user_name": user, "permission_level": _OWNER}])
    _check_owner(entries)
    return entries


def _parse_entry(fields: Request) -> Entry:
    names = [name for name in _PRINCIPALS if fields.read_text(name)]
    if len(names) != 1:
        raise InvalidParameterValue(
            f"Each entry of access_control_list needs exactly one of {', '.join(_PRINCIPALS)}."
        )
    fields.require_text("permission_level")
    level = fields.read_choice("permission_level", tuple(_LEVELS))
    return {names[0]: fields.fields[names[0]], "permission_level": level}


def _merge_entries(entries: Iterable[Entry]) -> list[Entry]:
    """Keep the last entry of each principal."""
    return list({_principal(each): each for each in entries}.values())


def _principal(entry: Entry) -> tuple[str, str]:
    (name,) = (name for name in _PRINCIPALS if name in entry)
    return name, entry[name]


def _check_owner(entries: Iterable[Entry]) -> None:
    if sum(each["permission_level"] == _OWNER for each in entries) != 1:
        raise InvalidParameterValue("The job must have exactly one owner.")


def _serialize_entry(entry: Entry) -> Json:
    field, name = _principal(entry)
    display_name = {} if field == "group_name" else {"display_name": name.partition("@")[0]}
    level = {"permission_level": entry["permission_level"], "inherited": False}
    return {field: name, **display_name, "all_permissions": [level]}
