"""The pipelines of a bundle, as a ``pipeline_task`` runs them."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from ..model import Settings
from .errors import Location
from .yaml import LocatedDict, LocatedList

_EDITABLE = re.compile(r"^(?:-e|--editable)[ =]\s*")
# The field of each kind of library that is code.
_CODE_FIELDS = {"file": "path", "notebook": "path", "glob": "include"}


def read_pipelines(section: Any, root: Path) -> dict[str, Settings]:
    """Return the settings of each pipeline by resource key, with absolute paths of local files.

    Nothing says that they could run. A path of the workspace stays as it is.

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
        if not isinstance(path, str) or PurePosixPath(path).is_absolute() or ":/" in path:
            return path
        place = location or default
        folder = place[0].parent if place and place[0].suffix != ".py" else root
        return os.path.normpath(folder / path)

    settings = dict(pipeline)
    if "root_path" in pipeline:
        settings["root_path"] = localize(pipeline["root_path"], pipeline.locations.get("root_path"))
    settings["libraries"] = [
        {
            kind: {field: localize(body.get(field), body.locations.get(field))}
            for kind, field in _CODE_FIELDS.items()
            if isinstance(body := library.get(kind), LocatedDict)
        }
        for library in _items(pipeline.get("libraries"))
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
    if flag := _EDITABLE.match(dependency):
        return f"--editable {localize(dependency[flag.end() :].strip(), location)}"
    is_path = dependency.startswith(".") or dependency.endswith(".whl")
    return localize(dependency, location) if is_path else dependency


def _items(value: Any) -> list[LocatedDict]:
    items = value if isinstance(value, list) else []
    return [each for each in items if isinstance(each, LocatedDict)]
