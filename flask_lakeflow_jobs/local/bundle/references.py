"""References of a bundle, such as ``${var.x}``, and their values."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .bundle_error import BundleError, Location
from .git import GitRepository
from .presets import NAME_FIELDS, Presets
from .variables import current_user_name, derive_job_id, short_name
from .yaml import LocatedDict, LocatedList, format_scalar

# A few variables that repeat each other stand for billions of values.
_MAX_COST = 10_000_000  # in characters, see _cost_of
_LOOKUP_COST = 100

_WRITE = "Write its value in its place, or ${var.name} for a variable of the bundle."
# A letter, then letters and digits, with dashes and underscores between them.
_SEGMENT = r"[^\W\d_](?:[-_]*[^\W_])*"
_INDEXES = r"(?:\[[0-9]+\])*"
# Other names in such braces, as of a shell's or Spark's variables, are no references. Older bundles
# put /Workspace before paths that now begin with it; the CLI drops it (its mutator
# rewrite_workspace_prefix). After another dollar, braces stand for themselves.
_REFERENCE = re.compile(
    r"(?:/Workspace/?(?=\$\{workspace\.(?:artifact|file|resource|root|state)_path\}))?"
    rf"(?<!\$)\$\{{((?:artifacts|bundle|resources|var|variables|workspace){_INDEXES}"
    rf"(?:\.{_SEGMENT}{_INDEXES})+)\}}"
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

# A reference inside a reference, as in ${var.a_${var.b}}, is replaced first. The CLI gives up after
# as many rounds.
_MAX_ROUNDS = 11

# Fields that exist in each workspace or bundle, and are empty unless they are set.
_EMPTY_FIELDS = frozenset(
    [
        "bundle.cluster_id",
        "bundle.compute_id",
        "bundle.databricks_cli_version",
        "bundle.mode",
        "bundle.uuid",
        "workspace.account_id",
        "workspace.auth_type",
        "workspace.azure_client_id",
        "workspace.azure_environment",
        "workspace.azure_tenant_id",
        "workspace.azure_workspace_resource_id",
        "workspace.client_id",
        "workspace.google_service_account",
        "workspace.profile",
        "workspace.workspace_id",
    ]
)


class UndefinedReference(LookupError):
    """A reference without a value."""


class UndefinedResource(UndefinedReference):
    """A reference to a resource that the bundle does not have."""


class CircularReference(UndefinedReference):
    """A reference whose value refers to itself."""


class UnknownHere(LookupError):
    """A reference whose value only a workspace knows."""


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
        mapping = {
            key: interpolate(each, lookup, value.locations.get(key, location), chain)
            for key, each in value.items()
        }
        return LocatedDict(mapping, value.locations)
    if isinstance(value, LocatedList):
        pairs = zip(value, value.locations, strict=True)
        items = (interpolate(each, lookup, inner, chain) for each, inner in pairs)
        return LocatedList(items, value.locations)
    if not isinstance(value, str):
        return value

    try:
        return _interpolate_text(value, lookup, chain)
    except UndefinedReference as error:
        if chain:
            raise
        raise BundleError(str(error), location) from None


def find_references(value: Any, location: Location | None) -> Iterator[tuple[str, Location | None]]:
    """Yield the name and location of each reference in a value, at any depth."""
    if isinstance(value, str):
        yield from ((match[1], location) for match in _REFERENCE.finditer(value))
    elif isinstance(value, LocatedDict):
        for key, each in value.items():
            yield from find_references(each, value.locations.get(key, location))
    elif isinstance(value, LocatedList):
        for each, inner in zip(value, value.locations, strict=True):
            yield from find_references(each, inner)


def _interpolate_text(text: str, lookup: Callable[[str], Any], chain: tuple[str, ...]) -> Any:
    def replace(match: re.Match[str]) -> Any:
        name = match[1]
        if name in chain:
            raise CircularReference(f"${{{name}}} refers to itself. {_WRITE}")
        try:
            value = lookup(name)
        except UnknownHere:
            return f"${{{name}}}"
        return interpolate(value, lookup, None, (*chain, name))

    def replace_part(match: re.Match[str]) -> str:
        value = replace(match)
        if isinstance(value, (dict, list)):
            raise UndefinedReference(
                f"${{{match[1]}}} is complex, so it cannot be a part of the text {text!r}."
            )
        return "<nil>" if value is None else str(format_scalar(value))

    for _ in range(_MAX_ROUNDS):
        if whole := _REFERENCE.fullmatch(text):
            return replace(whole)
        replaced = _REFERENCE.sub(replace_part, text)
        if replaced == text:
            break
        text = replaced
    return text


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
    :param values: the value of each variable, in which references are not replaced.
    :param host: the address of the workspace, if known.
    """

    def __init__(
        self,
        tree: LocatedDict,
        root: Path,
        target: str,
        values: LocatedDict,
        host: str | None,
    ) -> None:
        user = current_user_name()
        self._tree = tree
        self._values = values
        self._repository = GitRepository(root)
        self._resolving: list[str] = []
        self._cost = 0
        self.presets = Presets()
        #: Whether all resources are known, also those that Python code defines.
        self.is_complete = True
        self._defaults: dict[str, Any] = {
            "bundle.name": root.name,
            "bundle.target": target,
            "bundle.environment": target,
            "workspace.current_user.userName": user,
            "workspace.current_user.displayName": user,
            "workspace.current_user.emails[0].value": user,
            "workspace.current_user.short_name": short_name(user),
            "workspace.current_user.domain_friendly_name": short_name(user).replace("_", "-"),
            "workspace.host": host or os.environ.get("DATABRICKS_HOST", "http://127.0.0.1"),
        }

    def find_variables(self) -> dict[str, Any]:
        """Return the values of all variables, with references in them replaced."""
        return {key: self._find_whole_variable(key) for key in self._values}

    def _find_whole_variable(self, key: str) -> Any:
        try:
            return interpolate(f"${{var.{key}}}", self.find)
        except BundleError:  # a circle of complex values, of which there is a warning
            return self._values[key]

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
        if parts[0] == "resources" and len(parts) >= 4:
            return self._find_resource(name, parts[1], parts[2], parts[3:])
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
            if name in _EMPTY_FIELDS:
                return ""
            raise

    def _find_variable(self, name: str, key: str, path: list[str]) -> Any:
        if key not in self._values:
            names = f": there are {', '.join(self._values)}" if self._values else ""
            raise UndefinedReference(
                f"${{var.{key}}} is not defined. Define it under 'variables'{names}."
            )
        return self._walk(name, self._values[key], path)

    def _find_resource(self, name: str, kind: str, key: str, path: list[str]) -> Any:
        try:
            resource = self._walk(name, self._tree, ["resources", kind, key])
        except UndefinedReference as error:
            if not self.is_complete:
                raise UnknownHere(name) from None
            raise UndefinedResource(str(error)) from None
        field = path[0] if len(path) == 1 else ""
        if field == "id":
            return self._find_id(kind, key, resource)
        if (kind, field) == ("volumes", "volume_path"):
            return "/Volumes/" + "/".join(
                f"${{resources.volumes.{key}.{part}}}" for part in _FULL_NAMES[kind]
            )
        if (kind, field) == ("jobs", "creator_user_name"):
            return current_user_name()
        if field.endswith("_id") and field not in (resource or ()):
            return key  # only a workspace knows the id, and nothing here uses it
        try:
            value = self._walk(name, resource, path)
        except UndefinedReference:
            raise UnknownHere(name) from None
        is_name = field and NAME_FIELDS.get(kind) == field
        return self.presets.format_name(kind, str(value)) if is_name else value

    def _find_id(self, kind: str, key: str, resource: Any) -> Any:
        full_name = _FULL_NAMES.get(kind, ())
        if full_name and isinstance(resource, dict) and all(part in resource for part in full_name):
            return ".".join(f"${{resources.{kind}.{key}.{part}}}" for part in full_name)
        return derive_job_id(key) if kind == "jobs" else key

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
                raise UndefinedReference(f"${{{name}}} has no value here. {_WRITE}")
        return value

    def _follow(self, name: str) -> Any:
        if name in self._resolving:
            raise CircularReference(f"${{{name}}} refers to itself. {_WRITE}")
        self._resolving.append(name)
        try:
            return self._find(name)
        finally:
            self._resolving.pop()
