"""Kinds of tasks that run in a Java virtual machine, with a pyspark that the user has installed."""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..model import Settings, mappings
from .compute import find_environment
from .context import TaskContext
from .work import CannotRun, ProcessWork

#: The kinds of processes that start Java.
JVM_PROCESSES = frozenset({"pipeline", "spark_submit"})

# Folders in which nothing of the bundle is built, and which may be large.
_NO_BUILDS = ("node_modules", "site-packages", "__pycache__")


def build_jar(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run a class of the task's JARs with spark-submit; run-now's ``jar_params`` come first."""
    body = spec["spark_jar_task"]
    name = body.get("main_class_name")
    if not isinstance(name, str) or not name:
        raise CannotRun("The spark_jar_task needs a 'main_class_name'.")
    jars = _find_jars(spec, context)
    require_jvm("spark_jar_task", "pyspark")
    return context.build_process(
        "spark_submit",
        spec,
        context.files.root,
        main_class=name,
        jars=jars,
        parameters=context.list_parameters(body, "jar_params"),
    )


def build_submit(spec: Settings, context: TaskContext) -> ProcessWork:
    """Run spark-submit with the parameters; run-now's ``spark_submit_params`` come first."""
    require_jvm("spark_submit_task", "pyspark")
    body = spec["spark_submit_task"]
    listed = context.list_parameters(body, "spark_submit_params")
    parameters = [
        str(context.files.to_local_path(each)) if each.startswith(("file:/", "dbfs:/")) else each
        for each in listed
    ]
    if not parameters:
        raise CannotRun("The spark_submit_task needs 'parameters', such as a JAR and its class.")
    code = next((each for each in parameters if re.fullmatch(r"/[^,]+\.(?:jar|py)", each)), None)
    if code is not None and not os.path.exists(code):
        raise _not_built("file", Path(code))
    return context.build_process(
        "spark_submit",
        spec,
        context.files.root,
        parameters=parameters,
    )


def _not_built(kind: str, path: Path) -> CannotRun:
    return CannotRun(
        f"There is no {kind} {path}. Build it, or copy it there: the local workspace does not "
        "build the bundle's 'artifacts'."
    )


def require_jvm(kind: str, requirement: str, *modules: str) -> None:
    """Check that a task can start Java.

    :param requirement: of pip, to install what is missing.
    :param modules: further ones that it needs. ``pipelines`` is one of pyspark.
    :raises CannotRun: it cannot.
    """
    if importlib.util.find_spec("pysail"):  # it refuses a newer one
        requirement += ",<4.3" if "=" in requirement else "<4.3"
    found = importlib.util.find_spec("pyspark")
    homes = [Path(each) for each in (found and found.submodule_search_locations) or ()]
    given = [Path(os.environ["SPARK_HOME"])] if "SPARK_HOME" in os.environ else []
    is_complete = any((home / "jars").is_dir() for home in [*homes, *given])
    for module in modules:
        is_complete &= (
            any((home / module).is_dir() for home in homes)
            if module == "pipelines"
            else importlib.util.find_spec(module) is not None
        )
    if not is_complete:
        removed = "pip uninstall pyspark-client; " if homes else ""
        raise CannotRun(
            f"A {kind} needs pyspark with its Java libraries here: {removed}pip install "
            f"'{requirement}'."
        )
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise CannotRun(
            f"A {kind} needs Java here: install a JRE of version 17 or later, such as "
            "default-jre-headless of Debian, or set JAVA_HOME."
        )


def _find_jars(spec: Settings, context: TaskContext) -> list[str]:
    environment: Mapping[str, Any] = find_environment(context.settings, spec)
    paths = [library.get("jar") for library in mappings(spec.get("libraries"))]
    paths += environment.get("java_dependencies") or []
    jars: list[str] = []
    for path in paths:
        if not isinstance(path, str):
            continue
        local = context.files.to_local_path(path)
        matches = sorted(local.parent.glob(local.name))
        matches = matches or sorted(_find_built(context, local.name))
        if not matches:
            raise _not_built("JAR", local)
        jars += [str(each) for each in matches]
    if not jars:
        raise CannotRun(
            "The spark_jar_task has no JAR. List it as 'jar' among the task's libraries, or under "
            "'java_dependencies' of its environment."
        )
    return list(dict.fromkeys(jars))


def _find_built(context: TaskContext, name: str) -> list[Path]:
    """Return the built JARs of a name: a deployment uploads them to another folder."""
    found: list[Path] = []
    for folder, folders, names in os.walk(context.files.root):
        folders[:] = [
            each for each in folders if not each.startswith(".") and each not in _NO_BUILDS
        ]
        found += [Path(folder, each) for each in fnmatch.filter(names, name)]
    return found
