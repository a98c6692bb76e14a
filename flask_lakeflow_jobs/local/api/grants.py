"""Grants on objects of Unity Catalog. They are kept and shown, not enforced.

Sources: databricks-sdk, ``service/catalog.py``; databricks/cli, ``libs/testserver/grants.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import InvalidParameterValue
from ..store.runs import RunStore
from .request import Request
from .serializers import Json

#: The privileges of each principal.
Privileges = Mapping[str, frozenset[str]]

_ALL = "ALL_PRIVILEGES"


class Grants:
    """The grants in the workspace's database, by object: its type and name, such as
    ``schema/main.sales``."""

    def __init__(self, run_store: RunStore) -> None:
        self._run_store = run_store

    def read(self, path: str) -> Privileges:
        with self._run_store.exclusive() as store:
            return _collect(store.load_permissions(path))

    def change(self, path: str, changes: Iterable[Request]) -> Privileges:
        """Change what is granted on an object, and return all of it.

        :raises ApiError: a change is invalid.
        """
        with self._run_store.exclusive() as store:
            granted = change_privileges(_collect(store.load_permissions(path)), changes)
            entries = [
                {"principal": principal, "privilege": each}
                for principal, privileges in granted.items()
                for each in sorted(privileges)
            ]
            store.save_permissions(path, entries)
        return granted


def change_privileges(granted: Privileges, changes: Iterable[Request]) -> Privileges:
    """Return privileges after changes, each of which has a ``principal``, ``add`` and ``remove``.

    To remove ``ALL_PRIVILEGES`` removes each one.

    :raises ApiError: a change is invalid.
    """
    changed = dict(granted)
    for each in changes:
        principal = each.require_text("principal")
        added = frozenset(each.read_text_list("add") or ())
        removed = frozenset(each.read_text_list("remove") or ())
        if added & removed:
            raise InvalidParameterValue(
                f"Duplicate privileges to add and delete for principal {principal}."
            )
        kept = frozenset() if _ALL in removed else changed.get(principal, frozenset()) - removed
        changed[principal] = kept | added
    return changed


def serialize_privileges(granted: Privileges, principal: str | None = None) -> Json:
    """Return the grants on an object as the API shows them.

    :param principal: the only one to show; ``None``: all.
    """
    return {
        "privilege_assignments": [
            {"principal": name, "privileges": sorted(privileges)}
            for name, privileges in granted.items()
            if privileges and principal in (None, name)
        ]
    }


def _collect(entries: Iterable[Mapping[str, str]] | None) -> dict[str, frozenset[str]]:
    granted: dict[str, frozenset[str]] = {}
    for each in entries or ():
        principal = each["principal"]
        granted[principal] = granted.get(principal, frozenset()) | {each["privilege"]}
    return granted
