"""Endpoints of permissions on jobs: ``permissions/jobs/{id}``.

They are kept and shown, not enforced: the one user of the workspace may do everything.
Source: databricks-sdk, ``service/iam.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import InvalidParameterValue, ResourceDoesNotExist, UnexpectedType
from ..registry import Registry
from ..store.runs import RunStore
from .request import Request, Routes
from .serializers import Json

#: A user, a group or a service principal, by the field that names it, and the level granted to it.
Entry = Mapping[str, str]

_OWNER, _MANAGER = "IS_OWNER", "CAN_MANAGE"
_LEVELS = {
    "CAN_VIEW": "Can view the job and its runs",
    "CAN_MANAGE_RUN": "Can view, trigger and cancel runs of the job",
    _OWNER: "Can do anything with the job, and its runs act as the owner",
    _MANAGER: "Can do anything with the job but own it",
}
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")
_ADMINS: Json = {
    "group_name": "admins",
    "all_permissions": [
        {
            "permission_level": _MANAGER,
            "inherited": True,
            "inherited_from_object": ["/jobs/"],
        }
    ],
}


class PermissionEndpoints:
    """The handlers of ``permissions/jobs/…``."""

    def __init__(self, registry: Registry, run_store: RunStore) -> None:
        self._registry = registry
        self._run_store = run_store
        self.routes: Routes = {
            ("GET", "permissions/jobs/{job_id}"): self.get,
            ("PUT", "permissions/jobs/{job_id}"): self.set,
            ("PATCH", "permissions/jobs/{job_id}"): self.update,
            ("GET", "permissions/jobs/{job_id}/permissionLevels"): self.levels,
        }

    def get(self, request: Request) -> Json:
        path = self._find(request)
        return self._serialize(path, self._load(path))

    def set(self, request: Request) -> Json:
        """``PUT permissions/jobs/{id}``: replace all entries."""
        path = self._find(request)
        return self._save(path, parse_entries(request.fields.get("access_control_list")))

    def update(self, request: Request) -> Json:
        """``PATCH permissions/jobs/{id}``: replace the entries of the principals named."""
        path = self._find(request)
        changes = parse_entries(request.fields.get("access_control_list"))
        with self._run_store.exclusive():
            return self._save(path, merge_entries(self._load(path), changes))

    def levels(self, request: Request) -> Json:
        self._find(request)
        return {
            "permission_levels": [
                {"permission_level": level, "description": text} for level, text in _LEVELS.items()
            ]
        }

    def _find(self, request: Request) -> str:
        """Return the key of a job's permissions.

        :raises ApiError: there is no such job.
        """
        try:
            return f"jobs/{self._registry.find(request.require_int('job_id')).job_id}"
        except InvalidParameterValue as error:
            raise ResourceDoesNotExist(error.message) from None

    def _load(self, path: str) -> list[Entry]:
        with self._run_store.exclusive() as store:
            saved = store.load_permissions(path)
        return complete_entries([], self._registry.user) if saved is None else saved

    def _save(self, path: str, entries: list[Entry]) -> Json:
        _check_owner(entries)
        with self._run_store.exclusive() as store:
            store.save_permissions(path, entries)
        return self._serialize(path, entries)

    def _serialize(self, path: str, entries: Iterable[Entry]) -> Json:
        own = [_serialize_entry(each, self._registry.user) for each in entries]
        return {
            "object_id": f"/{path}",
            "object_type": "job",
            "access_control_list": [*own, _ADMINS],
        }


def parse_entries(value: object) -> list[Entry]:
    """Read an ``access_control_list``; the last entry of a principal counts.

    :raises ApiError: an entry is invalid.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnexpectedType("access_control_list", "array", value)
    return merge_entries([], map(_parse_entry, value))


def complete_entries(entries: list[Entry], user: str) -> list[Entry]:
    """Return the entries of a new job, which its creator owns unless another one is named.

    :raises ApiError: several owners are named.
    """
    if not any(each["permission_level"] == _OWNER for each in entries):
        entries = merge_entries(entries, [{"user_name": user, "permission_level": _OWNER}])
    _check_owner(entries)
    return entries


def merge_entries(entries: Iterable[Entry], changes: Iterable[Entry]) -> list[Entry]:
    """Return entries with those of the same principals replaced."""
    return list({_principal(each): each for each in (*entries, *changes)}.values())


def _check_owner(entries: Iterable[Entry]) -> None:
    if sum(each["permission_level"] == _OWNER for each in entries) != 1:
        raise InvalidParameterValue("The job must have exactly one owner.")


def _parse_entry(value: object) -> Entry:
    if not isinstance(value, dict):
        raise UnexpectedType("access_control_list", "object", value)
    entry = {key: each for key, each in value.items() if each is not None}
    names = [name for name in _PRINCIPALS if name in entry]
    if len(names) != 1 or not isinstance(entry[names[0]], str) or not entry[names[0]]:
        raise InvalidParameterValue(
            f"Each entry of access_control_list needs exactly one of {', '.join(_PRINCIPALS)}."
        )
    level = entry.get("permission_level")
    if not isinstance(level, str) or level not in _LEVELS:
        raise InvalidParameterValue(
            f"Unknown permission_level {level!r} for a job. Use one of {', '.join(_LEVELS)}."
        )
    if level == _OWNER and "group_name" in entry:
        raise InvalidParameterValue("A group cannot be the owner of a job.")
    return {names[0]: entry[names[0]], "permission_level": level}


def _principal(entry: Entry) -> tuple[str, str]:
    (name,) = (name for name in _PRINCIPALS if name in entry)
    return name, entry[name]


def _serialize_entry(entry: Entry, user: str) -> Json:
    field, name = _principal(entry)
    name_fields: Json = {} if field == "group_name" else {"display_name": name}
    if name == user:
        name_fields["display_name"] = user.partition("@")[0]
    level = {"permission_level": entry["permission_level"], "inherited": False}
    return {field: name, **name_fields, "all_permissions": [level]}
