"""Advice on a module that a task cannot import: which package to install, and how. Pure."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

# Several packages have modules below these names.
_NAMESPACES = ("azure", "databricks", "google")
_SETTING = "LAKEFLOW_JOBS_LOCAL_INSTALL = True"


def advise_on_module(
    module: str,
    requirements: Sequence[str],
    missing_libraries: Sequence[str] = (),
    *,
    is_installed: bool,
) -> str:
    """Return what to do about a missing module.

    :param module: its name, which may have dots.
    :param requirements: the packages that the task lists.
    :param missing_libraries: the wheels and projects that it lists and that do not exist.
    :param is_installed: whether these packages are installed.
    """
    name = module.partition(".")[0]
    if name in _NAMESPACES:
        name = module
    if missing_libraries:
        return (
            f"The task needs the module {name}, and lists {', '.join(missing_libraries)}, which "
            "does not exist. Build it or copy it there."
        )
    listed = ", ".join(requirements)
    if is_installed:
        return (
            f"The task needs the module {name}, which no package has that its environment lists: "
            f"{listed}. Add the package that has it."
        )
    for requirement in requirements:
        if _normalize(re.split(r"[\s\[<>=!~;@]", requirement)[0]) == _normalize(name):
            return (
                f"The task needs {name}, which its environment lists: {requirement}. Set {_SETTING}"
                " to let the local workspace install the packages of tasks, or install it: "
                f"pip install {shlex.quote(requirement)}."
            )
    if listed:
        return (
            f"The task needs the module {name}. Its environment lists: {listed}. Set {_SETTING} to "
            "let the local workspace install the packages of tasks."
        )
    return (
        f"The task needs the module {name}, which {sys.prefix} does not have. Install it there, or "
        f"list its package in the task's environment and set {_SETTING}."
    )


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
