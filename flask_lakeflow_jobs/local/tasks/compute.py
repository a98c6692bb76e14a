"""The libraries, environment variables and settings of Spark of a task.

Nothing else of its compute matters here.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..bundle.paths import EDITABLE
from ..model import Settings, mappings
from .projects import declares_package, find_package_folders, is_project

_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII)
_EXTRAS = re.compile(r"\[[\w,\s-]*\]$")


def find_local_libraries(settings: Settings, spec: Settings) -> Iterator[str]:
    """Yield the local wheels and projects among a task's libraries and dependencies.

    :param spec: the settings of the task.
    """
    for library in list_libraries(spec):
        if isinstance(wheel := library.get("whl"), str):
            yield wheel
    for dependency in find_environment(settings, spec).get("dependencies") or ():
        if not isinstance(dependency, str):
            continue
        path = _EXTRAS.sub("", EDITABLE.sub("", dependency))
        if path != dependency or path.endswith(".whl") or path.startswith("/"):
            yield path


def list_libraries(spec: Settings) -> list[dict[str, Any]]:
    """Return the libraries of a task."""
    return list(mappings(spec.get("libraries")))


def find_environment(settings: Settings, spec: Settings) -> Mapping[str, Any]:
    """Return the environment of a task without a cluster, or an empty mapping."""
    return _find_named(settings, "environments", "environment_key", spec).get("spec") or {}


def find_projects(library: Path, projects: Iterable[Path]) -> list[Path]:
    """Return the projects from whose sources a library is imported, built or not.

    :param library: a wheel, which may contain wildcards, or the folder of a project.
    :param projects: those of the bundle. A deployment may put their wheels anywhere.
    """
    if not _is_wheel(library):
        return [library] if is_project(library) else []
    if library.parent.name == "dist" and is_project(library.parent.parent):
        return [library.parent.parent]
    if glob.glob(str(library)):
        return []
    name = library.name.removesuffix("whl").rstrip(".").partition("-")[0]
    return [
        each
        for each in projects
        if is_project(each) and ("*" in name or declares_package(each, name))
    ]


def find_project_of(package: str, projects: Iterable[Path]) -> list[Path]:
    """Return the project of the bundle that has a package, or an empty list.

    A task need not list it: the image of its cluster may contain it.
    """
    return [each for each in projects if is_project(each) and declares_package(each, package)][:1]


def find_import_paths(library: Path, projects: Iterable[Path]) -> list[str]:
    """Return the import paths of a library: sources of its projects, and built wheels.

    The folder of a project may be the package itself.
    """
    sources: list[str] = []
    for project in projects:
        sources += map(str, find_package_folders(project))
        if (project / "__init__.py").is_file():
            sources.append(str(project.parent))
    return [*sources, *sorted(glob.glob(str(library)))] if _is_wheel(library) else sources


def _is_wheel(library: Path) -> bool:
    return library.name.endswith("whl")  # *whl is a pattern too


def read_variables(
    settings: Settings, spec: Settings, read: Callable[[str], str]
) -> dict[str, str]:
    """Return the environment variables from a task's cluster and from the job.

    SDK, documentation of ``JobEnvironmentVariablesSpec``: inline variables win over those of files,
    and a later file over an earlier one.

    :param read: returns the text of the file at a path.
    :raises ValueError: a line of a file names no variable.
    """
    cluster = _find_cluster(settings, spec)
    named = _find_named(settings, "environment_variables", "environment_variables_key", spec)
    environment: dict[str, Any] = {}
    if isinstance(cluster, Mapping):
        environment |= cluster.get("spark_env_vars") or {}
    if isinstance(own := named.get("spec"), Mapping):
        for path in own.get("files") or ():
            environment |= dict(_parse_variables(read(path), path))
        environment |= own.get("variables") or {}
    return {key: str(value) for key, value in environment.items()}


def _parse_variables(text: str, path: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := _VARIABLE.fullmatch(line):
            yield match[1], match[2]
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{path}:{number}: Write KEY=VALUE, or # before a comment.")


def read_spark_settings(settings: Settings, spec: Settings) -> dict[str, str]:
    """Return the settings of Spark of a task's cluster, without those for storage in the cloud."""
    cluster = _find_cluster(settings, spec)
    conf = (cluster.get("spark_conf") or {}) if isinstance(cluster, Mapping) else {}
    texts = {key: str(value) for key, value in conf.items()}
    return {key: text for key, text in texts.items() if "{{secrets/" not in text}


def _find_cluster(settings: Settings, spec: Settings) -> Any:
    named = _find_named(settings, "job_clusters", "job_cluster_key", spec)
    return spec.get("new_cluster") or named.get("new_cluster")


def _find_named(settings: Settings, section: str, key: str, spec: Settings) -> Mapping[str, Any]:
    """Return the item of a job's section to which a task refers by its key, or an empty mapping."""
    item_key = spec.get(key)
    items = (each for each in mappings(settings.get(section)) if each.get(key) == item_key)
    return next(items, {}) if item_key else {}
