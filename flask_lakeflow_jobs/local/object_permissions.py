"""Permissions on objects of the workspace, as its API spells them. Pure.

They are kept and shown, not enforced: the one user of the workspace may do everything.
Sources: databricks-sdk, ``service/iam.py``; databricks/cli, ``libs/testserver/permissions.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import InvalidParameterValue, UnexpectedType

#: A user, a group or a service principal, by the field that names it, and the level granted to it.
Entry = Mapping[str, str]

OWNER = "IS_OWNER"
_MANAGER = "CAN_MANAGE"
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")
_ADMINS = "admins"

_FILES = {
    "CAN_READ": "Can view the object",
    "CAN_RUN": "Can view and run the object",
    "CAN_EDIT": "Can view, run and change the object",
    _MANAGER: "Can do anything with the object",
}


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of objects with permissions.

    :param object_type: as responses call it.
    :param levels: what each level permits.
    """

    object_type: str
    levels: Mapping[str, str]

    @property
    def noun(self) -> str:
        """Return the name of one object in a sentence."""
        return self.object_type.removesuffix("s")

    @property
    def has_owner(self) -> bool:
        """Return whether an object has exactly one owner."""
        return OWNER in self.levels


#: The kinds of objects by the first part of their path.
KINDS: Mapping[str, ObjectKind] = {
    "jobs": ObjectKind(
        "job",
        {
            "CAN_VIEW": "Can view the job and its runs",
            "CAN_MANAGE_RUN": "Can view, trigger and cancel runs of the job",
            OWNER: "Can do anything with the job, and its runs act as the owner",
            _MANAGER: "Can do anything with the job but own it",
        },
    ),
    "pipelines": ObjectKind(
        "pipelines",
        {
            "CAN_VIEW": "Can view the pipeline",
            "CAN_RUN": "Can view the pipeline and start its updates",
            OWNER: "Can do anything with the pipeline, and its updates act as the owner",
            _MANAGER: "Can do anything with the pipeline but own it",
        },
    ),
    "sql/warehouses": ObjectKind(
        "warehouses",
        {
            "CAN_VIEW": "Can view the warehouse",
            "CAN_MONITOR": "Can view, use and monitor the warehouse",
            "CAN_USE": "Can use the warehouse",
            OWNER: "Can do anything with the warehouse",
            _MANAGER: "Can do anything with the warehouse but own it",
        },
    ),
    "apps": ObjectKind(
        "apps", {"CAN_USE": "Can use the app", _MANAGER: "Can do anything with the app"}
    ),
    "dashboards": ObjectKind("dashboard", _FILES),
    "experiments": ObjectKind(
        "mlflowExperiment",
        {
            "CAN_READ": "Can view the experiment",
            "CAN_EDIT": "Can view the experiment, and log runs in it",
            _MANAGER: "Can do anything with the experiment",
        },
    ),
    "directories": ObjectKind("directory", _FILES),
    "files": ObjectKind("file", _FILES),
    "notebooks": ObjectKind("notebook", _FILES),
    "clusters": ObjectKind(
        "cluster",
        {
            "CAN_ATTACH_TO": "Can run code on the cluster",
            "CAN_RESTART": "Can start, restart and stop the cluster",
            _MANAGER: "Can do anything with the cluster",
        },
    ),
}


def default_entries(kind: ObjectKind, user: str) -> list[Entry]:
    """Return the entries of an object that the user has created."""
    return [{"user_name": user, "permission_level": OWNER if kind.has_owner else _MANAGER}]


def parse_entries(kind: ObjectKind, value: object) -> list[Entry]:
    """Read an ``access_control_list``; the last entry of a principal counts.

    :raises ApiError: an entry is invalid.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnexpectedType("access_control_list", "array", value)
    return merge_entries([], [_parse_entry(kind, each) for each in value])


def complete_entries(kind: ObjectKind, entries: Iterable[Entry], user: str) -> list[Entry]:
    """Return the entries of a new object, which its creator owns unless another one is named.

    :raises ApiError: several owners are named.
    """
    if not any(each["permission_level"] == OWNER for each in entries):
        entries = merge_entries(entries, default_entries(kind, user))
    check_owner(kind, entries)
    return list(entries)


def merge_entries(entries: Iterable[Entry], changes: Iterable[Entry]) -> list[Entry]:
    """Return entries with those of the same principals replaced."""
    return list({_principal(each): each for each in (*entries, *changes)}.values())


def check_owner(kind: ObjectKind, entries: Iterable[Entry]) -> None:
    """Check that an object whose kind has owners has exactly one.

    :raises ApiError: it has none, or several.
    """
    owners = [each for each in entries if each["permission_level"] == OWNER]
    if kind.has_owner and len(owners) != 1:
        raise InvalidParameterValue(f"The {kind.noun} must have exactly one owner.")


def serialize(kind: ObjectKind, path: str, entries: Iterable[Entry], user: str) -> dict[str, Any]:
    """Return the permissions on an object as the API shows them.

    :param path: such as ``jobs/7``.
    :param user: who has a display name.
    """
    parent = f"/{path.rpartition('/')[0]}/"
    admins = {
        "group_name": _ADMINS,
        "all_permissions": [
            {
                "permission_level": _MANAGER,
                "inherited": True,
                "inherited_from_object": [parent],
            }
        ],
    }
    own = [_serialize_entry(each, user) for each in entries]
    return {
        "object_id": f"/{path}",
        "object_type": kind.object_type,
        "access_control_list": [*own, admins],
    }


def _parse_entry(kind: ObjectKind, value: object) -> Entry:
    if not isinstance(value, dict):
        raise UnexpectedType("access_control_list", "object", value)
    entry = {key: each for key, each in value.items() if each is not None}
    names = [name for name in _PRINCIPALS if name in entry]
    if len(names) != 1 or not isinstance(entry[names[0]], str) or not entry[names[0]]:
        raise InvalidParameterValue(
            f"Each entry of access_control_list needs exactly one of {', '.join(_PRINCIPALS)}."
        )
    level = entry.get("permission_level")
    if not isinstance(level, str) or level not in kind.levels:
        raise InvalidParameterValue(
            f"Unknown permission_level {level!r} for a {kind.noun}. Use one of "
            f"{', '.join(kind.levels)}."
        )
    if level == OWNER and "group_name" in entry:
        raise InvalidParameterValue(f"A group cannot be the owner of a {kind.noun}.")
    return {names[0]: entry[names[0]], "permission_level": level}


def _principal(entry: Entry) -> tuple[str, str]:
    (name,) = (name for name in _PRINCIPALS if name in entry)
    return name, entry[name]


def _serialize_entry(entry: Entry, user: str) -> dict[str, Any]:
    field, name = _principal(entry)
    name_fields: dict[str, Any] = {} if field == "group_name" else {"display_name": name}
    if name == user:
        name_fields["display_name"] = user.partition("@")[0]
    level = {"permission_level": entry["permission_level"], "inherited": False}
    return {field: name, **name_fields, "all_permissions": [level]}
