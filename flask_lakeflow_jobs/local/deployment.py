"""From paths beside the bundle to the paths under which the workspace has its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from flask_lakeflow_jobs.local.yamlmarks import MarkedDict, Place


class FileProblem(Exception):
    """A file that a job names and that cannot be deployed."""

    def __init__(self, message: str, place: Place | None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class DeployedFiles:
    """Turns paths beside the bundle into the paths under which the workspace has them."""

    def __init__(self, root: Path, files_path: str) -> None:
        self._root = root
        self._files_path = files_path

    def deploy(self, settings: MarkedDict) -> None:
        """Replace the paths in a job's settings.

        :raises FileProblem: a file is missing, or outside the bundle.
        """
        for task in _all_tasks(settings):
            if isinstance(body := task.get("notebook_task"), MarkedDict):
                self._replace(body, "notebook_path", is_notebook=True)
            if isinstance(body := task.get("spark_python_task"), MarkedDict):
                self._replace(body, "python_file")
            sql = task.get("sql_task")
            if isinstance(sql, MarkedDict) and isinstance(file := sql.get("file"), MarkedDict):
                self._replace(file, "path")

    def _replace(self, body: MarkedDict, key: str, *, is_notebook: bool = False) -> None:
        given = body.get(key)
        if not isinstance(given, str) or body.get("source") == "GIT":
            return
        if PurePosixPath(given).is_absolute() or ":/" in given:
            return
        place = body.places.get(key)
        declared_in = place[0].parent if place else self._root
        local = Path(os.path.normpath(declared_in / given))
        if is_notebook and not local.is_file():
            local = next(
                (
                    file
                    for end in (".py", ".ipynb")
                    if (file := local.with_name(local.name + end)).is_file()
                ),
                local,
            )
        if not local.is_file():
            raise FileProblem(f"There is no file {given!r} (looked for {local}).", place)
        if not local.is_relative_to(self._root):
            raise FileProblem(f"{given!r} lies outside the bundle's folder {self._root}.", place)
        deployed = f"{self._files_path}/{local.relative_to(self._root).as_posix()}"
        # A deployed notebook has no extension.
        body[key] = deployed.rpartition(".")[0] if is_notebook else deployed


def _all_tasks(settings: MarkedDict) -> Iterator[MarkedDict]:
    for task in settings["tasks"]:
        yield task
        each = task.get("for_each_task")
        if isinstance(each, MarkedDict) and isinstance(each.get("task"), MarkedDict):
            yield each["task"]
