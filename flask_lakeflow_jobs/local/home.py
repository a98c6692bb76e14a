"""The folder of a workspace: who serves it, at which address, and where its things are."""
# MERGED """Which version of the package this is."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_READ_LOCK_SECONDS = 0.5  # seconds for which others may hold a lock that they only look at
_POLL_INTERVAL_SECONDS = 0.01  # seconds between two tries to have a lock


@dataclass(frozen=True, slots=True)
class Address:
    """Where a workspace answers.

    :param host: as a client's configuration wants it.
    :param token: lets a client in.
    :param pid: the process that serves it.
    """

    host: str
    token: str = field(repr=False)
    pid: int


class WorkspaceError(RuntimeError):
    """A workspace that cannot be had. The message says why and what to do."""


class WorkspaceFolder:
    """The files that make a folder a workspace.

    :param path: the folder; made if it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.database = self.path / "runs.sqlite"
        self.log = self.path / "workspace.log"
        self.tasks = self.path / "tasks"
        self.data = self.path / "data"
        self._address = self.path / "address.json"
        self._identity = self.path / "identity.json"
        self._serving = self.path / "serving.lock"
        self._starting = self.path / "starting.lock"

    def create(self) -> None:
        """Make the folder, closed to other users of the machine."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise WorkspaceError(
                f"The folder {self.path} for the local workspace cannot be made: {error}. "
                "Name a folder that can be written."
            ) from error

    def create_log(self) -> IO[bytes]:
        """A fresh log for a process that serves this folder, readable by this user alone."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return open(os.open(self.log, flags, 0o600), "wb")

    # Who serves

    def is_served(self) -> bool:
        """Whether a living process holds the folder."""
        try:
            descriptor = os.open(self._serving, os.O_RDWR | os.O_CLOEXEC)
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
        """Take the folder for this process, until the returned descriptor is closed.

        :raises WorkspaceError: another process has it.
        """
        descriptor = os.open(self._serving, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Somebody who looks whether the folder is served holds the lock for an instant.
        if _lock_within(_READ_LOCK_SECONDS, descriptor):
            return descriptor
        os.close(descriptor)
        raise WorkspaceError(
            f"Another process serves the workspace in {self.path}. Use that one, stop it, or name "
            "another folder."
        )

    @contextmanager
    def start_lock(self, timeout: float) -> Iterator[None]:
        """Hold off others that want to start a server for this folder.

        :param timeout: seconds to wait for one that is at it.
        """
        with open(self._starting, "a") as file:
            if not _lock_within(timeout, file.fileno()):
                raise WorkspaceError(
                    f"Another process has been starting the workspace in {self.path} for more "
                    f"than {timeout:g} seconds. Look into {self.log}."
                )
            yield

    # The address

    def read_address(self) -> dict[str, Any] | None:
        """What the serving process has written down, if it is there and whole."""
        return _read_json(self._address)

    def write_address(self, content: dict[str, Any]) -> None:
        """Tell others where this workspace answers."""
        _write_json(self._address, content)

    def remove_address(self) -> None:
        """Take back what :meth:`write_address` told."""
        self._address.unlink(missing_ok=True)

    def read_identity(self) -> tuple[str, int]:
        """The folder's own token, made on the first call, and the port that was last used (or
        0).
        """
        known = _read_json(self._identity) or {}
        token = known.get("token")
        if not isinstance(token, str) or not token:
            token = "dapi" + secrets.token_hex(16)
            _write_json(self._identity, {"token": token, "port": 0})
        port = known.get("port")
        return token, port if isinstance(port, int) else 0

    def save_port(self, token: str, port: int) -> None:
        """Keep the port for the next start, so that clients need not be told anew."""
        _write_json(self._identity, {"token": token, "port": port})


def _lock_within(timeout: float, descriptor: int) -> bool:
    """Lock a file for this process alone.

    By trying again and again: the system would wait for the lock, but without an end.

    :param timeout: seconds to try for.
    :return: whether the lock was had.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL_SECONDS)
        else:
            return True


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        json.dump(content, file)
    os.replace(unfinished, path)


def package_version() -> str:
    """The installed version, or "unknown" for a copy that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flask-lakeflow-jobs")
    except PackageNotFoundError:
        return "unknown"
