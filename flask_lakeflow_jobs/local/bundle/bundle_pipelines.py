"""The pipelines of a bundle, as a ``pipeline_task`` runs them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..model import Settings, mappings
from .bundle_error import Location
from .paths import EDITABLE, folder_of, is_local_dependency, is_relative
from .yaml import LocatedDict, LocatedList

# The field of each kind of library that is code.
_CODE_FIELDS = {"file": "path", "notebook": "path", "glob": "include"}


def read_pipelines(section: Any, root: Path) -> dict[str, Settings]:
    """Return the settings of each pipeline by resource key, with absolute paths of local files.

    They are not validated. A path of the workspace stays as it is.

    :param section: the bundle's ``resources.pipelines``, references replaced.
    :param root: the bundle's folder, to which paths in Python code are relative.
    """
    pipelines = section if isinstance(section, LocatedDict) else LocatedDict()
    return {
        key: _read_pipeline(pipeline, pipelines.locations.get(key), root)
        for key, pipeline in pipelines.items()
        if isinstance(pipeline, LocatedDict)
    }


def _read_pipeline(pipeline: LocatedDict, default: Location | None, root: Path) -> Settings:
    def localize(path: Any, location: Location | None) -> Any:
        if not isinstance(path, str) or not is_relative(path):
            return path
        return os.path.normpath(folder_of(location or default, root) / path)

    settings = dict(pipeline)
    if "root_path" in pipeline:
        settings["root_path"] = localize(pipeline["root_path"], pipeline.locations.get("root_path"))
    settings["libraries"] = [
        {
            kind: {field: localize(body.get(field), body.locations.get(field))}
            for kind, field in _CODE_FIELDS.items()
            if isinstance(body := library.get(kind), LocatedDict)
        }
        for library in mappings(pipeline.get("libraries"))
    ]
    environment = pipeline.get("environment")
    dependencies = environment.get("dependencies") if isinstance(environment, dict) else None
    if isinstance(environment, dict) and isinstance(dependencies, LocatedList):
        settings["environment"] = {
            **environment,
            "dependencies": [
                _localize_dependency(each, localize, location)
                for each, location in zip(dependencies, dependencies.locations, strict=True)
            ],
        }
    return settings


def _localize_dependency(dependency: Any, localize: Any, location: Location | None) -> Any:
    if not isinstance(dependency, str):
        return dependency
    if flag := EDITABLE.match(dependency):
        return f"--editable {localize(dependency[flag.end() :].strip(), location)}"
    return localize(dependency, location) if is_local_dependency(dependency) else dependency
