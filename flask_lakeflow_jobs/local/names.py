"""What the ``${…}`` names of a bundle stand for."""

from __future__ import annotations

import getpass
import hashlib
import os
from typing import Any

from flask_lakeflow_jobs.local.variables import UnknownVariable
from flask_lakeflow_jobs.local.yamlmarks import MarkedDict


def job_id_of(resource_key: str) -> int:
    """The id of a bundle's job: the same on each machine and after each restart, at most
    2**53-1.
    """
    smallest, largest = 10**14, 2**53 - 1
    digest = hashlib.sha256(resource_key.encode()).digest()
    return smallest + int.from_bytes(digest[:8], "big") % (largest - smallest + 1)


def user_name() -> str:
    """As whom the local workspace runs jobs."""
    try:
        return f"{getpass.getuser()}@localhost"
    except (KeyError, OSError):
        return "user@localhost"


class Names:
    """Gives the values of ``${…}`` names."""

    def __init__(self, tree: MarkedDict, name: str, target: str, root_path: str) -> None:
        user = user_name()
        self._tree = tree
        self.builtin: dict[str, Any] = {
            "bundle.name": name,
            "bundle.target": target,
            "bundle.environment": target,
            "workspace.root_path": root_path,
            "workspace.current_user.userName": user,
            "workspace.current_user.short_name": user.partition("@")[0],
            "workspace.current_user.domain_friendly_name": user.partition("@")[0],
            "workspace.host": os.environ.get("DATABRICKS_HOST", "http://127.0.0.1"),
        }

    def __call__(self, name: str) -> Any:
        """The value of a name.

        :raises UnknownVariable: it has none.
        """
        if name in self.builtin:
            return self.builtin[name]
        parts = name.split(".")
        if parts[0] == "var" and len(parts) > 1:
            return self._variable(name, parts[1], parts[2:])
        if parts[0] == "resources" and len(parts) == 4:
            return self._resource(name, *parts[1:])
        return self._walk(name, self._tree, parts)

    def _variable(self, name: str, key: str, path: list[str]) -> Any:
        if (from_environment := os.environ.get(f"BUNDLE_VAR_{key}")) is not None:
            return from_environment
        variables = self._tree.get("variables") or {}
        if key not in variables:
            known = f": there are {', '.join(variables)}" if variables else ""
            raise UnknownVariable(
                f"${{var.{key}}} is not defined. Define it under 'variables'{known}."
            )
        definition = variables[key]
        if isinstance(definition, dict) and "default" in definition:
            return self._walk(name, definition["default"], path)
        if isinstance(definition, dict) and isinstance(definition.get("lookup"), dict):
            # There is nothing to look up here, and nothing that would miss the id.
            return "-".join(map(str, definition["lookup"].values()))
        raise UnknownVariable(
            f"${{var.{key}}} has no value. Give it a 'default', or a value in the target, or set "
            f"BUNDLE_VAR_{key} in the environment."
        )

    def _resource(self, name: str, kind: str, key: str, field: str) -> Any:
        resource = self._walk(name, self._tree, ["resources", kind, key])
        if field == "id":
            return job_id_of(key) if kind == "jobs" else key
        if (kind, field) == ("volumes", "volume_path"):
            return "/Volumes/" + "/".join(
                f"${{resources.volumes.{key}.{part}}}"
                for part in ("catalog_name", "schema_name", "name")
            )
        return self._walk(name, resource, [field])

    def _walk(self, name: str, value: Any, path: list[str]) -> Any:
        for part in path:
            if not isinstance(value, dict) or part not in value:
                raise UnknownVariable(f"${{{name}}} has no value here.")
            value = value[part]
        return value
