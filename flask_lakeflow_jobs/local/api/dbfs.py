"""Endpoints of DBFS: ``dbfs/…``, and the setting by which clients know that there is one."""

from __future__ import annotations

import base64
import errno
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import ApiError, InvalidParameterValue, ResourceDoesNotExist
from ..files.volume_folder import Folder, Parts, join_path, parse_path
from .request import Request, Routes, read_base64
from .serializers import Json

#: Of a block that is written or read, as in the service.
MAX_BLOCK_BYTES = 2**20
MAX_HANDLES = 100

_DEFAULT_READ_BYTES = 2**19
_SETTING: Json = {"name": "disable_legacy_dbfs", "effective_boolean_val": {"value": False}}
_ELSEWHERE = {
    "Volumes": "The files of volumes are under 'fs/files' and 'fs/directories'.",
    "Workspace": "Workspace files are under 'workspace'.",
}


@dataclass(frozen=True, slots=True)
class _Handle:
    """A file that is being written."""

    parts: Parts
    overwrite: bool
    file: BinaryIO
    unfinished: Path

    def drop(self) -> None:
        with suppress(OSError):  # of what it has not written yet
            self.file.close()
        self.unfinished.unlink(missing_ok=True)


class DbfsEndpoints:
    """Reads and writes the files that tasks see under ``dbfs:/`` and ``/dbfs``."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._handles: dict[int, _Handle] = {}
        self._ids = itertools.count(int.from_bytes(os.urandom(6), "big"))
        self.routes: Routes = {
            ("GET", "dbfs/get-status"): self.get_status,
            ("GET", "dbfs/list"): self.list,
            ("POST", "dbfs/mkdirs"): self.mkdirs,
            ("POST", "dbfs/delete"): self.delete,
            ("POST", "dbfs/move"): self.move,
            ("POST", "dbfs/put"): self.put,
            ("POST", "dbfs/create"): self.create,
            ("POST", "dbfs/add-block"): self.add_block,
            ("POST", "dbfs/close"): self.close,
            ("GET", "dbfs/read"): self.read,
            ("GET", "settings/disable_legacy_dbfs"): lambda request: _SETTING,
        }

    def get_status(self, request: Request) -> Json:
        parts = self._parse(request)
        with _errors(parts):
            return self._describe(parts)

    def list(self, request: Request) -> Json:
        """``dbfs/list``; of a file, the file itself."""
        parts = self._parse(request)
        with _errors(parts):
            status = self._describe(parts)
            if not status["is_dir"]:
                return {"files": [status]}
            names = self._folder.names(parts) if self._folder.path.is_dir() else []
            files = []
            for name in names:
                # A file may be gone by now, and a link of a task may lead out or in circles.
                with suppress(OSError):
                    files.append(self._describe((*parts, name)))
            return {"files": files}

    def mkdirs(self, request: Request) -> Json:
        parts = self._parse(request)
        with _errors(parts):
            self._folder.make(parts)
        return {}

    def delete(self, request: Request) -> Json:
        """``dbfs/delete``; it succeeds if there is nothing, as in the service."""
        parts = self._parse(request)
        if not parts:
            raise ApiError(403, "PERMISSION_DENIED", "The root of DBFS cannot be deleted.")
        with _errors(parts):
            if self._folder.locate(parts).exists():
                self._folder.remove(parts, recursive=request.read_bool("recursive"))
        return {}

    def move(self, request: Request) -> Json:
        source = self._parse(request, "source_path")
        target = self._parse(request, "destination_path")
        with _errors(source):
            self._describe(source)
            with _errors(target):
                if self._folder.locate(target).exists():
                    raise FileExistsError
                self._folder.make(target[:-1])
            os.rename(self._folder.locate(source), self._folder.locate(target))
        return {}

    def put(self, request: Request) -> Json:
        """``dbfs/put``, of JSON or a form."""
        parts = self._parse(request)
        form_files = [each for each in request.fields.values() if isinstance(each, bytes)]
        if form_files:  # the CLI from PyPI names it otherwise than the documentation
            content = form_files[0]
        else:
            content = read_base64(request, "contents")
            _check_block(len(content))
        with _errors(parts):
            self._folder.make(parts[:-1])
            overwrite = request.read_bool("overwrite")
            self._folder.write(parts, [content], overwrite=overwrite)
        return {}

    def create(self, request: Request) -> Json:
        """``dbfs/create``: a handle, to write a file in blocks. The file appears with its end."""
        parts = self._parse(request)
        overwrite = request.read_bool("overwrite")
        with _errors(parts):
            file = self._folder.locate(parts)
            if file.is_dir() or (file.exists() and not overwrite):
                raise FileExistsError
            self._folder.make(parts[:-1])
            opened, unfinished = self._folder.create()
        with self._lock:
            if len(self._handles) >= MAX_HANDLES:  # its client has probably died
                self._handles.pop(min(self._handles)).drop()
            handle = next(self._ids)
            self._handles[handle] = _Handle(parts, overwrite, opened, unfinished)
        return {"handle": handle}

    def add_block(self, request: Request) -> Json:
        block = read_base64(request, "data")
        _check_block(len(block))
        number = request.require_int("handle")
        with self._lock:
            handle = self._find(number)
            try:
                with _errors(handle.parts):
                    handle.file.write(block)
            except ApiError:  # the file would lack this block
                self._handles.pop(number).drop()
                raise
        return {}

    def close(self, request: Request) -> Json:
        number = request.require_int("handle")
        with self._lock:
            handle = self._find(number)
            del self._handles[number]
        try:
            with _errors(handle.parts):
                handle.file.flush()
                os.fsync(handle.file.fileno())
                self._folder.publish(handle.unfinished, handle.parts, overwrite=handle.overwrite)
        finally:
            handle.drop()
        return {}

    def read(self, request: Request) -> Json:
        """``dbfs/read``: a part of a file in base64."""
        parts = self._parse(request)
        offset, length = request.read_int("offset") or 0, request.read_int("length")
        length = _DEFAULT_READ_BYTES if length is None else length
        if offset < 0 or length < 0:
            raise InvalidParameterValue("offset and length must not be negative.")
        if length > MAX_BLOCK_BYTES:
            message = f"At most {MAX_BLOCK_BYTES} bytes can be read at once."
            raise ApiError(400, "MAX_READ_SIZE_EXCEEDED", message)
        with _errors(parts):
            if self._describe(parts)["is_dir"]:
                raise InvalidParameterValue(f"{join_path(parts)} is a directory.")
            file = self._folder.locate(parts)
            if not file.is_file():  # a pipe would have no end
                raise FileNotFoundError
            with open(file, "rb") as opened:
                opened.seek(offset)
                data = opened.read(length)
        return {"bytes_read": len(data), "data": base64.b64encode(data).decode()}

    def _find(self, number: int) -> _Handle:
        if number not in self._handles:
            raise ResourceDoesNotExist(
                f"No handle {number} is open. A restart of the workspace closes all handles."
            )
        return self._handles[number]

    def _parse(self, request: Request, name: str = "path") -> Parts:
        text = (request.read_text(name) or "").removeprefix("dbfs:")
        # Paths in parameters of a task are those of this machine.
        parts = parse_path(self._folder.strip(text), name)
        if parts and parts[0] in _ELSEWHERE:
            raise InvalidParameterValue(f"{name} is not in DBFS. {_ELSEWHERE[parts[0]]}")
        return parts

    def _describe(self, parts: Parts) -> Json:
        file = self._folder.locate(parts)
        is_folder = file.is_dir() or not parts
        status = file.stat() if parts else None
        return {
            "path": join_path(parts),
            "is_dir": is_folder,
            "file_size": 0 if status is None or is_folder else status.st_size,
            "modification_time": 0 if status is None else int(status.st_mtime * 1000),
        }


def _check_block(length: int) -> None:
    if length > MAX_BLOCK_BYTES:
        message = f"A block has at most {MAX_BLOCK_BYTES} bytes. Write the file in several blocks."
        raise ApiError(400, "MAX_BLOCK_SIZE_EXCEEDED", message)


@contextmanager
def _errors(parts: Parts) -> Iterator[None]:
    """Raise errors of files as errors of the API."""
    path = join_path(parts)
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise ResourceDoesNotExist(f"No file or directory exists on path {path}.") from None
    except (FileExistsError, IsADirectoryError):
        message = f"A file or directory already exists at the input path dbfs:{path}."
        raise ApiError(400, "RESOURCE_ALREADY_EXISTS", message) from None
    except PermissionError as error:
        raise ApiError(403, "PERMISSION_DENIED", str(error)) from None
    except OSError as error:
        message = f"{path}: {error.strerror}."
        if error.errno == errno.ENOTEMPTY:
            message = "Directory is not empty. Use recursive delete or remove contents first."
        raise ApiError(400, "IO_ERROR", message) from None
