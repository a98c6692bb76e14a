"""What the environment says of how a bundle is to be read."""

from __future__ import annotations

import hashlib
import json
import os

_VARIABLE = "BUNDLE_VAR_"


def target_asked_for() -> str:
    """The target that ``DATABRICKS_BUNDLE_TARGET`` names; empty if it names none."""
    return os.environ.get("DATABRICKS_BUNDLE_TARGET", "")


def value_of_variable(name: str) -> str | None:
    """The value that the environment gives to a variable of the bundle, if it gives one."""
    return os.environ.get(_VARIABLE + name)


def digest_of_variables() -> str:
    """The same for the same values of all ``BUNDLE_VAR_…``, and telling none of them."""
    given = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLE)}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
