"""Updates of pipelines: what a ``pipeline_task`` gives to its process."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..model import Settings
from .bundle_catalogs import (
    BUILT_IN_CATALOGS,
    find_catalogs,
    find_catalogs_in_file,
    find_catalogs_in_folder,
)
from .files import WorkspaceFiles
from .jvm import require_jvm
from .task_context import TaskContext
from .templating import format_parameter
from .work import CannotRun, ProcessWork

_SUFFIXES = (".py", ".sql", ".ipynb")
_ENVIRONMENT = "pipeline"
_FLOW_FIELDS = ("refresh_flow_selection", "reset_checkpoint_selection")
# Those of run-now, which cannot choose another pipeline.
_REFRESH_FIELDS = ("full_refresh", "full_refresh_selection", "refresh_selection", *_FLOW_FIELDS)


def build_pipeline(spec: Settings, context: TaskContext) -> ProcessWork:
    """Update a pipeline, with the choice of tables of the task or of run-now."""
    body = _choose_tables(spec["pipeline_task"], context.overriding.get("pipeline_params", {}))
    pipeline_id = str(body.get("pipeline_id"))
    pipeline = _find_pipeline(pipeline_id, context)
    require_jvm("pipeline_task", "pyspark[pipelines]>=4.1", "pipelines", "pandas", "grpc", "yaml")
    root = context.files.to_local_path(str(pipeline.get("root_path") or context.files.root))
    code = find_definitions(pipeline, context.files)
    configuration = _merge_texts(pipeline.get("configuration"), body.get("parameters"))
    environment = {"environment_key": _ENVIRONMENT, "spec": pipeline.get("environment") or {}}
    return replace(context, settings={"environments": [environment]}).build_process(
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
            **_describe_catalogs(pipeline, configuration, code, context.files.root),
            "full_refresh_all": bool(body.get("full_refresh")),
            "full_refresh": body.get("full_refresh_selection") or [],
            "refresh": body.get("refresh_selection") or [],
        },
    )


def _choose_tables(body: Settings, chosen: Settings) -> Settings:
    """Return the settings of a task with the choice of run-now.

    :raises CannotRun: Spark has no such choice.
    """
    body = {**body, **{field: chosen[field] for field in _REFRESH_FIELDS if field in chosen}}
    for field in _FLOW_FIELDS:
        if body.get(field):
            raise CannotRun(
                f"Spark has no equal of {field!r} in a pipeline_task. Use 'refresh_selection' or "
                "'full_refresh_selection'."
            )
    return body


def _find_pipeline(pipeline_id: str, context: TaskContext) -> Settings:
    pipeline = context.files.pipelines.get(pipeline_id)
    if pipeline is None:
        raise CannotRun(
            f"The bundle has no pipeline {pipeline_id!r}. Define it under 'resources.pipelines', "
            "and name it as ${resources.pipelines.<its key>.id}."
        )
    return pipeline


def _merge_texts(*mappings: Settings | None) -> dict[str, str]:
    """Merge mappings to strings; later ones take precedence."""
    return {
        name: format_parameter(value) for each in mappings for name, value in (each or {}).items()
    }


def _describe_catalogs(
    pipeline: Settings, configuration: Settings, code: Iterable[str], root: Path
) -> dict[str, Any]:
    """Return the catalog of a pipeline, and all that it may name."""
    catalog = pipeline.get("catalog")
    named = set().union(*map(find_catalogs_in_file, code), [catalog] if catalog else [])
    return {
        "catalog": str(catalog or BUILT_IN_CATALOGS[0]).lower(),
        "catalogs": sorted({*BUILT_IN_CATALOGS, *find_catalogs(configuration), *named}),
        # A module that the files import may read the sample table.
        "has_samples": "samples" in named | find_catalogs_in_folder(root),
    }


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
