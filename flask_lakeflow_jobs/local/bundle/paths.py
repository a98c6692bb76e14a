"""From paths beside the bundle to the paths under which the workspace has its files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import BundleError, Location
from .yaml import MarkedDict, MarkedList

NOTEBOOK_SUFFIXES = (".py", ".ipynb", ".sql", ".r", ".scala")


"""In the order of the CLI's list (its ``libs/notebook``), the ones that run here first."""


_PIP_FLAG = re.compile(r"^(-e|--editable|-r|--requirement)[ =]\s*")


class DeployedFiles:
    """Turns paths beside the bundle into the paths under which the workspace has them.

    :param root: the folder whose files are deployed.
    :param files_path: where the workspace has them.
    """

    def __init__(self, root: Path, files_path: str) -> None:
        self.root = root
        self._files_path = files_path

    def deploy(self, settings: MarkedDict) -> None:
        """Replace the paths in a job's settings.

        :raises Flaw: a file is missing, or outside the folder.
        """
        for task in all_tasks(settings):
            # Paths of a job with a Git source are those in that repository.
            if "git_source" not in settings:
                self._deploy_code(task)
            for library in _mappings(task.get("libraries")):
                self._replace_library(library, "whl")
                self._replace_library(library, "requirements")
        for environment in _mappings(settings.get("environments")):
            spec = environment.get("spec")
            dependencies = spec.get("dependencies") if isinstance(spec, MarkedDict) else None
            if isinstance(dependencies, MarkedList):
                self._replace_dependencies(dependencies)

    def _deploy_code(self, task: MarkedDict) -> None:
        if isinstance(body := task.get("notebook_task"), MarkedDict):
            self._replace(body, "notebook_path", is_notebook=True)
        if isinstance(body := task.get("spark_python_task"), MarkedDict):
            self._replace(body, "python_file")
        if isinstance(body := task.get("dbt_task"), MarkedDict):
            self._replace(body, "project_directory", is_folder=True)
        sql = task.get("sql_task")
        if isinstance(sql, MarkedDict) and isinstance(file := sql.get("file"), MarkedDict):
            self._replace(file, "path")

    def _replace(
        self, body: MarkedDict, key: str, *, is_notebook: bool = False, is_folder: bool = False
    ) -> None:
        given = body.get(key)
        if not isinstance(given, str) or body.get("source") == "GIT" or not _is_relative(given):
            return
        place = body.places.get(key)
        local = self._local(given, place)
        if is_notebook and not local.is_file():
            local = _with_notebook_ending(local)
        if not (local.is_dir() if is_folder else local.is_file()):
            kind = "folder" if is_folder else "file"
            raise BundleError(f"There is no {kind} {given!r} (looked for {local}).", place)
        deployed = self._deployed(local, given, place)
        # A deployed notebook has no extension.
        body[key] = deployed.rpartition(".")[0] if is_notebook else deployed

    def _replace_library(self, library: MarkedDict, key: str) -> None:
        given = library.get(key)
        if isinstance(given, str) and _is_relative(given):
            place = library.places.get(key)
            library[key] = self._deployed_library(given, place)

    def _replace_dependencies(self, dependencies: MarkedList) -> None:
        for index, (given, place) in enumerate(zip(dependencies, dependencies.places, strict=True)):
            if not isinstance(given, str):
                continue
            flag = match.group() if (match := _PIP_FLAG.match(given)) else ""
            path = given[len(flag) :]
            if flag or _is_local_dependency(path):
                dependencies[index] = flag + self._deployed_library(path, place)

    def _deployed_library(self, given: str, place: Location | None) -> str:
        """Libraries may lie anywhere: a deployment uploads them by themselves."""
        local = self._local(given, place)
        return (
            self._deployed(local, given, place) if local.is_relative_to(self.root) else str(local)
        )

    def _local(self, given: str, place: Location | None) -> Path:
        declared_in = place[0].parent if place else self.root
        return Path(os.path.normpath(declared_in / given))

    def _deployed(self, local: Path, given: str, place: Location | None) -> str:
        if not local.is_relative_to(self.root):
            raise BundleError(
                f"{given!r} lies outside the bundle's folder {self.root}. Name its folder under "
                "'sync.paths'.",
                place,
            )
        return f"{self._files_path}/{local.relative_to(self.root).as_posix()}"


def all_tasks(settings: dict[str, Any]) -> Iterator[Any]:
    """The tasks of a job, and those that they repeat."""
    for task in settings["tasks"]:
        yield task
        each = task.get("for_each_task")
        if isinstance(each, dict) and isinstance(each.get("task"), dict):
            yield each["task"]


def files_root(root: Path, synced: MarkedDict) -> Path:
    """The folder whose files are deployed: the innermost that holds the bundle and all that is
    named under ``sync.paths``.

    :raises Flaw: that is no list of paths.
    """
    paths = synced.get("paths") or MarkedList()
    if not isinstance(paths, MarkedList) or not all(isinstance(each, str) for each in paths):
        raise BundleError("'paths' has to be a list of paths.", synced.places["paths"])
    named = [
        os.path.normpath(place[0].parent / each)
        for each, place in zip(paths, paths.places, strict=True)
    ]
    return Path(os.path.commonpath([root, *named]))


def _with_notebook_ending(path: Path) -> Path:
    candidates = (path.with_name(path.name + ending) for ending in NOTEBOOK_SUFFIXES)
    return next((file for file in candidates if file.is_file()), path)


def _is_relative(given: str) -> bool:
    return not PurePosixPath(given).is_absolute() and ":/" not in given


def _is_local_dependency(text: str) -> bool:
    """Whether pip would take it for a path; else it is the name of a package."""
    return _is_relative(text) and (text.startswith((".", "~")) or text.endswith(".whl"))


def _mappings(value: Any) -> list[MarkedDict]:
    items = value if isinstance(value, list) else []
    return [each for each in items if isinstance(each, MarkedDict)]


def matching(pattern: Path) -> list[Path]:
    """The files that a path with wildcards names."""
    return [Path(each) for each in sorted(glob.glob(str(pattern)))]
