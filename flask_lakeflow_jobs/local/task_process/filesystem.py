"""``dbutils.fs`` on the files of volumes and of this machine."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from errno import ENOENT

from .not_served import raise_not_served
from .paths import VOLUMES, create_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FileInfo(namedtuple("FileInfo", ("path", "name", "size", "modificationTime"))):
    """An entry of a folder, as ``dbutils.fs.ls`` lists it. Frames can be created of it."""

    __slots__ = ()

    def isDir(self) -> bool:  # noqa: N802 (its name on Databricks)
        return str(self.name).endswith("/")

    def isFile(self) -> bool:  # noqa: N802
        return not self.isDir()


def describe_file(path: str, file: str) -> FileInfo:
    """Return the entry of a file.

    :param path: its own in the workspace.
    """
    status = os.stat(file)
    is_folder = os.path.isdir(file)
    name = os.path.basename(file) + ("/" if is_folder else "")
    path += "/" if is_folder else ""
    return FileInfo(path, name, 0 if is_folder else status.st_size, int(status.st_mtime * 1000))


class FileSystemUtils:
    """``dbutils.fs`` on volumes, and with ``file:`` on this machine.

    :param mounts: folders of this machine by their paths in the workspace.
    """

    def __init__(self, mounts: dict[str, str]) -> None:
        self._mounts = mounts
        self._folders = {folder: mount for mount, folder in mounts.items()}

    def ls(self, path: str) -> list[FileInfo]:
        folder = self._file(path)
        if folder in self._folders and not os.path.exists(folder):
            return []  # the first file creates the root
        _require(folder)
        if os.path.isfile(folder):
            return [describe_file(self._find_address(path, folder), folder)]
        address = self._find_address(path.rstrip("/") + "/", folder + "/")
        files = (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
        # A file may be gone by now, and a link may lead nowhere.
        return [
            describe_file(address + os.path.basename(file), file)
            for file in files
            if os.path.exists(file)
        ]

    def head(self, file: str, max_bytes: int = 65536, maxBytes: int | None = None) -> str:  # noqa: N803
        """Return the beginning of a file as text. In the SDK, its length is called maxBytes."""
        length = int(max_bytes if maxBytes is None else maxBytes)  # of %fs, it is a text
        with open(_require(self._file(file)), "rb") as opened:
            return opened.read(length).decode(errors="replace")

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        target = self._file(file)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w" if overwrite else "x", encoding="utf-8") as opened:
            opened.write(contents)
        print(f"Wrote {len(contents.encode())} bytes.")
        return True

    def mkdirs(self, dir: str) -> bool:  # noqa: A002 (its name on Databricks)
        """Create a folder and its parents."""
        os.makedirs(self._file(dir), exist_ok=True)
        return True

    def rm(self, dir: str, recurse: bool = False) -> bool:  # noqa: A002
        """Remove a file, or with ``recurse`` a folder."""
        target = self._file_to_remove(dir)
        if not os.path.exists(target):
            return False
        if not os.path.isdir(target):
            os.remove(target)
        elif recurse:
            shutil.rmtree(target)
        else:
            os.rmdir(target)
        return True

    def cp(self, source: str, dest: str, recurse: bool = False) -> bool:
        """Copy a file, or with ``recurse`` a folder."""
        origin, target = _require(self._file(source)), self._file(dest)
        if os.path.isdir(origin) and recurse:
            shutil.copytree(origin, target, dirs_exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(origin, target)
        return True

    def mv(self, source: str, dest: str, recurse: bool = False) -> bool:
        """Copy a file or a folder, into a folder that may exist, and remove it then."""
        origin = _require(self._file_to_remove(source))
        if f"{self._file(dest)}/".startswith(f"{origin}/"):
            raise ValueError(f"Move {source!r} elsewhere: {dest!r} is itself or a path in it.")
        self.cp(source, dest, recurse=True)
        return self.rm(source, recurse=True)

    def __getattr__(self, name: str) -> Any:
        raise_not_served(f"fs.{name}")

    def _find_address(self, path: str, file: str) -> str:
        """Return the address of a file of a volume, or the path by which code has named it."""
        folder = self._mounts[VOLUMES]
        return f"dbfs:{VOLUMES}{file[len(folder) :]}" if file.startswith(folder + "/") else path

    def _file_to_remove(self, path: str) -> str:
        """Return the file of a path that a task may remove.

        :raises PermissionError: it is the author's only copy, or holds the files of others.
        """
        target = self._file(path)
        if any(f"{folder}/".startswith(target.rstrip("/") + "/") for folder in self._folders):
            raise PermissionError(
                f"{path!r} is the root of other files. Remove the files in it by their paths."
            )
        # The innermost one: the workspace's own folder may be in that of the bundle.
        holders = [each for each in self._folders if target.startswith(each + "/")]
        if holders and self._folders[max(holders, key=len)] != VOLUMES:
            raise PermissionError(
                f"{path!r} is a source of the bundle, which a task cannot remove here. Write to "
                "/Volumes instead."
            )
        return target

    def _file(self, path: str) -> str:
        """Return the local file of a path.

        :raises PermissionError: the path leads out of its volume's folder.
        :raises ValueError: it is a path of DBFS.
        """
        name = "/" + path.removeprefix("file:").removeprefix("dbfs:").lstrip("/")
        for mount, folder in self._mounts.items():
            if name == mount or name.startswith(mount + "/"):
                file = _join(folder, name[len(mount) :], path)
                create_volume(name, self._mounts[VOLUMES])
                return file
            # Paths in parameters of the task are translated already.
            if name == folder or name.startswith(folder + "/"):
                return _join(folder, name[len(folder) :], path)
        if path.startswith("file:"):
            return name
        raise ValueError(
            f"The local workspace has no DBFS, as in {path!r}. Use a volume: "
            "dbfs:/Volumes/<catalog>/<schema>/<name>, or file:/… for this machine."
        )


def _require(file: str) -> str:
    """Return a file or folder that exists.

    :raises FileNotFoundError: it does not. Code looks for the name of Java's error in the text.
    """
    if not os.path.exists(file):
        message = "java.io.FileNotFoundException: No such file or directory"
        raise FileNotFoundError(ENOENT, message, file)
    return file


def _join(root: str, rest: str, path: str) -> str:
    """Return a file below a root.

    :raises PermissionError: the path leaves the root, which it cannot on Databricks.
    """
    file = os.path.normpath(root + rest)
    if file != root and not file.startswith(root + "/"):
        raise PermissionError(f"The path {path!r} leads out of the file system. Remove its '..'.")
    return file
