"""The local files behind the paths of the workspace."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..bundle.git import GitRepository
from ..bundle.load import Bundle
from ..folder import WorkspaceFolder
from ..model import map_texts
from ..task_process.notebook_files import find_notebook_file

#: The path of a Unity Catalog volume: catalog, schema and name.
_VOLUME = re.compile(r"(?<![\w./-])/Volumes/[\w-]+/[\w-]+/[\w-]+", re.ASCII)
#: The top folders of workspace files. Other names could be folders of this machine.
_TOP_FOLDERS = ("Users", "Shared", "Repos")
_WORKSPACE = rf"(?<![\w./-])/Workspace(?=/(?:{'|'.join(_TOP_FOLDERS)})/)"
_DBFS = re.compile(r"(?<![\w./-])/dbfs(?=/)")

#: Paths below a Git folder, or below a deployed bundle or its artifacts, of anyone or of a group.
_COPIES = (
    re.compile(rf"/Workspace/(?!(?:{'|'.join(_TOP_FOLDERS)})/)[^/]+/(.+)"),
    re.compile(
        r"(?:(?:/Workspace)?/(?:Shared|(?:Users|Repos)/[^/]+)|/Workspace/[^/]+)"
        r"/(?:\.bundle/[^/]+/[^/]+/(?:files|artifacts/\.internal)|[^/.][^/]*)/(.+)"
    ),
)


class FileMissing(LookupError):
    """A file that does not exist in the workspace."""


class WorkspaceFiles:
    """The files of the bundle and of the workspace by their paths in the workspace.

    :param bundle: returns the current bundle.
    :param folder: keeps the workspace files, volumes and DBFS.
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
        bundle, folder = self._bundle(), self._folder
        own = {f"/Workspace/{name}": str(folder.files / name) for name in _TOP_FOLDERS}
        return {
            bundle.files_path: str(bundle.files_root),
            "/Volumes": str(folder.volumes),
            "/dbfs": str(folder.dbfs),
            "/databricks-datasets": str(folder.dbfs / "databricks-datasets"),
            **own,
        }

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
        candidates = self._candidates(path)
        return next((each for each in candidates if each.exists()), candidates[0])

    def is_uploaded(self, file: str) -> bool:
        """Return whether a local file is among those that clients have uploaded."""
        return Path(file).is_relative_to(self._folder.files)

    def localize(self, value: Any, *, keep_volumes: bool = False) -> Any:
        """Replace the paths of the workspace in a JSON value by local paths.

        Any program can open such a path. A volume is created once it is named, as if it were
        deployed.

        :param keep_volumes: leave the paths of volumes as they are.
        """

        def replace_volume(match: re.Match[str]) -> str:
            folder = self._folder.volumes / match.group().removeprefix("/Volumes/")
            folder.mkdir(parents=True, exist_ok=True)
            return match.group() if keep_volumes else str(folder)

        def localize_text(text: str) -> str:
            text = self._localize_files(text)
            return _VOLUME.sub(replace_volume, text) if "/Volumes/" in text else text

        return map_texts(value, localize_text)

    def _localize_files(self, text: str) -> str:
        bundle = self._bundle()
        if bundle.files_path in text:
            whole_path = rf"(?<![\w./-]){re.escape(bundle.files_path)}(?![\w.-])"
            text = re.sub(whole_path, lambda _: str(bundle.files_root), text)
        if "/Workspace/" in text:
            # Code puts /files/… behind the folder of the deployment, which has no local equal.
            deployment = re.escape(os.path.dirname(bundle.files_path))
            text = re.sub(
                rf"(?!{deployment}/?(?![\w./-])){_WORKSPACE}",
                lambda _: str(self._folder.files),
                text,
            )
        return _DBFS.sub(lambda _: str(self._folder.dbfs), text) if "/dbfs/" in text else text

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
        bundle = self._bundle()
        bases = self._candidates(path)
        # The author's copy of the bundle in another workspace.
        name = re.sub("//+", "/", path).removeprefix(str(self._folder.files))
        copied = [match[1] for each in _COPIES if (match := each.fullmatch(name))]
        bases += [bundle.root / each for each in copied]
        # The paths of a job with a Git source, and those in a Git folder, begin at the repository.
        if (repository := GitRepository(bundle.root).root) is not None:
            bases += [repository / each for each in (path, *copied)]
        for base in bases:
            if (file := find(base)) is not None:
                return Path(file)
        absolute = f"/Workspace{name}" if name != path and name.startswith("/") else path
        raise FileMissing(
            f"Add the file {absolute!r} to the bundle, or upload it: it is not in the local "
            f"workspace. This serves the files of the bundle in {bundle.root} under "
            f"{bundle.files_path}, and the files that were uploaded."
        )

    def _candidates(self, path: str) -> list[Path]:
        """Return where the file at a path may be: in the bundle, and among workspace files."""
        bundle, folder = self._bundle(), self._folder
        if path.startswith("dbfs:/"):
            return [folder.dbfs / path.removeprefix("dbfs:").lstrip("/")]
        name = re.sub("//+", "/", path.removeprefix("file:"))
        if name.startswith("/Volumes/"):
            return [folder.volumes / name.removeprefix("/Volumes/")]
        local = bundle.root / name
        if f"{name}/".startswith(f"{bundle.files_path}/"):
            local = bundle.files_root / name.removeprefix(bundle.files_path).lstrip("/")
        if local.is_relative_to(bundle.files_root):
            # Another client may have deployed to the path of the bundle.
            path_in_workspace = f"{bundle.files_path}/{local.relative_to(bundle.files_root)}"
            return [local, self._uploaded(path_in_workspace)]
        return [local, self._uploaded(name)] if name.startswith("/") else [local]

    def _uploaded(self, path: str) -> Path:
        return self._folder.files / path.removeprefix("/Workspace").lstrip("/")
