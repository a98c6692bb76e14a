"""Merging of a bundle's files, and of a target into the bundle."""

from __future__ import annotations

from typing import Any

from .bundle_error import BundleError, Location
from .yaml import LocatedDict, LocatedList

_SECTIONS = ("artifacts", "bundle", "permissions", "presets", "resources", "sync", "workspace")
_VARIABLE_FIELDS = {"default", "description", "lookup", "type", "value"}


def merge(base: Any, override: Any, location: Location | None = None) -> Any:
    """Merge mappings key by key, join lists, and replace anything else (the CLI's
    ``libs/dyn/merge``). A key without a value changes nothing.

    :raises BundleError: one is a reference, and the other is a mapping or list.
    """
    if isinstance(base, LocatedDict) and isinstance(override, LocatedDict):
        return _merge_mappings(base, override)
    if isinstance(base, LocatedList) and isinstance(override, LocatedList):
        locations = [*base.locations, *override.locations]
        return LocatedList([*base, *override], locations)
    for text, other in ((base, override), (override, base)):
        if isinstance(text, str) and "${" in text and isinstance(other, (dict, list)):
            kind = "mapping" if isinstance(other, dict) else "list"
            raise BundleError(
                f"{text!r} cannot be merged with a {kind}: targets are merged before references "
                "are replaced. Write out the value, or use the reference in both places.",
                location,
            )
    return override


def merge_items(items: LocatedList, key: str) -> LocatedList:
    """Merge the items of a list that have the same value under a key, in the order of the first
    ones (the CLI's ``ElementsByKey``). Items without a value count as having the same one.
    """
    result = LocatedList()
    positions: dict[Any, int] = {}
    for item, location in zip(items, items.locations, strict=True):
        value = (item.get(key) or "") if isinstance(item, LocatedDict) else None
        if isinstance(value, str) and value in positions:
            position = positions[value]
            result[position] = merge(result[position], item, location)
            continue
        if isinstance(value, str):
            positions[value] = len(result)
            if key not in item:
                item = copy_mapping(item)
                item[key] = ""
        result.append(item)
        result.locations.append(location)
    return result


def _merge_mappings(base: LocatedDict, override: LocatedDict) -> LocatedDict:
    result = copy_mapping(base)
    result.anchored = base.anchored | override.anchored
    for key, value in override.items():
        if key in base and value is None:
            continue
        location = override.locations.get(key)
        result[key] = merge(base[key], value, location) if key in base else value
        if location is not None:
            result.locations[key] = location
    return result


def read_section(tree: LocatedDict, key: str) -> LocatedDict:
    """Return a mapping in a tree; an empty one if there is none.

    :raises BundleError: there is something else.
    """
    value = tree.get(key)
    if value is None:
        return LocatedDict()
    if not isinstance(value, LocatedDict):
        advice = " List files under 'include'." if key == "resources" else ""
        raise BundleError(f"{key!r} has to be a mapping.{advice}", tree.locations.get(key))
    return value


def choose_target(tree: LocatedDict, name: str | None) -> str:
    """Return the name of the target to use: ``name``, else the default one, else the only one.

    :raises BundleError: there is no such target, or no default among several.
    """
    if "environments" in tree and "targets" not in tree:  # the former name of targets
        tree["targets"] = tree["environments"]
        tree.locations["targets"] = tree.locations["environments"]
    targets = read_section(tree, "targets")
    location = tree.locations.get("targets")
    if name:
        if name not in targets and (targets or name != "default"):
            names = ", ".join(targets) or "none"
            raise BundleError(f"The bundle has no target {name!r}. Its targets: {names}.", location)
        return name
    if len(targets) < 2:
        return next(iter(targets), "default")
    defaults = [
        key for key, each in targets.items() if isinstance(each, dict) and each.get("default")
    ]
    if len(defaults) == 1:
        return defaults[0]
    if defaults:
        raise BundleError(
            f"The targets {', '.join(defaults)} are all marked as default. Leave 'default: true' "
            "at one.",
            targets.locations[defaults[1]],
        )
    raise BundleError(
        f"None of the targets {', '.join(targets)} is the default. Mark one with 'default: true', "
        "or name one in DATABRICKS_BUNDLE_TARGET.",
        location,
    )


def apply_target(tree: LocatedDict, name: str) -> None:
    """Merge a target into the tree.

    :raises BundleError: the target is malformed.
    """
    target = read_section(read_section(tree, "targets"), name)
    for key in _SECTIONS:
        if (override := target.get(key)) is not None:
            merged = merge(tree.get(key), override, target.locations[key])
            _set(tree, key, merged, target.locations[key])
    if "mode" in target:
        _set_in_bundle(tree, "mode", target["mode"], target.locations["mode"])
    if "git" in target:
        git = merge(read_section(read_section(tree, "bundle"), "git"), read_section(target, "git"))
        _set_in_bundle(tree, "git", git, target.locations["git"])
    if "run_as" in target:
        _set(tree, "run_as", target["run_as"], target.locations["run_as"])
    _apply_variables(tree, read_section(target, "variables"))


def _apply_variables(tree: LocatedDict, overrides: LocatedDict) -> None:
    if not overrides:
        return
    variables = copy_mapping(read_section(tree, "variables"))
    for key, value in overrides.items():
        if key not in variables:
            raise BundleError(
                f"The target gives a value to the variable {key!r}, which is not defined. Define "
                "it under 'variables' of the bundle.",
                overrides.locations[key],
            )
        override = normalize_variable(value)
        base = normalize_variable(variables[key])
        # A default replaces a lookup, and a lookup replaces a default.
        if override.keys() & {"default", "lookup"}:
            base.pop("default", None)
            base.pop("lookup", None)
            variables.locations[key] = overrides.locations[key]
        variables[key] = merge(base, override)
    _set(tree, "variables", variables, next(iter(overrides.locations.values())))


def normalize_variable(value: object) -> LocatedDict:
    """Return the definition of a variable, for which a bundle may give only the value."""
    if value is None:
        return LocatedDict()
    if isinstance(value, LocatedDict) and (not value or value.keys() & _VARIABLE_FIELDS):
        definition = copy_mapping(value)
        if "value" in definition:
            definition["default"] = definition.pop("value")
        return definition
    return LocatedDict({"default": value})


def copy_mapping(mapping: LocatedDict) -> LocatedDict:
    """Return a shallow copy with the same locations."""
    return LocatedDict(mapping, mapping.locations)


def _set(tree: LocatedDict, key: str, value: object, location: Location) -> None:
    tree[key] = value
    tree.locations.setdefault(key, location)


def _set_in_bundle(tree: LocatedDict, key: str, value: object, location: Location) -> None:
    bundle = copy_mapping(read_section(tree, "bundle"))
    bundle[key] = value
    bundle.locations[key] = location
    _set(tree, "bundle", bundle, location)
