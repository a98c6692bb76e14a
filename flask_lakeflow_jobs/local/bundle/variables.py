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

from .errors import BundleError, Location
from .git import GitRepository
from .merge import normalize_variable
from .presets import Presets
from .yaml import LocatedDict, LocatedList, format_scalar

# A few variables that repeat each other stand for billions of values.
_MAX_COST = 10_000_000  # in characters, see _cost_of
_LOOKUP_COST = 100

_ENVIRONMENT_PREFIX = "BUNDLE_VAR_"

# Other names in such braces, as of a shell's or Spark's variables, are no references. Older bundles
# put /Workspace before paths that now begin with it; the CLI drops it (its mutator
# rewrite_workspace_prefix).
_REFERENCE = re.compile(
    r"(?:/Workspace/?(?=\$\{workspace\.(?:artifact|file|resource|root|state)_path\}))?"
    r"\$\{((?:artifacts|bundle|resources|var|variables|workspace)\.[^\W\d_][\w.\-\[\]]*)\}"
)

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

# The id of an object in Unity Catalog is its full name.
_FULL_NAMES = {
    "registered_models": ("catalog_name", "schema_name", "name"),
    "schemas": ("catalog_name", "name"),
    "volumes": ("catalog_name", "schema_name", "name"),
}
_KINDS_WITH_PREFIX = ("dashboards", "experiments", "jobs", "models", "pipelines", "sql_warehouses")


class UndefinedReference(LookupError):
    """A reference without a value."""


def read_target() -> str:
    """Return the target in ``DATABRICKS_BUNDLE_TARGET``; empty if it is not set."""
    return os.environ.get("DATABRICKS_BUNDLE_TARGET", "")


def hash_variables() -> str:
    """Return a hash of all ``BUNDLE_VAR_…``, which does not reveal their values."""
    prefix = _ENVIRONMENT_PREFIX
    values = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def current_user_name() -> str:
    """Return the name of the user who owns the jobs of the local workspace."""
    try:
        return f"{getpass.getuser()}@localhost"
    except (KeyError, OSError):
        return "user@localhost"


def short_name(user: str) -> str:
    """Return a user's name without its domain, as an identifier."""
    return re.sub(r"[\W_]+", "_", user.partition("@")[0].lower()).strip("_")


def derive_job_id(resource_key: str) -> int:
    """Return the id of a bundle's job.

    It is the same on each machine and after each restart, and at most 2**53-1.
    """
    smallest, largest = 10**14, 2**53 - 1
    digest = hashlib.sha256(resource_key.encode()).digest()
    return smallest + int.from_bytes(digest[:8], "big") % (largest - smallest + 1)


def interpolate(
    value: Any,
    lookup: Callable[[str], Any],
    location: Location | None = None,
    chain: tuple[str, ...] = (),
) -> Any:
    """Return a value with each reference in it replaced, locations kept.

    A string that consists of one reference becomes its value, of any type.

    :param lookup: returns the value of a name, which may contain references in turn.
    :param location: of a value whose own location is unknown.
    :param chain: the names whose values are being replaced.
    :raises BundleError: a name has no value, or refers to itself.
    """
    if isinstance(value, LocatedDict):
        mapping = LocatedDict()
        for key, each in value.items():
            mapping[key] = interpolate(each, lookup, value.locations.get(key, location), chain)
        mapping.locations = dict(value.locations)
        return mapping
    if isinstance(value, LocatedList):
        items = LocatedList(
            interpolate(each, lookup, inner, chain)
            for each, inner in zip(value, value.locations, strict=True)
        )
        items.locations = list(value.locations)
        return items
    if not isinstance(value, str):
        return value

    def replace(name: str) -> Any:
        if name in chain:
            raise UndefinedReference(f"${{{name}}} refers to itself.")
        return interpolate(lookup(name), lookup, None, (*chain, name))

    try:
        if whole := _REFERENCE.fullmatch(value):
            return replace(whole[1])
        return _REFERENCE.sub(lambda match: str(format_scalar(replace(match[1]))), value)
    except UndefinedReference as error:
        if chain:
            raise
        raise BundleError(str(error), location) from None


def _cost_of(value: Any) -> int:
    if isinstance(value, list):
        return 1 + sum(map(_cost_of, value))
    if isinstance(value, dict):
        return 1 + sum(map(_cost_of, value.values()))
    return len(value) if isinstance(value, str) else 1


