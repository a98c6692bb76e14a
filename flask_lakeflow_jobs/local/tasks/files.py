"""The local files behind the paths of the workspace."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..bundle.git import GitRepository
from ..bundle.load import Bundle
from ..folder import WorkspaceFolder
from ..model import map_texts
from ..task_process.notebook_files import find_notebook_file
from ..task_process.paths import VOLUMES, to_local_path

#: The path of a volume: catalog, schema and name.
_VOLUME = re.compile(r"(?<![\w./-])(?:dbfs:)?(/Volumes/[\w-]+/[\w-]+/[\w-]+)", re.ASCII)


class FileMissing(LookupError):
    """A file that does not exist in the workspace."""


class WorkspaceFiles:
    """The files of the bundle and of volumes by their paths in the workspace.

    :param bundle: returns the current bundle.
    :param folder: keeps the volumes.
    """

    def __init__(self, bundle: Callable[[], Bundle], folder: WorkspaceFolder) -> None:
        self._bundle = bundle
        self._folder = folder

    @property
    def root(self) -> Path:
        """The folder of the bundle."""
        return self._bundle().root

    @property
    def mounts(self) -> dict[str, str]:
        """The local folders by their paths in the workspace."""
        bundle = self._bundle()
        return {bundle.files_path: str(bundle.files_root), VOLUMES: str(self._folder.volumes)}

    @property
    def wheels(self) -> Path:
        """The folder in which tasks unpack built wheels."""
        return self._folder.wheels

    @property
    def projects(self) -> tuple[Path, ...]:
        """The folders of the projects of which a deployment builds wheels."""
        return self._bundle().projects

    def to_local_path(self, path: str) -> Path:
        """Convert a path of the workspace, of this machine or relative to the bundle.

        The file need not exist.
        """
        name = re.sub("//+", "/", path.removeprefix("file:"))
        return self.root / to_local_path(name, self.mounts)

    def localize(self, value: Any) -> Any:
        """Replace the paths of the workspace in a JSON value by local paths.

        Any program can open such a path. A volume is created once it is named, as if it were
        deployed.
        """
        bundle, mounts = self._bundle(), self.mounts
        files_path = re.compile(rf"(?<![\w./-]){re.escape(bundle.files_path)}(?![\w.-])")

        def localize_text(text: str) -> str:
            text = files_path.sub(lambda _: str(bundle.files_root), text)
            return _VOLUME.sub(lambda match: to_local_path(match[1], mounts), text)

        return map_texts(value, localize_text)

    def find(self, path: str) -> Path:
        """Return the file at a path of the workspace, of this machine or relative to the bundle.

        :raises FileMissing: the file does not exist.
        """
        return self._find(path, lambda file: file if file.is_file() else None)

    def find_notebook(self, path: str) -> Path:
        """Return the notebook at a path, which may lack its extension, as in the workspace.

        :raises FileMissing: the notebook does not exist.
        """
        return self._find(path, find_notebook_file)

    def _find(self, path: str, find: Callable[[Path], str | Path | None]) -> Path:
        places = [self.to_local_path(path)]
        # The paths of a job with a Git source begin at the repository.
        if (repository := GitRepository(self.root).root) is not None:
            places.append(repository / path)
        for place in places:
            if (file := find(place)) is not None:
                return Path(file)
        raise FileMissing(
            f"There is no file {path} in the bundle {self.root}. Add it, or correct the path."
        )
