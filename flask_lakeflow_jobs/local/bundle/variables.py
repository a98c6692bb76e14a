"""Variables and references of a bundle: ``${var.x}`` and its kin."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .conversion import as_text
from .git import GitRepository
from .merge import definition_of
from .presets import Presets
from .yaml import MarkedDict, MarkedList

# Other names in such braces, as of a shell's or Spark's variables, are left to whoever reads them.
# Paths of the workspace once lacked the prefix that older bundles put before them; the CLI drops it
# (its mutator rewrite_workspace_prefix).
REFERENCE = re.compile(
    r"(?:/Workspace/?(?=\$\{workspace\.(?:artifact|file|resource|root|state)_path\}))?"
    r"\$\{((?:artifacts|bundle|resources|var|variables|workspace)\.[^\W\d_][\w.\-\[\]]*)\}"
)


class UnknownVariable(LookupError):
    """A ``${…}`` that nothing gives a value."""


def interpolate(value: Any, lookup: Callable[[str], Any], chain: tuple[str, ...] = ()) -> Any:
    """The same value with each ``${name}`` in it replaced, marks kept.

    A string that is nothing but one reference becomes the value itself, whatever its type.

    :param lookup: gives the value for a name, which may hold references in its turn.
    :raises UnknownVariable: a name without a value, or one that leads back to itself.
    """
    if isinstance(value, MarkedDict):
        mapping = MarkedDict({key: interpolate(each, lookup, chain) for key, each in value.items()})
        mapping.places = dict(value.places)
        return mapping
    if isinstance(value, MarkedList):
        items = MarkedList(interpolate(each, lookup, chain) for each in value)
        items.places = list(value.places)
        return items
    if not isinstance(value, str):
        return value

    def replacement(name: str) -> Any:
        if name in chain:
            raise UnknownVariable(f"${{{name}}} refers to itself.")
        return interpolate(lookup(name), lookup, (*chain, name))

    if whole := REFERENCE.fullmatch(value):
        return replacement(whole.group(1))
    return REFERENCE.sub(lambda match: str(as_text(replacement(match.group(1)))), value)


_VARIABLE = "BUNDLE_VAR_"


def read_target() -> str:
    """The target that ``DATABRICKS_BUNDLE_TARGET`` names; empty if it names none."""
    return os.environ.get("DATABRICKS_BUNDLE_TARGET", "")


def read_variable(name: str) -> str | None:
    """The value that the environment gives to a variable of the bundle, if it gives one."""
    return os.environ.get(_VARIABLE + name)


def hash_variables() -> str:
    """The same for the same values of all ``BUNDLE_VAR_…``, and telling none of them."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLE)}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


# The CLI's defaults (its mutators define_default_workspace_root and default_workspace_paths).
_WORKSPACE_PATHS = {
    "root_path": (
        "/Workspace/Users/${workspace.current_user.userName}/.bundle/${bundle.name}/${bundle.target}"
    ),
    "file_path": "${workspace.root_path}/files",
    "resource_path": "${workspace.root_path}/resources",
    "artifact_path": "${workspace.root_path}/artifacts",
    "state_path": "${workspace.root_path}/state",
}

# Unity Catalog knows a thing by its full name; that is its id.
_FULL_NAMES = {
    "registered_models": ("catalog_name", "schema_name", "name"),
    "schemas": ("catalog_name", "name"),
    "volumes": ("catalog_name", "schema_name", "name"),
}

_PREFIXED = ("dashboards", "experiments", "jobs", "models", "pipelines", "sql_warehouses")


def derive_job_id(resource_key: str) -> int:
    """The id of a bundle's job: the same on each machine and after each restart, at most
    2**53-1.
    """
    smallest, largest = 10**14, 2**53 - 1
    digest = hashlib.sha256(resource_key.encode()).digest()
    return smallest + int.from_bytes(digest[:8], "big") % (largest - smallest + 1)


def current_user_name() -> str:
    """As whom the local workspace runs jobs."""
    try:
        return f"{getpass.getuser()}@localhost"
    except (KeyError, OSError):
        return "user@localhost"


def short_name(user: str) -> str:
    """A user's name without its domain, as an identifier."""
    return re.sub(r"[\W_]+", "_", user.partition("@")[0].lower()).strip("_")


