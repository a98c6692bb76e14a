"""YAML whose mappings and lists remember where they stood, so that a mistake can name its line."""
# MERGED """Targets of a bundle: which one is meant, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .errors import BundleError, Location
from .yaml import MarkedDict, MarkedList


def merged(base: Any, over: Any) -> Any:
    """``base`` with ``over`` laid on it: mappings key by key, lists joined, anything else
    replaced. A key without a value changes nothing (the CLI's ``libs/dyn/merge``).
    """
    if isinstance(base, MarkedDict) and isinstance(over, MarkedDict):
        return _merge_mappings(base, over, merged)
    if isinstance(base, MarkedList) and isinstance(over, MarkedList):
        joined = MarkedList([*base, *over])
        joined.places = [*base.places, *over.places]
        return joined
    return over


def _merge_mappings(
    base: MarkedDict, over: MarkedDict, merge: Callable[[Any, Any], Any]
) -> MarkedDict:
    result = MarkedDict(base)
    result.places = dict(base.places)
    result.anchored = base.anchored | over.anchored
    for key, value in over.items():
        if key in base and value is None:
            continue
        result[key] = merge(base[key], value) if key in base else value
        if key in over.places:
            result.places[key] = over.places[key]
    return result


_IDENTITIES = ("task_key", "job_cluster_key", "environment_key", "name")
ValueOf = Callable[[str], Any]


"""Gives what a text stands for: the value, where it is a reference to one, else the text."""


def laid_over(base: Any, over: Any, value_of: ValueOf = str) -> Any:
    """Like :func:`merged`, but tasks, job clusters, environments and parameters with the same key
    are one, as in the CLI (its ``resourcemutator/merge_job_*``); there a reference counts as what
    it refers to.
    """
    if isinstance(base, str) and isinstance(over, (MarkedDict, MarkedList)):
        base = value_of(base)
    if isinstance(over, str) and isinstance(base, (MarkedDict, MarkedList)):
        over = value_of(over)
    if isinstance(base, MarkedDict) and isinstance(over, MarkedDict):
        return _merge_mappings(base, over, partial(laid_over, value_of=value_of))
    if isinstance(base, MarkedList) and isinstance(over, MarkedList):
        for identity in _IDENTITIES:
            if all(_has_text(item, identity) for item in (*base, *over)):
                return _merge_by(identity, base, over, value_of)
        return merged(base, over)
    return over


def _has_text(item: Any, key: str) -> bool:
    return isinstance(item, MarkedDict) and isinstance(item.get(key), str)


def _merge_by(identity: str, base: MarkedList, over: MarkedList, value_of: ValueOf) -> MarkedList:
    result = MarkedList(base)
    result.places = list(base.places)
    positions = {item[identity]: index for index, item in enumerate(result)}
    for item, place in zip(over, over.places, strict=True):
        if (index := positions.get(item[identity])) is not None:
            result[index] = laid_over(result[index], item, value_of)
        else:
            result.append(item)
            result.places.append(place)
    return result


_SECTIONS = ("artifacts", "bundle", "presets", "sync", "workspace")
_PARTS_OF_A_VARIABLE = {"default", "description", "lookup", "type", "value"}


def section(tree: MarkedDict, key: str) -> MarkedDict:
    """A mapping in a tree; an empty one where there is none.

    :raises Flaw: something else stands there.
    """
    found = tree.get(key)
    if found is None:
        return MarkedDict()
    if not isinstance(found, MarkedDict):
        raise BundleError(f"{key!r} has to be a mapping.", tree.places.get(key))
    return found


def choose_target(tree: MarkedDict, wanted: str | None) -> str:
    """The name of the target to use: the wanted one, else the default one, else the only one.

    :raises Flaw: there is no such target, or nothing says which one.
    """
    if "environments" in tree and "targets" not in tree:  # what targets once were called
        tree["targets"] = tree["environments"]
        tree.places["targets"] = tree.places["environments"]
    targets = section(tree, "targets")
    place = tree.places.get("targets")
    if wanted:
        if wanted not in targets and (targets or wanted != "default"):
            known = ", ".join(targets) or "none"
            raise BundleError(f"The bundle has no target {wanted!r}. Its targets: {known}.", place)
        return wanted
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
            targets.places[defaults[1]],
        )
    raise BundleError(
        f"None of the targets {', '.join(targets)} is the default. Mark one with 'default: true', "
        "or name one in DATABRICKS_BUNDLE_TARGET.",
        place,
    )


def apply_target(tree: MarkedDict, target: str) -> None:
    """Put what a target changes into the tree, but for the resources.

    :raises Flaw: the target is malformed.
    """
    chosen = section(section(tree, "targets"), target)
    for key in _SECTIONS:
        if over := section(chosen, key):
            _put(tree, key, laid_over(section(tree, key), over), chosen.places[key])
    if "mode" in chosen:
        _put_into(tree, "bundle", "mode", chosen["mode"], chosen.places["mode"])
    if "git" in chosen:
        git = laid_over(section(section(tree, "bundle"), "git"), section(chosen, "git"))
        _put_into(tree, "bundle", "git", git, chosen.places["git"])
    if "run_as" in chosen:
        _put(tree, "run_as", chosen["run_as"], chosen.places["run_as"])
    _lay_variables_over(tree, section(chosen, "variables"))


def apply_target_resources(tree: MarkedDict, target: str, value_of: ValueOf) -> None:
    """Put what a target changes of the resources into the tree.

    :param value_of: gives what a text that is a reference stands for in this target.
    :raises Flaw: they are malformed.
    """
    chosen = section(section(tree, "targets"), target)
    if over := section(chosen, "resources"):
        resources = laid_over(section(tree, "resources"), over, value_of)
        _put(tree, "resources", resources, chosen.places["resources"])


def _lay_variables_over(tree: MarkedDict, overrides: MarkedDict) -> None:
    if not overrides:
        return
    variables = MarkedDict(section(tree, "variables"))
    variables.places = dict(section(tree, "variables").places)
    for key, value in overrides.items():
        if key not in variables:
            raise BundleError(
                f"The target gives a value to the variable {key!r}, which is not defined. Define "
                "it under 'variables' of the bundle.",
                overrides.places[key],
            )
        over = definition_of(value)
        base = definition_of(variables.get(key))
        # A default takes the place of a lookup, and the other way round.
        for given, other in (("default", "lookup"), ("lookup", "default")):
            if given in over:
                base.pop(given, None)
                base.pop(other, None)
        variables[key] = merged(base, over)
    _put(tree, "variables", variables, next(iter(overrides.places.values())))


def definition_of(value: object) -> MarkedDict:
    """The definition of a variable of which the bundle may give no more than the value."""
    if value is None:
        return MarkedDict()
    if isinstance(value, MarkedDict) and (not value or value.keys() & _PARTS_OF_A_VARIABLE):
        copy = MarkedDict(value)
        copy.places = dict(value.places)
        if "value" in copy:
            copy["default"] = copy.pop("value")
        return copy
    return MarkedDict({"default": value})


def _put(tree: MarkedDict, key: str, value: object, place: Location) -> None:
    tree[key] = value
    tree.places.setdefault(key, place)


def _put_into(tree: MarkedDict, outer: str, key: str, value: object, place: Location) -> None:
    inside = laid_over(section(tree, outer), MarkedDict({key: value}))
    inside[key] = value
    inside.places[key] = place
    _put(tree, outer, inside, place)
