"""Merging of a bundle's files, and of a target into the bundle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .errors import BundleError, Location
from .yaml import LocatedDict, LocatedList

# Lists whose items have one of these keys are merged by it in a target, as in the CLI (its
# resourcemutator/merge_job_*): tasks, job clusters, environments and parameters.
_ITEM_KEYS = ("task_key", "job_cluster_key", "environment_key", "name")
_SECTIONS = ("artifacts", "bundle", "presets", "sync", "workspace")
_VARIABLE_FIELDS = {"default", "description", "lookup", "type", "value"}


def merge(
    base: Any,
    override: Any,
    *,
    item_keys: tuple[str, ...] = (),
    resolve: Callable[[str], Any] = str,
) -> Any:
    """Merge mappings key by key, join lists, and replace anything else (the CLI's
    ``libs/dyn/merge``). A key without a value changes nothing.

    :param item_keys: keys by which to merge lists whose items all have one of them.
    :param resolve: returns the value of a string that is a reference, to merge it with a mapping or
        list; any other string as it is.
    """
    if isinstance(base, str) and isinstance(override, (LocatedDict, LocatedList)):
        base = resolve(base)
    if isinstance(override, str) and isinstance(base, (LocatedDict, LocatedList)):
        override = resolve(override)
    merge_values = partial(merge, item_keys=item_keys, resolve=resolve)
    if isinstance(base, LocatedDict) and isinstance(override, LocatedDict):
        return _merge_mappings(base, override, merge_values)
    if isinstance(base, LocatedList) and isinstance(override, LocatedList):
        return _merge_lists(base, override, merge_values, item_keys)
    return override


def _merge_mappings(
    base: LocatedDict, override: LocatedDict, merge_values: Callable[[Any, Any], Any]
) -> LocatedDict:
    result = copy_mapping(base)
    result.anchored = base.anchored | override.anchored
    for key, value in override.items():
        if key in base and value is None:
            continue
        result[key] = merge_values(base[key], value) if key in base else value
        if key in override.locations:
            result.locations[key] = override.locations[key]
    return result


def _merge_lists(
    base: LocatedList,
    override: LocatedList,
    merge_values: Callable[[Any, Any], Any],
    item_keys: tuple[str, ...],
) -> LocatedList:
    items = [*base, *override]
    item_key = next(
        (key for key in item_keys if all(_has_string(each, key) for each in items)), None
    )
    result = LocatedList(base)
    result.locations = list(base.locations)
    positions = {item[item_key]: index for index, item in enumerate(base)} if item_key else {}
    for item, location in zip(override, override.locations, strict=True):
        position = positions.get(item[item_key]) if item_key else None
        if position is None:
            result.append(item)
            result.locations.append(location)
        else:
            result[position] = merge_values(result[position], item)
    return result


def _has_string(item: Any, key: str) -> bool:
    return isinstance(item, LocatedDict) and isinstance(item.get(key), str)


_merge_target = partial(merge, item_keys=_ITEM_KEYS)


def read_section(tree: LocatedDict, key: str) -> LocatedDict:
    """Return a mapping in a tree; an empty one if there is none.

    :raises BundleError: there is something else.
    """
    value = tree.get(key)
    if value is None:
        return LocatedDict()
    if not isinstance(value, LocatedDict):
        raise BundleError(f"{key!r} has to be a mapping.", tree.locations.get(key))
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
    """Merge a target into the tree, except for its resources.

    :raises BundleError: the target is malformed.
    """
    target = read_section(read_section(tree, "targets"), name)
    for key in _SECTIONS:
        if override := read_section(target, key):
            merged = _merge_target(read_section(tree, key), override)
            _set(tree, key, merged, target.locations[key])
    if "mode" in target:
        _set_in_bundle(tree, "mode", target["mode"], target.locations["mode"])
    if "git" in target:
        git = _merge_target(
            read_section(read_section(tree, "bundle"), "git"), read_section(target, "git")
        )
        _set_in_bundle(tree, "git", git, target.locations["git"])
    if "run_as" in target:
        _set(tree, "run_as", target["run_as"], target.locations["run_as"])
    _apply_variables(tree, read_section(target, "variables"))


def apply_target_resources(tree: LocatedDict, name: str, resolve: Callable[[str], Any]) -> None:
    """Merge the resources of a target into the tree.

    :param resolve: returns the value of a string that is a reference, any other string as it is.
    :raises BundleError: they are malformed.
    """
    target = read_section(read_section(tree, "targets"), name)
    if override := read_section(target, "resources"):
        merged = _merge_target(read_section(tree, "resources"), override, resolve=resolve)
        _set(tree, "resources", merged, target.locations["resources"])


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
    result = LocatedDict(mapping)
    result.locations = dict(mapping.locations)
    return result


def _set(tree: LocatedDict, key: str, value: object, location: Location) -> None:
    tree[key] = value
    tree.locations.setdefault(key, location)


def _set_in_bundle(tree: LocatedDict, key: str, value: object, location: Location) -> None:
    bundle = copy_mapping(read_section(tree, "bundle"))
    bundle[key] = value
    bundle.locations[key] = location
    _set(tree, "bundle", bundle, location)
