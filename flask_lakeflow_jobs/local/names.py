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
        if name in self.builtin:
            return self.builtin[name]
        if name.startswith("var."):
            return self._variable(name.removeprefix("var."))
        parts = name.split(".")
        if parts[:2] == ["resources", "jobs"] and len(parts) == 4 and parts[3] == "id":
            if parts[2] in (self._tree.get("resources") or {}).get("jobs", {}):
                return job_id_of(parts[2])
            raise UnknownVariable(f"${{{name}}} names no job of this bundle.")
        if parts[:2] == ["resources", "volumes"] and parts[3:] == ["volume_path"]:
            return "/Volumes/" + "/".join(
                f"${{resources.volumes.{parts[2]}.{part}}}"
                for part in ("catalog_name", "schema_name", "name")
            )
        value: Any = self._tree
        for part in parts:
            if not isinstance(value, dict) or part not in value:
                raise UnknownVariable(f"${{{name}}} has no value here.")
            value = value[part]
        return value

    def _variable(self, name: str) -> Any:
        if (from_environment := os.environ.get(f"BUNDLE_VAR_{name}")) is not None:
            return from_environment
        variables = self._tree.get("variables") or {}
        if name not in variables:
            raise UnknownVariable(
                f"${{var.{name}}} is not defined. Define it under 'variables'"
                f"{': there are ' + ', '.join(variables) if variables else ''}."
            )
        definition = variables[name]
        if not isinstance(definition, dict) or "default" not in definition:
            raise UnknownVariable(
                f"${{var.{name}}} has no value. Give it a 'default', or a value in the target, or "
                "set "
                f"BUNDLE_VAR_{name} in the environment."
            )
        return definition["default"]
