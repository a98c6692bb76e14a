"""From a path in the workspace to the file on this machine."""

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
    """A task names a file that is not there."""


class WorkspaceFiles:
    """The files of the bundle under the paths at which the workspace shows them.

    :param bundle: gives the bundle as it is now.
    :param volumes: the folder that stands for ``/Volumes``.
    """

    def __init__(self, bundle: Callable[[], Bundle], volumes: Path) -> None:
        self._bundle = bundle
        self._volumes = volumes

    @property
    def root(self) -> Path:
        """The folder of the bundle."""
        return self._bundle().root

    def local(self, given: str) -> Path:
        """Where a path leads: of the workspace, of this machine, or relative to the bundle. There
        need not be anything.
        """
        bundle = self._bundle()
        name = given.removeprefix("file:")
        if name.startswith(bundle.files_path + "/"):
            return bundle.files_root / name.removeprefix(bundle.files_path + "/")
        return bundle.root / name

    @property
    def mounts(self) -> dict[str, str]:
        """The folders of the workspace by the paths under which it shows them."""
        bundle = self._bundle()
        return {bundle.files_path: str(bundle.files_root), "/Volumes": str(self._volumes)}

    def localized(self, value: Any) -> Any:
        """The same value with the paths in it, of volumes and of the bundle's files, leading to
        this machine's folders: a task that is given such a path opens what lies there.

        A volume that is named is there, as it is in a workspace once the bundle is deployed.

        :param value: a string, list, dict or anything else that JSON holds.
        """
        if isinstance(value, str):
            text = self._localized_files(value)
            return _VOLUME.sub(self._volume, text) if "/Volumes/" in text else text
        if isinstance(value, list):
            return [self.localized(each) for each in value]
        if isinstance(value, dict):
            return {key: self.localized(each) for key, each in value.items()}
        return value

    def _localized_files(self, text: str) -> str:
        bundle = self._bundle()
        if bundle.files_path not in text:
            return text
        whole_path = rf"(?<![\w./-]){re.escape(bundle.files_path)}(?![\w.-])"
        return re.sub(whole_path, lambda _: str(bundle.files_root), text)

    def _volume(self, match: re.Match[str]) -> str:
        folder = self._volumes / match.group().removeprefix("/Volumes/")
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def find(self, given: str) -> Path:
        """The file at a path: of the workspace, of this machine, or relative to the bundle.

        :raises FileMissing: there is none.
        """
        return self._find(given, ("",))

    def find_notebook(self, given: str) -> Path:
        """The notebook at a path, which as in the workspace may lack its extension.

        :raises FileMissing: there is none.
        """
        return self._find(given, ("", *NOTEBOOK_SUFFIXES))

    def _find(self, given: str, endings: tuple[str, ...]) -> Path:
        bundle = self._bundle()
        bases = [self.local(given)]
        # The paths of a job with a Git source begin where the repository does.
        if (checkout := GitRepository(bundle.root).root) is not None:
            bases.append(checkout / given)
        for base in bases:
            for ending in endings:
                candidate = base.with_name(base.name + ending)
                if candidate.is_file():
                    return candidate
        raise FileMissing(
            f"There is no file {given!r} in the local workspace. It serves the files of the "
            f"bundle in {bundle.root} under {bundle.files_path}."
        )
