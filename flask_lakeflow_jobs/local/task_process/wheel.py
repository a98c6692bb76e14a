"""Runs the entry point of a package, which need not be built yet."""

from __future__ import annotations

import os
import re
import sys
import types
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from .dbutils import DBUtils
from .project_metadata import declares, read_project_files
from .script import extend_import_path


def run_wheel(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Call the entry point that a package or its project declares, or a function of its name."""
    package, name = payload["package_name"], payload["entry_point"]
    extend_import_path(payload)
    sys.argv = [os.path.basename(sys.argv[0]), *payload["parameters"]]
    dbutils.serve_imports({})
    try:
        entry_points = [each for each in distribution(package).entry_points if each.name == name]
    except PackageNotFoundError:
        entry_points = []
        if not payload["libraries"]:
            raise ModuleNotFoundError(
                f"The package {package!r} is not installed here. Install it into the environment "
                f"that runs the local workspace ({sys.executable}), or name its wheel among the "
                "task's libraries or in its environment.",
                # With a name, the error gets advice on the missing wheel.
                name=package if payload["missing_libraries"] else None,
            ) from None
    if entry_points:
        entry_points[0].load()()
        return
    declared = find_declared_entry_point(payload["libraries"], package, name)
    module_name, function_name = declared or (package.replace("-", "_"), name)
    function = getattr(_import_or_none(module_name), function_name, None)
    if function is None and payload["missing_libraries"]:
        raise ModuleNotFoundError(f"No package named {package!r}", name=package)
    if function is None:
        missing = f"there is no function {function_name!r} in a module {module_name!r}"
        raise AttributeError(
            f"Correct the entry point {name!r} that the project of {package!r} declares, or write "
            f"the function: {missing}."
            if declared
            else f"The package {package!r} has no entry point {name!r}, and {missing}. Name an "
            "entry point that its project declares."
        )
    function()


def find_declared_entry_point(
    folders: list[str], package: str, name: str
) -> tuple[str, str] | None:
    """Find the module and the function of an entry point in the project files of some folders.

    All three kinds of files write ``name = module:function``, with or without quotes.

    :param package: preferred if several projects declare the entry point.
    """
    declaration = re.compile(
        rf"""(?<![\w.-])["']?{re.escape(name)}["']?\s*=\s*["']?([\w.]+):(\w+)"""
    )
    found = None
    for folder in folders:
        for text in read_project_files(folder):
            if match := declaration.search(text):
                if declares(text, package):
                    return match[1], match[2]
                found = found or (match[1], match[2])
    return found


def _import_or_none(name: str) -> types.ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module exists, but imports another one that does not
        return None