class References:
    """The values of the names in a bundle's references.

    :param tree: the bundle's tree, merged with its target.
    :param root: the bundle's folder.
    :param overrides: values of variables from the file that the CLI reads for a target.
    :param host: the address of the workspace, if known.
    """

    def __init__(
        self,
        tree: LocatedDict,
        root: Path,
        target: str,
        overrides: Mapping[str, Any],
        host: str | None,
    ) -> None:
        user = current_user_name()
        self._tree = tree
        self._overrides = overrides
        self._repository = GitRepository(root)
        self._resolving: list[str] = []
        self._cost = 0
        self.presets = Presets()
        self._defaults: dict[str, Any] = {
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

    def find(self, name: str) -> Any:
        """Return the value of a name, which may contain references in turn.

        :raises UndefinedReference: it has none.
        :raises BundleError: the values of all references are too large.
        """
        value = self._find(name)
        self._cost += _LOOKUP_COST + _cost_of(value)
        if self._cost > _MAX_COST:
            raise BundleError(
                f"The references of the bundle are too many, or their values too large (at "
                f"${{{name}}}). Let variables repeat each other less often."
            )
        return value

    def _find(self, name: str) -> Any:
        parts = re.findall(r"[^.\[\]]+", name)
        if parts[0] == "var" or (parts[0] == "variables" and parts[2:3] == ["value"]):
            return self._find_variable(name, parts[1], parts[3 if parts[0] == "variables" else 2 :])
        if parts[0] == "resources" and len(parts) == 4:
            return self._find_resource(name, *parts[1:])
        if parts[0] == "workspace" and parts[1] in _WORKSPACE_PATHS:
            return self._find_workspace_path(parts[1])
        if name.startswith("bundle.git.") and len(parts) == 3:
            git = (self._tree.get("bundle") or {}).get("git") or {}
            return git.get(parts[2]) or self._repository.read(parts[2])
        try:
            return self._walk(name, self._tree, parts)
        except UndefinedReference:
            if name in self._defaults:
                return self._defaults[name]
            raise

    def _find_variable(self, name: str, key: str, path: list[str]) -> Any:
        variables = self._tree.get("variables") or {}
        if key not in variables:
            names = f": there are {', '.join(variables)}" if variables else ""
            raise UndefinedReference(
                f"${{var.{key}}} is not defined. Define it under 'variables'{names}."
            )
        if (from_environment := os.environ.get(_ENVIRONMENT_PREFIX + key)) is not None:
            return self._walk(name, from_environment, path)
        definition = normalize_variable(variables[key])
        if isinstance(definition.get("lookup"), dict):
            # Only a workspace knows the id, and nothing here uses it.
            return "-".join(map(str, definition["lookup"].values()))
        if key in self._overrides:
            return self._walk(name, self._overrides[key], path)
        if "default" in definition:
            return self._walk(name, definition["default"], path)
        raise UndefinedReference(
            f"${{var.{key}}} has no value. Give it a 'default', or a value in the target, or set "
            f"{_ENVIRONMENT_PREFIX}{key} in the environment."
        )

    def _find_resource(self, name: str, kind: str, key: str, field: str) -> Any:
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
            return key  # only a workspace knows the id, and nothing here uses it
        value = self._walk(name, resource, [field])
        if field == "name" and kind == "schemas":
            return self.presets.format_schema_name(str(value))
        if field == "name" and kind in _KINDS_WITH_PREFIX:
            return f"{self.presets.name_prefix}{value}"
        return value

    def _find_workspace_path(self, key: str) -> str:
        path = str((self._tree.get("workspace") or {}).get(key) or _WORKSPACE_PATHS[key])
        if path.startswith("~/"):
            return "/Workspace/Users/${workspace.current_user.userName}" + path[1:]
        if path.startswith("/") and not path.startswith(("/Workspace/", "/Volumes/")):
            return "/Workspace" + path
        return path

    def _walk(self, name: str, value: Any, path: list[str]) -> Any:
        for part in path:
            if isinstance(value, str) and (reference := _REFERENCE.fullmatch(value)):
                value = self._follow(reference[1])
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                raise UndefinedReference(f"${{{name}}} has no value here.")
        return value

    def _follow(self, name: str) -> Any:
        if name in self._resolving:
            raise UndefinedReference(f"${{{name}}} refers to itself.")
        self._resolving.append(name)
        try:
            return self._find(name)
        finally:
            self._resolving.pop()
