"""The files of one file system of the workspace: their paths, and the folder that holds them."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from ..errors import InvalidParameterValue

CHUNK_BYTES = 1024 * 1024
MAX_PATH_BYTES = 2048  # so that it fits into a folder of this machine
MAX_LEVELS = 100
#: Of one part of a path. The files of notebooks and unfinished files need a few bytes more.
MAX_NAME_BYTES = 240

#: The parts of a path, from its root on.
Parts = tuple[str, ...]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def parse_path(path: str | None, name: str = "path") -> Parts:
    """Split an absolute path into its parts.

    :param name: of the field, for errors.
    :raises ApiError: the path is missing, or could lead somewhere else.
    """
    if not path:
        raise InvalidParameterValue(f"Missing required field: {name}")
    if not path.startswith("/"):
        raise InvalidParameterValue(f"{name} has to be an absolute path: it begins with '/'.")
    if _CONTROL.search(path):
        raise InvalidParameterValue(f"{name} contains a character that no path may contain.")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise InvalidParameterValue(f"{name} contains '..'. Write the path without it.")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise InvalidParameterValue(
            f"{name} has a name that is longer than {MAX_NAME_BYTES} bytes."
        )
    if len(path.encode()) > MAX_PATH_BYTES:
        raise InvalidParameterValue(f"{name} is longer than {MAX_PATH_BYTES:,} bytes.")
    if len(parts) > MAX_LEVELS:
        raise InvalidParameterValue(f"{name} has more than {MAX_LEVELS} levels.")
    return parts


def join_path(parts: Parts) -> str:
    """Return the path with these parts."""
    return "/" + "/".join(parts)


class Folder:
    """Files and folders by the parts of their paths, none of which leads out.

    A file appears with all its content or not at all, also when this process is killed.

    :param path: is created when something is written.
    :param unfinished: keeps files while they are written, on the same disk.
    """

    def __init__(self, path: Path, unfinished: Path) -> None:
        self.path = path
        self._unfinished = unfinished

    def locate(self, parts: Parts) -> Path:
        """Return the file of this machine at a path. It need not exist.

        :raises PermissionError: a link on the way leads out of the folder.
        """
        file = self.path.joinpath(*parts)
        root = os.path.realpath(self.path)
        real = os.path.realpath(file)
        if real != root and not real.startswith(root + os.sep):
            raise PermissionError(f"A link in {join_path(parts)} leads out of the file system.")
        return file

    def strip(self, path: str) -> str:
        """Return a path of this machine below the folder as a path in it; keep any other path."""
        root = str(self.path)
        return path[len(root) :] or "/" if f"{path}/".startswith(f"{root}/") else path

    def create(self) -> tuple[BinaryIO, Path]:
        """Create an unfinished file, for :meth:`publish`."""
        self._unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._unfinished)
        return open(descriptor, "wb"), Path(name)

    def publish(self, unfinished: Path, parts: Parts, *, overwrite: bool) -> None:
        """Move an unfinished file to its path.

        :raises FileExistsError: the path exists, and is not to be overwritten.
        :raises IsADirectoryError: it is a folder.
        :raises FileNotFoundError: its folder does not exist.
        """
        file = self.locate(parts)
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "It is a folder", str(file))
        if overwrite:
            os.replace(unfinished, file)
        else:
            os.link(unfinished, file)  # fails if the path exists, unlike a rename
            unfinished.unlink()

    def write(self, parts: Parts, content: Iterable[bytes], *, overwrite: bool) -> None:
        """Write a file; see :meth:`publish` for its errors."""
        file, unfinished = self.create()
        try:
            with file:
                for chunk in content:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self.publish(unfinished, parts, overwrite=overwrite)
        finally:
            unfinished.unlink(missing_ok=True)

    def make(self, parts: Parts) -> None:
        """Create a folder and its parents.

        :raises FileExistsError: one of them is a file.
        """
        try:
            self.locate(parts).mkdir(parents=True, exist_ok=True)
        except NotADirectoryError as error:
            raise FileExistsError(*error.args) from None

    def remove(self, parts: Parts, *, recursive: bool) -> None:
        """Remove a file or a folder. A link is removed, not its target.

        :raises FileNotFoundError: there is nothing.
        :raises OSError: a folder is not empty, and ``recursive`` is false.
        """
        self.locate(parts[:-1])
        file = self.path.joinpath(*parts)
        if file.is_symlink() or not file.is_dir():
            file.unlink()
        elif recursive:
            try:
                shutil.rmtree(file)
            except RecursionError:
                raise OSError(errno.ENAMETOOLONG, "It has too many levels") from None
        else:
            file.rmdir()

    def names(self, parts: Parts) -> list[str]:
        """Return the names in a folder, in order.

        :raises FileNotFoundError: there is no such folder.
        """
        return sorted(os.listdir(self.locate(parts)))


def read_chunks(file: BinaryIO, length: int) -> Iterable[bytes]:
    """Yield the next ``length`` bytes of a file in chunks, or what is left of it."""
    while chunk := file.read(min(CHUNK_BYTES, length)):
        length -= len(chunk)
        yield chunk
