"""Advice on a module that a task cannot import: which package to install, and how."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence

from .package_names import find_package, normalize_name
from .spark.language.spark_advice import JVM
from .spark.session.task_spark import INSTALL_ADVICE
from .surroundings_advice import PIPELINE_ADVICE

# Several packages have modules below these names.
_NAMESPACES = ("azure", "databricks", "google")
# Modules of clusters whose services are on Databricks only.
_SERVICES = {"databricks.automl": "AutoML"}
_LEAVE_OUT = (
    "Leave {} out for a local run, or simulate the job (its tag 'local_simulation'): the local "
    "workspace has no {}."
)
# Modules of clusters that need a package beside pyspark on Java: those of tasks leave it out. On
# Sail, a module of the workspace takes its place.
_PACKAGES = {"delta": "delta-spark"}
# Modules of pyspark that its client without Java leaves out.
_OF_JAVA = ("broadcast", "context", "core", "files", "rdd", "status")
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'\s*$")
_IMPORTED = re.compile(r"cannot import name '(\w+)'")  # as in from databricks import automl
_SETTING = "LAKEFLOW_JOBS_LOCAL_INSTALL = True (without an app, pass --install)"
_MAX_FOLDERS = 2000  # of a bundle that are searched
# They hold code of others.
_FOLDERS_OF_OTHERS = frozenset(["__pycache__", "build", "dist", "node_modules", "site-packages"])


def find_missing_module(error: BaseException) -> str | None:
    """Return the name of the module that an error is about the lack of."""
    if isinstance(error, ModuleNotFoundError):
        return error.name
    if type(error).__name__ == "PythonException":  # of code that Spark calls
        match = _MISSING.search(str(error))
        return match[1] if match else None
    if isinstance(error, ImportError) and error.name in _NAMESPACES:
        match = _IMPORTED.match(error.msg)
        return f"{error.name}.{match[1]}" if match else None
    return None


def advise_on_module(
    module: str,
    requirements: Sequence[str],
    missing_libraries: Sequence[str] = (),
    *,
    installs: bool,
    root: str = "",
) -> str:
    """Return what to do about a missing module.

    :param module: its name, which may have dots.
    :param requirements: the packages that the task lists.
    :param missing_libraries: the wheels and projects that it lists and that do not exist.
    :param installs: whether the workspace installs these packages.
    :param root: the folder of the bundle; empty to search no folder.
    """
    name = module if module.partition(".")[0] in _NAMESPACES else module.partition(".")[0]
    if name == "dlt" and "dlt" not in map(normalize_name, requirements):  # a package loads data
        return PIPELINE_ADVICE
    if advice := _advise_on_cluster(module, name):
        return advice
    if missing_libraries:
        return (
            f"The task needs the module {name}, and lists {', '.join(missing_libraries)}, which "
            "does not exist. Build it or copy it there."
        )
    if advice := _advise_on_place(module, name, root):
        return advice
    if beside := _PACKAGES.get(name):
        return (
            f"The task needs the module {name}, which clusters of Databricks have. Install it "
            f"beside pyspark: {sys.executable} -m pip install {beside}."
        )
    found = find_package(module)
    of_cluster = found[1] if found else None
    if installs:
        return _advise_to_list(name, of_cluster, ", ".join(requirements))
    return _advise_to_install(name, of_cluster, requirements)


def _advise_on_cluster(module: str, name: str) -> str | None:
    """Return what to do about a module that only clusters have; ``None`` for another one."""
    if service := _SERVICES.get(".".join(module.split(".")[:2])):
        return _LEAVE_OUT.format(name, service)
    if module == "pyspark":  # the task's own would be one on Java
        return INSTALL_ADVICE
    if module.startswith(tuple(f"pyspark.{each}" for each in _OF_JAVA)):
        return f"Sail has no {module}, a part of Spark that needs Java. Use DataFrames, or {JVM}."
    return None


def _advise_on_place(module: str, name: str, root: str) -> str | None:
    """Return what to do if a package lacks the module, or the bundle has it elsewhere."""
    parent, _, last = module.rpartition(".")
    if name != module and (package := sys.modules.get(parent)) is not None:
        place = package.__file__ or next(iter(package.__path__))
        return (
            f"The package {parent} ({place}) has no module {last}. Create it, correct the import, "
            "or list another version of the package."
        )
    if root and (folder := find_folder_of(name, root)):
        return (
            f"Add {folder} to sys.path before the import of {name}: the bundle has the module "
            "there, and tasks import from the folder of their own file and from that of the bundle."
        )
    return None


def _advise_to_list(name: str, package: str | None, listed: str) -> str:
    """Return the advice where the workspace installs the packages that tasks list.

    :param package: with the module; ``None``: not known.
    """
    if listed:
        return (
            f"Add {package or f'the package that has {name}'} to the environment of the task. It "
            f"needs the module {name}, which no package has that it lists: {listed}."
        )
    return (
        f"The task needs the module {name}, which {sys.prefix} does not have. List its package"
        f"{f', {package},' if package else ''} in the task's environment."
    )


def _advise_to_install(name: str, package: str | None, requirements: Sequence[str]) -> str:
    """Return the advice where the workspace installs nothing."""
    for requirement in requirements:
        if normalize_name(requirement) in map(normalize_name, (name, package or name)):
            return (
                f"The task needs {name}, which its environment lists: {requirement}. Set {_SETTING}"
                " to let the local workspace install the packages of tasks, or install it: "
                f"pip install {shlex.quote(requirement)}."
            )
    if package:
        return (
            f"The task needs the module {name}, which clusters of Databricks have. Install it "
            f"here: pip install {shlex.quote(package)}. Or set {_SETTING} to let the local "
            "workspace install the packages of tasks."
        )
    if requirements:
        return (
            f"The task needs the module {name}. Its environment lists: {', '.join(requirements)}. "
            f"Set {_SETTING} to let the local workspace install the packages of tasks."
        )
    return (
        f"The task needs the module {name}, which {sys.prefix} does not have. Install it there, or "
        f"list its package in the task's environment and set {_SETTING}."
    )


def find_folder_of(module: str, root: str) -> str | None:
    """Return the folder of a bundle that has a module or a package, relative to the bundle."""
    pending = [root]
    for _ in range(_MAX_FOLDERS):
        if not pending:
            break
        folder = pending.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda each: each.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name == f"{module}.py" or (entry.name == module and _has_code(entry.path)):
                return os.path.relpath(folder, root)
        pending += [each.path for each in entries if _is_own_folder(each)]
    return None


def _has_code(folder: str) -> bool:
    try:
        return any(name.endswith(".py") for name in os.listdir(folder))
    except OSError:
        return False


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    is_of_others = entry.name.startswith(".") or entry.name in _FOLDERS_OF_OTHERS
    return not is_of_others and entry.is_dir(follow_symlinks=False)
