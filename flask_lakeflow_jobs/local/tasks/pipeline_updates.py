"""Updates of pipelines: what a ``pipeline_task`` gives to its process."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..bundle.paths import CODE_FIELDS
from ..model import Settings, mappings
from .catalogs import (
    BUILT_IN_CATALOGS,
    find_catalogs,
    find_catalogs_in_file,
    find_catalogs_in_folder,
)
from .context import TaskContext
from .files import FileMissing, WorkspaceFiles
from .jvm import require_jvm
from .templating import format_parameter
from .work import CannotRun, ProcessWork

_WILDCARD = re.compile(r"[*?[]")
_SUFFIXES = (".py", ".sql", ".ipynb")
_ENVIRONMENT = "pipeline"
_INGESTION_FIELDS = ("ingestion_definition", "gateway_definition")
_FLOW_FIELDS = ("refresh_flow_selection", "reset_checkpoint_selection")
# Those of run-now, which cannot choose another pipeline.
_REFRESH_FIELDS = ("full_refresh", "full_refresh_selection", "refresh_selection", *_FLOW_FIELDS)


def build_pipeline(spec: Settings, context: TaskContext) -> ProcessWork:
    """Update a pipeline, with the choice of tables of the task or of run-now."""
    body = _choose_tables(spec["pipeline_task"], context.overriding.get("pipeline_params", {}))
    pipeline_id = str(body.get("pipeline_id"))
    pipeline = context.files.localize(_find_pipeline(pipeline_id, context.pipelines))
    require_jvm("pipeline_task", "pyspark[pipelines]>=4.1", "pipelines", "pandas", "grpc", "yaml")
    code = find_definitions(pipeline, context.files)
    folder, root = _find_folders(pipeline, code, context.files)
    texts = (pipeline.get("configuration"), pipeline.get("parameters"), body.get("parameters"))
    configuration = _merge_texts(*texts)
    environment = {"environment_key": _ENVIRONMENT, "spec": pipeline.get("environment") or {}}
    return replace(context, settings={"environments": [environment]}).build_process(
        "pipeline",
        {**spec, "environment_key": _ENVIRONMENT},
        folder,
        code=code,
        parameters=context.files.localize(configuration),
        pipeline={
            "id": pipeline_id,
            "name": str(pipeline.get("name") or pipeline_id),
            "root": str(root),
            "schema": str(pipeline.get("schema") or pipeline.get("target") or "default"),
            "files": code,
            **_describe_catalogs(pipeline, configuration, code, folder),
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


def _find_pipeline(pipeline_id: str, pipelines: Mapping[str, Settings]) -> Settings:
    """Return the settings of a pipeline that can be updated here.

    :raises CannotRun: it does not exist, or loads data from another system.
    """
    pipeline = pipelines.get(pipeline_id)
    if pipeline is None:
        raise CannotRun(
            f"The workspace has no pipeline {pipeline_id!r}. Deploy it, or define it under "
            "'resources.pipelines' and name it as ${resources.pipelines.<its key>.id}."
        )
    for field in _INGESTION_FIELDS:
        if pipeline.get(field):
            raise CannotRun(
                f"A pipeline with {field!r} loads data from another system, which the local "
                "workspace cannot do: create its tables in another task, or simulate its job (tag "
                "'local_simulation')."
            )
    return pipeline


def _find_folders(pipeline: Settings, code: list[str], files: WorkspaceFiles) -> tuple[Path, Path]:
    """Return the folder of all code, in which others of its files may be, and that of imports.

    :param code: the files of the pipeline's libraries.
    """
    is_uploaded = all(map(files.is_uploaded, code))
    folder = Path(os.path.commonpath(map(os.path.dirname, code))) if is_uploaded else files.root
    root = files.to_local_path(str(pipeline.get("root_path") or folder))
    return root if is_uploaded else folder, root


def _merge_texts(*sources: Settings | None) -> dict[str, str]:
    """Merge mappings to strings; later ones take precedence."""
    return {
        name: format_parameter(value) for each in sources for name, value in (each or {}).items()
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
    for library in mappings(pipeline.get("libraries")):
        for kind, field in CODE_FIELDS.items():
            if kind not in library:
                continue
            path = library[kind].get(field)
            if not isinstance(path, str):
                raise CannotRun(f"The {kind!r} among the pipeline's libraries needs a path.")
            # The Databricks CLI deploys the matches of a pattern in the path of any kind.
            is_pattern = kind == "glob" or _WILDCARD.search(path) is not None
            matches = _find_matches(path, files) if is_pattern else _find_file(path, files)
            if not matches:
                raise CannotRun(
                    f"The pipeline has no file {path!r} among its libraries (expected at "
                    f"{files.to_local_path(path)}). Correct the path, which starts at the folder "
                    "of the file that has it, or create or upload a file that ends in "
                    f"{', '.join(_SUFFIXES)}."
                )
            found += matches
    if not found:
        raise CannotRun(
            "The pipeline has no libraries. Name its files under 'libraries', as 'glob', 'file' or "
            "'notebook'."
        )
    return [str(path) for path in dict.fromkeys(found)]


def _find_matches(pattern: str, files: WorkspaceFiles) -> list[Path]:
    """Return the files that a pattern names: ``folder/**`` all below a folder, ``*`` in names."""
    folder = files.to_local_path(pattern.removesuffix("/**"))
    if folder.is_dir():
        matches = [*folder.rglob("*")]
    else:
        fixed = _WILDCARD.split(pattern, maxsplit=1)[0].rpartition("/")[0]
        base = glob.escape(str(files.to_local_path(fixed)))
        found = glob.glob(base + "/" + pattern.removeprefix(fixed).lstrip("/"), recursive=True)
        matches = [Path(path) for path in found]
    return sorted(path for path in matches if path.suffix in _SUFFIXES and path.is_file())


def _find_file(path: str, files: WorkspaceFiles) -> list[Path]:
    """Return a file, which may lack its suffix."""
    with suppress(FileMissing):
        return [files.find_notebook(path)]
    return []
