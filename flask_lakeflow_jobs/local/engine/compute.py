"""What a task finds on its compute: the libraries of the bundle, and environment variables. Here
that is all of a cluster or an environment that counts.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..model import Settings

_EDITABLE = re.compile(r"^(-e|--editable)[ =]\s*")
_EXTRAS = re.compile(r"\[[\w,\s-]*\]$")
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def local_libraries(settings: Settings, spec: Settings) -> Iterator[str]:
    """The paths of wheels and of projects that a task's libraries and its environment name.

    :param settings: of the job.
    :param spec: the task's settings.
    """
    for library in _mappings(spec.get("libraries")):
        if isinstance(wheel := library.get("whl"), str):
            yield wheel
    environment = _named(settings, "environments", "environment_key", spec)
    for dependency in (environment.get("spec") or {}).get("dependencies") or ():
        if not isinstance(dependency, str):
            continue
        path = _EXTRAS.sub("", _EDITABLE.sub("", dependency))
        if path != dependency or path.endswith(".whl") or path.startswith("/"):
            yield path


def import_paths(library: Path) -> list[str]:
    """Where Python finds what a library holds: the source of the project from which a deployment
    would build the wheel, and the wheels that are there.

    :param library: a wheel, perhaps with wildcards, or the folder of a project.
    """
    if library.suffix != ".whl":
        return _sources(library)
    project = library.parent.parent
    sources = _sources(project) if library.parent.name == "dist" else []
    return [*sources, *sorted(glob.glob(str(library)))]


def environment_of(settings: Settings, spec: Settings) -> dict[str, str]:
    """The environment variables that a task's cluster, or the job for the task, sets."""
    cluster = spec.get("new_cluster") or _named(
        settings, "job_clusters", "job_cluster_key", spec
    ).get("new_cluster")
    variables = _named(settings, "environment_variables", "environment_variables_key", spec)
    found: dict[str, str] = {}
    for holder in (cluster, variables.get("spec")):
        if isinstance(holder, Mapping):
            for field in ("spark_env_vars", "environment_variables"):
                found |= holder.get(field) or {}
    return {key: str(value) for key, value in found.items()}


def _sources(project: Path) -> list[str]:
    if not any((project / name).is_file() for name in PROJECT_FILES):
        return []
    return [str(folder) for folder in (project / "src", project) if folder.is_dir()]


def _named(settings: Settings, section: str, key: str, spec: Settings) -> Mapping[str, Any]:
    """The item of a job's section that a task names by its key; nothing where there is none."""
    wanted = spec.get(key)
    items = (each for each in _mappings(settings.get(section)) if each.get(key) == wanted)
    return next(items, {}) if wanted else {}


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