class Names:
    """Gives the values of ``${…}`` names.

    :param tree: the bundle's tree, the target laid over it.
    :param root: the folder of the bundle.
    :param overrides: values of variables from the file that the CLI reads for a target.
    :param host: the address of the workspace, if it is known.
    """

    def __init__(
        self,
        tree: MarkedDict,
        root: Path,
        target: str,
        overrides: Mapping[str, Any],
        host: str | None,
    ) -> None:
        user = current_user_name()
        self._tree = tree
        self._overrides = overrides
        self._checkout = GitRepository(root)
        self._followed: list[str] = []
        self.presets = Presets()
        self._builtin: dict[str, Any] = {
            "bundle.name": root.name,
            "bundle.target": target,
            "bundle.environment": target,
            "bundle.mode": "",
            "workspace.current_user.userName": user,
            "workspace.current_user.displayName": user,
            "workspace.current_user.short_name": short_name(user),
            "workspace.current_user.domain_friendly_name": short_name(user).replace("_", "-"),
            "workspace.host": host or os.environ.get("DATABRICKS_HOST", "http://127.0.0.1"),
            "workspace.profile": "",
        }

    def __call__(self, name: str) -> Any:
        """The value of a name, which may hold references in its turn.

        :raises UnknownVariable: it has none.
        """
        parts = re.findall(r"[^.\[\]]+", name)
        if parts[0] == "var" or (parts[0] == "variables" and parts[2:3] == ["value"]):
            return self._variable(name, parts[1], parts[3 if parts[0] == "variables" else 2 :])
        if parts[0] == "resources" and len(parts) == 4:
            return self._resource(name, *parts[1:])
        if parts[0] == "workspace" and parts[1] in _WORKSPACE_PATHS:
            return self._workspace_path(parts[1])
        if name.startswith("bundle.git.") and len(parts) == 3:
            git = (self._tree.get("bundle") or {}).get("git") or {}
            return git.get(parts[2]) or self._checkout.detail(parts[2])
        try:
            return self._walk(name, self._tree, parts)
        except UnknownVariable:
            if name in self._builtin:
                return self._builtin[name]
            raise

    def _variable(self, name: str, key: str, path: list[str]) -> Any:
        variables = self._tree.get("variables") or {}
        if key not in variables:
            known = f": there are {', '.join(variables)}" if variables else ""
            raise UnknownVariable(
                f"${{var.{key}}} is not defined. Define it under 'variables'{known}."
            )
        if (from_environment := read_variable(key)) is not None:
            return self._walk(name, from_environment, path)
        definition = definition_of(variables[key])
        if isinstance(definition.get("lookup"), dict):
            # There is nothing to look up here, and nothing that would miss the id.
            return "-".join(map(str, definition["lookup"].values()))
        if key in self._overrides:
            return self._walk(name, self._overrides[key], path)
        if "default" in definition:
            return self._walk(name, definition["default"], path)
        raise UnknownVariable(
            f"${{var.{key}}} has no value. Give it a 'default', or a value in the target, or set "
            f"BUNDLE_VAR_{key} in the environment."
        )

    def _resource(self, name: str, kind: str, key: str, field: str) -> Any:
        resource = self._walk(name, self._tree, ["resources", kind, key])
        full_name = _FULL_NAMES.get(kind)
        if field == "id" and full_name and all(part in (resource or ()) for part in full_name):
            return ".".join(f"${{resources.{kind}.{key}.{part}}}" for part in full_name)
        if field == "id":
            return derive_job_id(key) if kind == "jobs" else key
        if (kind, field) == ("volumes", "volume_path"):
            return "/Volumes/" + "/".join(
                f"${{resources.volumes.{key}.{part}}}" for part in _FULL_NAMES[kind]
            )
        if field.endswith("_id") and field not in resource:
            return key  # known only to a workspace, and nothing here would miss it
        value = self._walk(name, resource, [field])
        if field == "name" and kind == "schemas":
            return self.presets.schema_name(str(value))
        if field == "name" and kind in _PREFIXED:
            return f"{self.presets.name_prefix}{value}"
        return value

    def _workspace_path(self, key: str) -> str:
        path = str((self._tree.get("workspace") or {}).get(key) or _WORKSPACE_PATHS[key])
        if path.startswith("~/"):
            return "/Workspace/Users/${workspace.current_user.userName}" + path[1:]
        if path.startswith("/") and not path.startswith(("/Workspace/", "/Volumes/")):
            return "/Workspace" + path
        return path

    def _follow(self, name: str) -> Any:
        """The value of a reference on the way to a part of it."""
        if name in self._followed:
            raise UnknownVariable(f"${{{name}}} refers to itself.")
        self._followed.append(name)
        try:
            return self(name)
        finally:
            self._followed.pop()

    def _walk(self, name: str, value: Any, path: list[str]) -> Any:
        for part in path:
            if isinstance(value, str) and (reference := REFERENCE.fullmatch(value)):
                value = self._follow(reference[1])
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                raise UnknownVariable(f"${{{name}}} has no value here.")
        return value
