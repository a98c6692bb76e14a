"""Targets of a bundle: which one is meant, and what it changes."""

from __future__ import annotations

from flask_lakeflow_jobs.local.yamlmarks import (
    Flaw,
    MarkedDict,
    Place,
    ValueOf,
    laid_over,
    merged,
)

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
        raise Flaw(f"{key!r} has to be a mapping.", tree.places.get(key))
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
            raise Flaw(f"The bundle has no target {wanted!r}. Its targets: {known}.", place)
        return wanted
    if len(targets) < 2:
        return next(iter(targets), "default")
    defaults = [
        key for key, each in targets.items() if isinstance(each, dict) and each.get("default")
    ]
    if len(defaults) == 1:
        return defaults[0]
    if defaults:
        raise Flaw(
            f"The targets {', '.join(defaults)} are all marked as default. Leave 'default: true' "
            "at one.",
            targets.places[defaults[1]],
        )
    raise Flaw(
        f"None of the targets {', '.join(targets)} is the default. Mark one with 'default: true', "
        "or name one in DATABRICKS_BUNDLE_TARGET.",
        place,
    )


def lay_target_over(tree: MarkedDict, target: str) -> None:
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


def lay_resources_over(tree: MarkedDict, target: str, value_of: ValueOf) -> None:
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
            raise Flaw(
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


def _put(tree: MarkedDict, key: str, value: object, place: Place) -> None:
    tree[key] = value
    tree.places.setdefault(key, place)


def _put_into(tree: MarkedDict, outer: str, key: str, value: object, place: Place) -> None:
    inside = laid_over(section(tree, outer), MarkedDict({key: value}))
    inside[key] = value
    inside.places[key] = place
    _put(tree, outer, inside, place)
