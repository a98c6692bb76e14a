"""Endpoints of volumes: ``fs/files/…`` and ``fs/directories/…``."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate, parsedate_to_datetime

from ..errors import ApiError, InvalidParameterValue
from ..files.volume_folder import Folder, Parts, join_path, parse_path, read_chunks
from .replies import FileBody, RawReply
from .request import Request, Routes, Upload, UploadRoute
from .serializers import Json

MAX_FILE_BYTES = 5 * 2**30
MAX_PAGE_ENTRIES = 1000

_ROOT = "Volumes"
_VOLUME_LENGTH = 3  # catalog, schema and name
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class VolumeEndpoints:
    """Reads and writes the files that tasks see under ``/Volumes``.

    A volume exists once something is written to it.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.routes: Routes = {
            ("GET", "fs/files/{path...}"): self.download,
            ("HEAD", "fs/files/{path...}"): self.download,
            ("PUT", "fs/files/{path...}"): UploadRoute(self.upload, MAX_FILE_BYTES),
            ("DELETE", "fs/files/{path...}"): self.delete_file,
            ("PUT", "fs/directories/{path...}"): self.create_directory,
            ("HEAD", "fs/directories/{path...}"): self.find_directory,
            ("GET", "fs/directories/{path...}"): self.list_directory,
            ("DELETE", "fs/directories/{path...}"): self.delete_directory,
        }

    def upload(self, request: Upload) -> RawReply:
        """``PUT fs/files/{path}``; it overwrites unless the request says otherwise."""
        parts = self._parse(request)
        if len(parts) <= _VOLUME_LENGTH:
            raise _not_in_a_volume(parts)
        overwrite = request.read_bool("overwrite") or "overwrite" not in request.fields
        with _errors(parts):
            self._folder.make(parts[:-1])
            chunks = read_chunks(request.body, request.length)
            self._folder.write(parts, chunks, overwrite=overwrite)
        return RawReply(204)

    def download(self, request: Request) -> RawReply:
        """``GET`` and ``HEAD fs/files/{path}``, with a range of bytes."""
        parts = self._parse(request)
        with _errors(parts):
            file = self._folder.locate(parts)
            if not file.is_file():  # a pipe would have no end
                raise FileNotFoundError
            opened = open(file, "rb")  # noqa: SIM115 (the reply closes it)
        status = os.fstat(opened.fileno())
        if _is_before(request.unmodified_since, status.st_mtime):
            opened.close()
            message = f"{join_path((_ROOT, *parts))} has changed since {request.unmodified_since}."
            raise ApiError(412, "FAILED_PRECONDITION", message)
        start, end = _read_range(request.byte_range, status.st_size)
        headers = {
            "Content-Type": "application/octet-stream",
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        if start >= end and (start, end) != (0, 0):  # an empty file can be sent
            opened.close()
            return RawReply(416, {**headers, "Content-Range": f"bytes */{status.st_size}"})
        if (start, end) != (0, status.st_size):
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{status.st_size}"
        code = 206 if "Content-Range" in headers else 200
        opened.seek(start)
        return RawReply(code, headers, FileBody(opened, end - start))

    def delete_file(self, request: Request) -> RawReply:
        parts = self._parse(request)
        with _errors(parts):
            if self._folder.locate(parts).is_dir():
                raise FileNotFoundError
            self._folder.remove(parts, recursive=False)
        return RawReply(204)

    def create_directory(self, request: Request) -> RawReply:
        parts = self._parse(request)
        if len(parts) < _VOLUME_LENGTH:
            raise _not_in_a_volume(parts)
        with _errors(parts):
            self._folder.make(parts)
        return RawReply(204)

    def find_directory(self, request: Request) -> RawReply:
        parts = self._parse(request)
        with _errors(parts):
            if not self._folder.locate(parts).is_dir():
                raise FileNotFoundError
        return RawReply(204)

    def list_directory(self, request: Request) -> Json:
        """``GET fs/directories/{path}``, in pages."""
        parts = self._parse(request)
        after = request.read_text("page_token") or ""
        size = min(request.read_int("page_size") or MAX_PAGE_ENTRIES, MAX_PAGE_ENTRIES)
        if size < 0:
            raise InvalidParameterValue("page_size must not be negative.")
        with _errors(parts):
            names = [name for name in self._folder.names(parts) if name > after]
            contents = []
            for name in names[:size]:
                with suppress(FileNotFoundError):  # it may be gone by now
                    contents.append(self._describe((*parts, name)))
        page: Json = {"contents": contents} if contents else {}
        return {**page, "next_page_token": names[size - 1]} if len(names) > size else page

    def delete_directory(self, request: Request) -> RawReply:
        """``DELETE fs/directories/{path}``; it has to be empty."""
        parts = self._parse(request)
        if len(parts) <= _VOLUME_LENGTH:
            raise _not_in_a_volume(parts)
        with _errors(parts):
            if not self._folder.locate(parts).is_dir():
                raise FileNotFoundError
            self._folder.remove(parts, recursive=False)
        return RawReply(204)

    def _parse(self, request: Request) -> Parts:
        """Return a path below ``/Volumes``."""
        text = "/" + request.fields["path"].lstrip("/")
        stripped = self._folder.strip(text)
        parts = parse_path(stripped)
        # Paths in parameters of a task are those of this machine.
        if stripped != text:
            return parts
        if parts[:1] != (_ROOT,):
            raise InvalidParameterValue(f"{text} is not in a volume. Use a path below /{_ROOT}.")
        return parts[1:]

    def _describe(self, parts: Parts) -> Json:
        file = self._folder.path.joinpath(*parts)
        status = os.lstat(file)
        document = {
            "name": parts[-1],
            "path": join_path((_ROOT, *parts)),
            "is_directory": file.is_dir(),
            "last_modified": int(status.st_mtime * 1000),
        }
        return document if file.is_dir() else {**document, "file_size": status.st_size}


def _read_range(text: str, size: int) -> tuple[int, int]:
    """Return the first byte of a range, and the byte after its last; all of them without one."""
    match = _RANGE.fullmatch(text)
    if match is None or not any(match.groups()):
        return 0, size
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


def _is_before(text: str, moment: float) -> bool:
    """Return whether a date of HTTP is before a moment; false if it is no date."""
    try:
        return parsedate_to_datetime(text).timestamp() < int(moment)
    except (ValueError, OverflowError):
        return False


def _not_in_a_volume(parts: Parts) -> ApiError:
    return InvalidParameterValue(
        f"{join_path((_ROOT, *parts))} is not in a volume. Use a path below "
        "/Volumes/<catalog>/<schema>/<volume>."
    )


@contextmanager
def _errors(parts: Parts) -> Iterator[None]:
    """Raise errors of files as errors of the API."""
    path = join_path((_ROOT, *parts))
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no such file or directory: {path}."
        raise ApiError(404, "NOT_FOUND", message) from None
    except (FileExistsError, IsADirectoryError):
        message = f"There is a file or directory already: {path}."
        raise ApiError(409, "ALREADY_EXISTS", message) from None
    except PermissionError as error:
        raise ApiError(403, "PERMISSION_DENIED", str(error)) from None
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise ApiError(400, "IO_ERROR", f"{path}: {error.strerror}.") from None
        reason = "FILES_API_DIRECTORY_IS_NOT_EMPTY"
        message = f"The directory is not empty: {path}."
        raise ApiError(400, "INVALID_PARAMETER_VALUE", message, reason) from None
