"""Kinds of tasks that run in a Java virtual machine, with a pyspark that the user has installed."""

from __future__ import annotations

import fnmatch
import glob
import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model import Settings, mappings
from .bundle_catalogs import (
    BUILT_IN_CATALOGS,
    find_catalogs,
    find_catalogs_in_file,
    find_catalogs_in_folder,
)
from .compute import find_environment
from .files import WorkspaceFiles
from .task_context import TaskContext
from .templating import format_parameter
from .work import CannotRun, ProcessWork

#: The kinds of processes that start Java.
JVM_PROCESSES = frozenset({"pipeline", "spark_submit"})

_SUFFIXES = (".py", ".sql", ".ipynb")
# Folders in which nothing of the bundle is built, and which may be large.
_NO_BUILDS = ("node_modules", "site-packages", "__pycache__")
_ENVIRONMENT = "pipeline"
_FLOW_FIELDS = ("refresh_flow_selection", "reset_checkpoint_selection")
# Those of run-now, which cannot choose another pipeline.
_REFRESH_FIELDS = ("full_refresh", "full_refresh_selection", "refresh_selection", *_FLOW_FIELDS)


def build_pipeline(spec: Settings, context: TaskContext) -> ProcessWork:
    """Update a pipeline of the bundle, with the choice of tables of the task or of run-now."""
    chosen = context.overriding.get("pipeline_params", {})
    body = {
        **spec["pipeline_task"],
        **{field: chosen[field] for field in _REFRESH_FIELDS if field in chosen},
    }
    pipeline_id = str(body.get("pipeline_id"))
    pipeline = context.files.pipelines.get(pipeline_id)
    if pipeline is None:
        raise CannotRun(
            f"The bundle has no pipeline {pipeline_id!r}. Define it under 'resources.pipelines', "
            "and name it as ${resources.pipelines.<its key>.id}."
        )
    for field in _FLOW_FIELDS:
        if body.get(field):
            raise CannotRun(
                f"Spark has no equal of {field!r} in a pipeline_task. Use 'refresh_selection' or "
                "'full_refresh_selection'."
            )
    require_jvm("pipeline_task", "pyspark[pipelines]>=4.1", "pipelines", "pandas", "grpc", "yaml")
    root = context.files.to_local_path(str(pipeline.get("root_path") or context.files.root))
    settings = {
        "environments": [
            {"environment_key": _ENVIRONMENT, "spec": pipeline.get("environment") or {}}
        ]
    }
    configuration = {
        name: format_parameter(value)
        for source in (pipeline.get("configuration"), body.get("parameters"))
        for name, value in (source or {}).items()
    }
    catalog = pipeline.get("catalog")
    code = find_definitions(pipeline, context.files)
    named = set().union(*map(find_catalogs_in_file, code), [catalog] if catalog else [])
    return replace(context, settings=settings).build_process(
        "pipeline",
        {**spec, "environment_key": _ENVIRONMENT},
        context.files.root,
        code=code,
        parameters=context.files.localize(configuration),
        pipeline={
            "id": pipeline_id,
            "name": str(pipeline.get("name") or pipeline_id),
            "root": str(root),
            "schema": str(pipeline.get("schema") or pipeline.get("target") or "default"),
            "files": code,
            "catalog": str(catalog or BUILT_IN_CATALOGS[0]).lower(),
            "catalogs": sorted({*BUILT_IN_CATALOGS, *find_catalogs(configuration), *named}),
            # A module that the files import may read the sample table.
            "has_samples": "samples" in named | find_catalogs_in_folder(context.files.root),
            "full_refresh_all": bool(body.get("full_refresh")),
            "full_refresh": body.get("full_refresh_selection") or [],
            "refresh": body.get("refresh_selection") or [],
        },
    )


def find_definitions(pipeline: Settings, files: WorkspaceFiles) -> list[str]:
    """Return the files that define the tables of a pipeline.

    :raises CannotRun: there are none, or a file is missing.
    """
    found: list[Path] = []
    for library in pipeline["libraries"]:
        for kind, body in library.items():
            path = next(iter(body.values()))
            if not isinstance(path, str):
                raise CannotRun(f"The {kind!r} among the pipeline's libraries needs a path.")
            local = files.to_local_path(path)
            matches = _find_matches(local) if kind == "glob" else _find_file(local)
            if not matches:
                raise CannotRun(
                    f"The pipeline has no file {path!r} among its libraries (expected at {local}). "
                    "Correct the path, which starts at the folder of the file that has it, or "
                    f"create a file that ends in {', '.join(_SUFFIXES)}."
                )
            found += matches
    if not found:
        raise CannotRun(
            "The pipeline has no libraries. Name its files under 'libraries', as 'glob', 'file' or "
            "'notebook', or simulate the job of a pipeline that ingests (its tag "
            "'local_simulation')."
        )
    return [str(path) for path in dict.fromkeys(found)]


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


def _find_matches(pattern: Path) -> list[Path]:
    """Return the files that a pattern names: ``folder/**`` all below a folder, ``*`` in names."""
    text = str(pattern)
    base = Path(text.removesuffix("/**"))
    if base.is_dir():
        matches = list(base.rglob("*"))
    else:
        matches = [Path(path) for path in glob.glob(text, recursive=True)]
    return sorted(path for path in matches if path.suffix in _SUFFIXES and path.is_file())


def _find_file(path: Path) -> list[Path]:
    """Return a file, which may lack its suffix."""
    candidates = (path, *(path.with_name(path.name + suffix) for suffix in _SUFFIXES))
    return next(([each] for each in candidates if each.is_file()), [])


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
        matches = matches or sorted(_build_folder(context, local.name))
        if not matches:
            raise _not_built("JAR", local)
        jars += [str(each) for each in matches]
    if not jars:
        raise CannotRun(
            "The spark_jar_task has no JAR. List it as 'jar' among the task's libraries, or under "
            "'java_dependencies' of its environment."
        )
    return list(dict.fromkeys(jars))


def _build_folder(context: TaskContext, name: str) -> list[Path]:
    """Return the built JARs of a name: a deployment uploads them to another folder."""
    found: list[Path] = []
    for folder, folders, names in os.walk(context.files.root):
        folders[:] = [
            each for each in folders if not each.startswith(".") and each not in _NO_BUILDS
        ]
        found += [Path(folder, each) for each in fnmatch.filter(names, name)]
    return found
