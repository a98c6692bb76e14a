"""The local files behind the paths of the workspace."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..bundle.git import GitRepository
from ..bundle.load import Bundle
from ..bundle.paths import NOTEBOOK_SUFFIXES

#: The path of a Unity Catalog volume: catalog, schema and name.
_VOLUME = re.compile(r"(?<![\w./-])/Volumes/[\w-]+/[\w-]+/[\w-]+", re.ASCII)


class FileMissing(LookupError):
    """A file that does not exist in the workspace."""


class WorkspaceFiles:
    """The files of the bundle by their paths in the workspace.

    :param bundle: returns the current bundle.
    :param volumes: the folder that represents ``/Volumes``.
    """

    def __init__(self, bundle: Callable[[], Bundle], volumes: Path) -> None:
        self._bundle = bundle
        self._volumes = volumes

    @property
    def root(self) -> Path:
        """The folder of the bundle."""
        return self._bundle().root

    def to_local_path(self, path: str) -> Path:
        """Convert a path of the workspace, of this machine or relative to the bundle.

        The file need not exist.
        """
        bundle = self._bundle()
        name = path.removeprefix("file:")
        if name.startswith(bundle.files_path + "/"):
            return bundle.files_root / name.removeprefix(bundle.files_path + "/")
        return bundle.root / name

    @property
    def mounts(self) -> dict[str, str]:
        """The local folders by their paths in the workspace."""
        bundle = self._bundle()
        return {bundle.files_path: str(bundle.files_root), "/Volumes": str(self._volumes)}

    def localize(self, value: Any) -> Any:
        """Replace the paths of volumes and of the bundle's files in a JSON value by local paths.

        A task can open such a path. A volume is created once it is named, as if it were deployed.
        """
        if isinstance(value, str):
            text = self._localize_files(value)
            return _VOLUME.sub(self._create_volume, text) if "/Volumes/" in text else text
        if isinstance(value, list):
            return [self.localize(each) for each in value]
        if isinstance(value, dict):
            return {key: self.localize(each) for key, each in value.items()}
        return value

    def _localize_files(self, text: str) -> str:
        bundle = self._bundle()
        if bundle.files_path not in text:
            return text
        whole_path = rf"(?<![\w./-]){re.escape(bundle.files_path)}(?![\w.-])"
        return re.sub(whole_path, lambda _: str(bundle.files_root), text)

    def _create_volume(self, match: re.Match[str]) -> str:
        folder = self._volumes / match.group().removeprefix("/Volumes/")
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def find(self, path: str) -> Path:
        """Return the file at a path of the workspace, of this machine or relative to the bundle.

        :raises FileMissing: the file does not exist.
        """
        return self._find(path, ("",))

    def find_notebook(self, path: str) -> Path:
        """Return the notebook at a path, which may lack its extension, as in the workspace.

        :raises FileMissing: the notebook does not exist.
        """
        return self._find(path, ("", *NOTEBOOK_SUFFIXES))

    def _find(self, path: str, suffixes: tuple[str, ...]) -> Path:
        bundle = self._bundle()
        bases = [self.to_local_path(path)]
        # The paths of a job with a Git source are relative to the repository.
        if (repository := GitRepository(bundle.root).root) is not None:
            bases.append(repository / path)
        for base in bases:
            for suffix in suffixes:
                candidate = base.with_name(base.name + suffix)
                if candidate.is_file():
                    return candidate
        raise FileMissing(
            f"There is no file {path!r} in the local workspace. It serves the files of the "
            f"bundle in {bundle.root} under {bundle.files_path}."
        )
