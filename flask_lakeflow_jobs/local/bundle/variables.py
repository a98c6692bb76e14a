"""Variables of a bundle, and the names and ids that depend on who reads it."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from .bundle_error import BundleError, Location
from .merge import normalize_variable
from .yaml import LocatedDict

_ENVIRONMENT_PREFIX = "BUNDLE_VAR_"
_USER_NAME = re.compile(r"[^/\x00-\x1f\x7f\ud800-\udfff]{1,50}")  # may be part of a path


def read_target() -> str:
    """Return the target in ``DATABRICKS_BUNDLE_TARGET``; empty if it is not set."""
    return os.environ.get("DATABRICKS_BUNDLE_TARGET", "")


def hash_variables() -> str:
    """Return a hash of all ``BUNDLE_VAR_…``, which does not reveal their values."""
    prefix = _ENVIRONMENT_PREFIX
    values = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def set_variables(assignments: Iterable[str]) -> None:
    """Set variables in the environment, from ``NAME=VALUE`` each.

    :raises BundleError: one has another form, or a name occurs twice, which the CLI refuses.
    """
    values: dict[str, str] = {}
    for text in assignments:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise BundleError(f"The variable {text!r} is not of the form NAME=VALUE.")
        if name in values:
            raise BundleError(f"The variable {name!r} is set twice. Set it once.")
        values[name] = value
    os.environ.update({_ENVIRONMENT_PREFIX + name: value for name, value in values.items()})


def find_misspelled(variables: Collection[str]) -> Iterator[str]:
    """Yield a warning for each ``BUNDLE_VAR_…`` whose name is close to that of a variable.

    Others may belong to another bundle.
    """
    for name in sorted(os.environ):
        key = name.removeprefix(_ENVIRONMENT_PREFIX)
        if key == name or key in variables:
            continue
        if close := get_close_matches(key, variables, 1):
            closest = _ENVIRONMENT_PREFIX + close[0]
            if closest not in os.environ:
                yield f"{name} sets no variable of the bundle. Did you mean {closest}?"


def current_user_name() -> str:
    """Return the name of the user who owns the jobs of the local workspace."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return f"{name if _USER_NAME.fullmatch(name) else 'user'}@localhost"


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


def assign_variables(variables: LocatedDict, overrides: Mapping[str, Any]) -> LocatedDict:
    """Return the value of each variable, in which references are not replaced.

    The environment comes first, then the file that the CLI reads for a target, then the default
    (the CLI's mutator ``set_variables``).

    :param overrides: the values in that file.
    :raises BundleError: a variable has no value, or one of another type.
    """
    values = LocatedDict()
    for key, each in variables.items():
        location = variables.locations.get(key)
        values[key] = _assign(key, normalize_variable(each), overrides, location)
        if location is not None:
            values.locations[key] = location
    if missing := [key for key, value in values.items() if value is None]:
        raise BundleError(_describe_missing(missing), values.locations.get(missing[0]))
    return values


def _describe_missing(keys: list[str]) -> str:
    names = ", ".join(_ENVIRONMENT_PREFIX + key for key in keys)
    if len(keys) == 1:
        missing = f"The variable {keys[0]!r} has no value. Give it"
    else:
        missing = f"The variables {', '.join(map(repr, keys))} have no value. Give each"
    return f"{missing} a 'default', or a value in the target, or set {names} in the environment."


def _assign(
    key: str, definition: LocatedDict, overrides: Mapping[str, Any], location: Location | None
) -> Any:
    """Return the value of a variable; ``None``: it has none."""
    is_complex = definition.get("type") == "complex"
    name = _ENVIRONMENT_PREFIX + key
    if (text := os.environ.get(name)) is not None:
        if is_complex:
            message = f"The variable {key!r} is complex, so {name} cannot set it. Write its value"
            raise BundleError(f"{message} into the bundle or its target.", location)
        return text
    if isinstance(lookup := definition.get("lookup"), dict):
        # Only a workspace knows the id, and nothing here uses it.
        return "-".join(map(str, lookup.values()))
    if (value := overrides.get(key)) is not None:
        if isinstance(value, (dict, list)) is not is_complex:
            kinds = ("complex", "not complex") if is_complex else ("not complex", "complex")
            raise BundleError(
                f"The variable {key!r} is {kinds[0]}, but its value in variable-overrides.json is "
                f"{kinds[1]}.",
                location,
            )
        return value
    return definition.get("default")
