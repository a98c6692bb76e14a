"""The packages that a task lists, installed into a folder for each set of them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..model import Settings
from ..subprocesses import POLL_SECONDS, PYTHON, Stopped, never_stopped, run_program
from .compute import find_environment, list_libraries

# Without the index of a private package, a public one of the same name would be installed.
INDEX_OPTIONS = {each: each for each in ("--index-url", "--extra-index-url", "--find-links")}
INDEX_OPTIONS |= {"-i": "--index-url", "-f": "--find-links"}
_INDEX = re.compile(rf"^({'|'.join(INDEX_OPTIONS)})[ =]\s*(\S+)$")
_FILE = re.compile(r"^(?:-r|--requirement)[ =]?\s*(.+)$")
_CREDENTIALS = re.compile(r"://[^/\s]+@")  # in the address of an index or a repository
_ADVICE = (
    "Correct the packages that the task lists, or the access of this machine to their index: they "
    "cannot be installed."
)
_MAX_SECONDS = 15 * 60
_UNUSED_SECONDS = 30 * 24 * 60 * 60  # after which a set of packages is removed
_LOG_LINES = 5  # of an installer, in an error
_LOG_BYTES = 4096


class InstallFailed(RuntimeError):
    """The packages of a task cannot be installed. The message says why."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The packages that a task lists.

    :param packages: as in ``pip install``, such as ``cowsay==6.0``.
    :param files: paths of requirements files.
    :param options: where the packages are looked for, such as ``--index-url``.
    """

    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def to_list(self) -> list[str]:
        """Return the packages and the lines of the files, as messages show them.

        They lack comments, options, and the credentials in an address.
        """
        lines = [line.partition(" #")[0].strip() for file in self.files for line in _read(file)]
        listed = [*self.packages, *(line for line in lines if line and line[0] not in "#-")]
        return [_hide_credentials(each) for each in listed]


def list_requirements(settings: Settings, spec: Settings) -> Requirements:
    """List the packages of a task's libraries and of its environment.

    Local wheels and projects are not among them: they are imported from where they are.

    :param spec: the settings of the task.
    """
    packages, files, options = [], [], []
    for library in list_libraries(spec):
        pypi = library.get("pypi")
        if isinstance(pypi, Mapping) and isinstance(pypi.get("package"), str):
            packages.append(pypi["package"])
            if isinstance(pypi.get("repo"), str):
                options.append(f"--index-url={pypi['repo']}")
        if isinstance(file := library.get("requirements"), str):
            files.append(file)
    for dependency in find_environment(settings, spec).get("dependencies") or ():
        if not isinstance(dependency, str):
            continue
        if match := _FILE.match(dependency):
            files.append(match[1].strip().strip("\"'"))
        elif match := _INDEX.match(dependency):
            options.append(f"{INDEX_OPTIONS[match[1]]}={match[2]}")
        elif not re.match(r"[-./]|.*\.whl$|\w+://", dependency):
            packages.append(dependency)
    return Requirements(tuple(packages), tuple(files), tuple(dict.fromkeys(options)))


class Packages:
    """Installed packages, shared by all tasks and runs that list the same ones.

    :param folder: has a folder for each set of packages.
    :param is_enabled: whether packages may be installed at all.
    """

    def __init__(self, folder: Path, *, is_enabled: bool) -> None:
        self._folder = folder
        self.is_enabled = is_enabled

    def find_folder(self, requirements: Requirements) -> Path | None:
        """Return the folder to import packages from; ``None`` if nothing is to be installed."""
        if not self.is_enabled or not (requirements.packages or requirements.files):
            return None
        files = [_read(file) for file in requirements.files]
        content = [sys.version_info[:2], requirements.packages, requirements.options, files]
        return self._folder / hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def install(
        self,
        requirements: Requirements,
        environment: Mapping[str, str],
        is_stopped: Callable[[], bool] = never_stopped,
    ) -> None:
        """Install packages that are not installed yet. One process at a time installs a set.

        :param environment: of the installer, which may need a proxy or an index.
        :param is_stopped: returns whether the packages are not needed any more.
        :raises InstallFailed: the installer fails.
        :raises Stopped: the packages are not needed any more.
        """
        folder = self.find_folder(requirements)
        if folder is None:
            return
        if folder.is_dir():
            os.utime(folder)
            return
        for file in requirements.files:
            if not os.path.exists(file):
                raise InstallFailed(
                    f"Create the requirements file {file}, which the task lists, or correct its "
                    "path."
                )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder.with_suffix(".lock"), is_stopped) as lock:
            if folder.is_dir():
                return
            unfinished = folder.with_suffix(".part")
            shutil.rmtree(unfinished, ignore_errors=True)
            _run_installer(_build_command(unfinished, requirements), environment, lock, is_stopped)
            unfinished.mkdir(exist_ok=True)  # the list may be empty
            unfinished.rename(folder)
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Remove the sets that no task has used for long: each change of a list leaves one."""
        oldest = time.time() - _UNUSED_SECONDS
        for each in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another thread has removed it
                if each.is_dir() and each.stat().st_mtime < oldest:
                    shutil.rmtree(each, ignore_errors=True)


def _build_command(target: Path, requirements: Requirements) -> list[str]:
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--python", PYTHON]
    else:
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--target", str(target), *requirements.options]
    for file in requirements.files:
        command += ["-r", file]
    return [*command, "--", *requirements.packages]


def _run_installer(
    command: list[str],
    environment: Mapping[str, str],
    lock: int,
    is_stopped: Callable[[], bool],
) -> None:
    with tempfile.TemporaryFile() as log:
        try:
            code = run_program(
                command,
                _MAX_SECONDS,
                is_stopped,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                # It holds the lock too: if this process is killed, the next one waits for it.
                pass_fds=(lock,),
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise InstallFailed(f"{_ADVICE} {error}.") from None
        if code:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
            text = log.read().decode(errors="replace")
            last = "\n".join(text.strip().splitlines()[-_LOG_LINES:])
            message = f"{_ADVICE} {' '.join(command)} failed: {last}"
            raise InstallFailed(_hide_credentials(message))


def _hide_credentials(text: str) -> str:
    return _CREDENTIALS.sub("://[REDACTED]@", text)


@contextmanager
def _locked(path: Path, is_stopped: Callable[[], bool]) -> Iterator[int]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if is_stopped():
                raise Stopped
            time.sleep(POLL_SECONDS)
        yield lock
    finally:
        os.close(lock)


def _read(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # the installer says so
        return []
