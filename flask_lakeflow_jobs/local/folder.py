"""The folder of a workspace: its files, its address, and the process that serves it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ModuleNotFoundError as error:
    raise ImportError(
        "The local workspace needs Linux or macOS. On Windows, run your app in WSL, or use a"
        " workspace of Databricks."
    ) from error

_MAX_READ_LOCK_SECONDS = 0.5  # for which is_served() of another process may hold the lock
_LOCK_RETRY_SECONDS = 0.01
_PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII)
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a workspace and a token for it.

    :param host: the URL, as in a client's configuration.
    :param pid: the process that serves it.
    """

    host: str
    token: str = field(repr=False)
    pid: int


class WorkspaceError(RuntimeError):
    """The workspace cannot be used. The message says why, and what to do."""


class WorkspaceFolder:
    """The files in the folder of a workspace."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.database = self.path / "runs.sqlite"
        self.log = self.path / "workspace.log"
        self.tasks = self.path / "tasks"
        self.data = self.path / "data"
        self.files = self.path / "files"
        self.volumes = self.path / "volumes"
        self.wheels = self.path / "wheels"
        self.unfinished = self.path / "unfinished"
        self._address = self.path / "address.json"
        self._identity = self.path / "identity.json"
        self.secrets = self.path / "secrets.json"
        self._serving = self.path / "serving.lock"
        self._starting = self.path / "starting.lock"

    def create(self) -> None:
        """Create the folder, readable by this user only.

        :raises WorkspaceError: that fails, or others may change what is there.
        """
        try:
            for parent in reversed(self.path.parents):
                if not parent.exists():
                    # Not by the umask: who may write to it may put another folder in its place.
                    parent.mkdir(mode=0o755, exist_ok=True)
            self.path.mkdir(exist_ok=True, mode=0o700)
            self.check()
            (self.path / ".gitignore").write_text("*\n")  # it has a token, and may be in a project
        except OSError as error:
            raise WorkspaceError(
                f"The folder {self.path} for the local workspace cannot be created: {error}. "
                "Use a folder that is writable and has space."
            ) from error

    def with_plain_path(self) -> WorkspaceFolder:
        """Return this folder by a path that a URI keeps as it is: Spark escapes another one twice.

        :raises WorkspaceError: others may change the link to it.
        """
        if _PLAIN_PATH.fullmatch(str(self.path)):
            return self
        place = Path(tempfile.gettempdir(), f"lakeflow-jobs-{os.geteuid()}")
        link = place / hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            if place.is_symlink():  # its owner can change its target
                raise WorkspaceError(f"{place} is a link. Remove it, or use a plain path.")
            WorkspaceFolder(place).check()
            if not (link.is_symlink() and link.readlink() == self.path):  # it may be in use
                link.unlink(missing_ok=True)
                link.symlink_to(self.path)
        except OSError as error:
            raise self.unusable(error) from error
        return WorkspaceFolder(link)

    def unusable(self, error: Exception) -> WorkspaceError:
        """Return the error of a folder whose files cannot be read or written."""
        return WorkspaceError(
            f"The local workspace cannot use its folder {self.path}: {error}. Make room on "
            "its disk, or use another folder."
        )

    def check(self) -> None:
        """Check that only this user can have written what the folder contains.

        Its files say where calls are sent, with which token, and which process ``--stop`` ends.

        :raises WorkspaceError: the folder belongs to another user, or others may write to it.
        """
        try:
            status = self.path.stat()
        except OSError:  # it does not exist, or nothing in it can be read
            return
        if status.st_uid != os.geteuid():
            problem = "belongs to another user"
        elif status.st_mode & _WRITABLE_BY_OTHERS:
            problem = "is writable by other users"
        else:
            return
        raise WorkspaceError(
            f"The folder {self.path} for the local workspace {problem}. Remove it, or use another "
            "folder."
        )

    def create_log(self) -> IO[bytes]:
        """Open an empty log, readable by this user only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return open(os.open(self.log, flags, 0o600), "wb")

    def is_served(self) -> bool:
        """Return whether a process serves the folder.

        :raises WorkspaceError: others may write to the folder.
        """
        self.check()
        try:
            descriptor = os.open(self._serving, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def acquire(self) -> int:
        """Reserve the folder for this process, until the returned descriptor is closed.

        :raises WorkspaceError: another process serves it.
        """
        descriptor = os.open(self._serving, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _lock(descriptor, _MAX_READ_LOCK_SECONDS):
            return descriptor
        os.close(descriptor)
        raise WorkspaceError(
            f"Another process serves the workspace in {self.path}. Use that one, stop it, or use "
            "another folder."
        )

    @contextmanager
    def start_lock(self, timeout: float) -> Iterator[None]:
        """Hold the lock that a process needs to start a server for this folder.

        :param timeout: seconds to wait for the lock.
        """
        with open(self._starting, "a") as file:
            if not _lock(file.fileno(), timeout):
                raise WorkspaceError(
                    f"Another process has been starting the workspace in {self.path} for more "
                    f"than {timeout:g} seconds. See {self.log}."
                )
            yield

    def read_address(self) -> dict[str, Any] | None:
        """Return what the serving process wrote, or ``None`` if it is missing or incomplete.

        :raises WorkspaceError: others may have written it.
        """
        self.check()
        content = _read_json(self._address)
        return content if content is not None and _is_complete(content) else None

    def write_address(self, content: dict[str, Any]) -> None:
        _write_json(self._address, content)

    def remove_address(self) -> None:
        self._address.unlink(missing_ok=True)

    def read_identity(self) -> tuple[str, int]:
        """Return the folder's token, which the first call creates, and its last port (or 0)."""
        identity = _read_json(self._identity) or {}
        token, port = identity.get("token"), identity.get("port")
        if not isinstance(token, str) or not token:
            token = "dapi" + secrets.token_hex(16)
            self.save_port(token, 0)
        return token, port if isinstance(port, int) else 0

    def save_port(self, token: str, port: int) -> None:
        """Save the port for the next start, so that clients need no new address."""
        _write_json(self._identity, {"token": token, "port": port})

    def read_secrets(self) -> dict[str, Any]:
        """Return the content of the file of secrets; empty if there is none.

        :raises WorkspaceError: it is damaged, or others may have written it.
        """
        content = _read_json(self.secrets)
        if content is None and self.secrets.exists():
            raise self.damaged_secrets()
        return content or {}

    def damaged_secrets(self) -> WorkspaceError:
        """Return the error of a file of secrets that cannot be used."""
        return WorkspaceError(
            f"The secrets in {self.secrets} cannot be used. Move the file away to start without "
            "them."
        )

    def write_secrets(self, content: dict[str, Any]) -> None:
        """Replace the content of the file of secrets, readable by this user only.

        A loss of power leaves either the old content or the new one.
        """
        _write_json(self.secrets, content, is_durable=True)


def _lock(descriptor: int, timeout: float) -> bool:
    """Lock a file exclusively; return whether that succeeded within ``timeout`` seconds.

    ``flock`` itself has no timeout, so this retries.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOCK_RETRY_SECONDS)
        else:
            return True


def _is_complete(address: dict[str, Any]) -> bool:
    pid = address.get("pid")
    texts = (address.get(name) for name in ("host", "token", "bundle"))
    # Zero and negative numbers stand for groups of processes.
    return all(isinstance(text, str) for text in texts) and isinstance(pid, int) and pid > 0


def _read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file that only this user can have written, or ``None``."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
                return None
            content = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _write_json(path: Path, content: dict[str, Any], *, is_durable: bool = False) -> None:
    # Only the process that serves the folder writes. What a killed one has left is written over.
    unfinished = path.with_name(f"{path.name}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        json.dump(content, file)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(unfinished, path)
    if is_durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # it has the name of the file
        finally:
            os.close(folder)
