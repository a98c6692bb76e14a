"""Paths of a bundle's files, and the paths under which the workspace has them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from ..model import mappings
from ..task_process.notebook_files import find_notebook_file
from .bundle_error import BundleError, Location
from .yaml import LocatedDict, LocatedList

#: What pip takes before the path of a project that is imported from its sources.
EDITABLE = re.compile(r"^(-e|--editable)[ =]\s*")
#: What pip takes before a path.
_PIP_FLAG = re.compile(r"^(-e|--editable|-r|--requirement)[ =]\s*")


class PathTranslator:
    """Replaces paths of local files in a job's settings by their paths in the workspace.

    :param root: the folder whose files are deployed.
    :param files_path: the path of that folder in the workspace.
    :param bundle_root: the folder of the bundle, to which paths in Python code are relative.
    """

    def __init__(self, root: Path, files_path: str, bundle_root: Path) -> None:
        self.root = root
        self._bundle_root = bundle_root
        self._files_path = files_path

    def translate(self, settings: LocatedDict) -> None:
        """Replace the paths in a job's settings.

        :raises BundleError: a file is missing, or outside the folder.
        """
        for task in iter_tasks(settings):
            # The paths of a job with a Git source are paths in that repository.
            if "git_source" not in settings:
                self._translate_code(task)
            for library in mappings(task.get("libraries")):
                for key in filter(library.__contains__, ("jar", "whl", "requirements")):
                    library[key] = self._translate_library(library[key], library.locations.get(key))
        for section, field, translate in (
            ("environments", "dependencies", self._translate_dependency),
            ("environment_variables", "files", self._translate_library),
        ):
            for item in mappings(settings.get(section)):
                spec = item.get("spec")
                texts = spec.get(field) if isinstance(spec, LocatedDict) else None
                if isinstance(texts, LocatedList):
                    texts[:] = map(translate, texts, texts.locations)

    def _translate_code(self, task: LocatedDict) -> None:
        if isinstance(body := task.get("notebook_task"), LocatedDict):
            self._translate_field(body, "notebook_path", is_notebook=True)
        if isinstance(body := task.get("spark_python_task"), LocatedDict):
            self._translate_field(body, "python_file")
        if isinstance(body := task.get("dbt_task"), LocatedDict):
            self._translate_field(body, "project_directory", is_folder=True)
        sql = task.get("sql_task")
        if isinstance(sql, LocatedDict) and isinstance(file := sql.get("file"), LocatedDict):
            self._translate_field(file, "path")

    def _translate_field(
        self, body: LocatedDict, key: str, *, is_notebook: bool = False, is_folder: bool = False
    ) -> None:
        path = body.get(key)
        if not isinstance(path, str) or body.get("source") == "GIT" or not is_relative(path):
            return
        location = body.locations.get(key)
        local = self._local_path(path, location)
        if is_notebook:
            local = Path(find_notebook_file(local) or local)
        if not (local.is_dir() if is_folder else local.is_file()):
            kind = "folder" if is_folder else "file"
            message = f"There is no {kind} {path!r} (expected at {local}). "
            raise BundleError(message + self._advise_on_missing(path, location), location)
        deployed = self._workspace_path(local, path, location)
        # A deployed notebook has no suffix, except for those of the designer.
        has_suffix = not is_notebook or deployed.endswith(".designer.ipynb")
        body[key] = deployed if has_suffix else deployed.rpartition(".")[0]

    def _advise_on_missing(self, path: str, location: Location | None) -> str:
        """Return what to do: the author may have written the path from the bundle's folder on."""
        likely = Path(os.path.normpath(self._bundle_root / path))
        if not likely.exists():
            return "Create it, or correct the path."
        right = Path(os.path.relpath(likely, folder_of(location, self._bundle_root))).as_posix()
        return f"Write {right!r}: paths start at the folder of the file that has them."

    def _translate_library(self, path: Any, location: Location | None) -> Any:
        is_local = isinstance(path, str) and is_relative(path)
        return self._library_path(path, location) if is_local else path

    def _translate_dependency(self, dependency: Any, location: Location | None) -> Any:
        return translate_dependency(dependency, partial(self._library_path, location=location))

    def _library_path(self, path: str, location: Location | None) -> str:
        local = self._local_path(path, location)
        # A deployment uploads libraries outside the folder on their own.
        is_inside = local.is_relative_to(self.root)
        return self._workspace_path(local, path, location) if is_inside else str(local)

    def _local_path(self, path: str, location: Location | None) -> Path:
        return Path(os.path.normpath(folder_of(location, self._bundle_root) / path))

    def _workspace_path(self, local: Path, path: str, location: Location | None) -> str:
        if not local.is_relative_to(self.root):
            raise BundleError(
                f"{path!r} lies outside the bundle's folder {self.root}. Name its folder under "
                "'sync.paths'.",
                location,
            )
        return f"{self._files_path}/{local.relative_to(self.root).as_posix()}"


def folder_of(location: Location | None, bundle_root: Path) -> Path:
    """Return the folder at which the relative paths at a location start."""
    if location and location[0].suffix != ".py":
        return location[0].parent
    return bundle_root


def iter_tasks(settings: dict[str, Any]) -> Iterator[Any]:
    """Yield the tasks of a job, and the tasks inside its for-each tasks."""
    for task in mappings(settings.get("tasks")):
        yield task
        loop = task.get("for_each_task")
        if isinstance(loop, dict) and isinstance(loop.get("task"), dict):
            yield loop["task"]


def find_files_root(root: Path, sync: LocatedDict) -> Path:
    """Return the folder whose files are deployed: the innermost that contains the bundle's folder
    and all ``sync.paths``.

    :raises BundleError: ``sync.paths`` is not a list of paths.
    """
    paths = sync.get("paths") or LocatedList()
    if not isinstance(paths, LocatedList) or not all(isinstance(each, str) for each in paths):
        raise BundleError("'paths' has to be a list of paths.", sync.locations["paths"])
    folders = [
        os.path.normpath(file.parent / each)
        for each, (file, _) in zip(paths, paths.locations, strict=True)
    ]
    return Path(os.path.commonpath([root, *folders]))


def is_relative(path: str) -> bool:
    """Return whether a path is one of a local file, neither absolute nor an address."""
    return not PurePosixPath(path).is_absolute() and ":/" not in path


def translate_dependency(dependency: Any, translate: Callable[[str], str]) -> Any:
    """Return a dependency as pip takes it, with its path translated if that is one of a local file.

    :param translate: returns the path to use.
    """
    if not isinstance(dependency, str):
        return dependency
    flag = match.group() if (match := _PIP_FLAG.match(dependency)) else ""
    quoted = dependency[len(flag) :].strip()
    path = quoted.strip("\"'")
    # Without a flag, anything else is the name of a package.
    is_path = flag or path.startswith((".", "~")) or path.endswith(".whl")
    is_local = is_path and is_relative(path)
    return flag + quoted.replace(path, translate(path)) if is_local else dependency
