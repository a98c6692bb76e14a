"""The packages that a task lists, installed into a folder for each set of them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..model import Settings
from ..subprocesses import POLL_SECONDS, PYTHON, Stopped, never_stopped, run_program
from ..task_process.package_names import CLUSTER_PACKAGES, normalize_name
from .compute import find_environment, list_libraries

# Without the index of a private package, a public one of the same name would be installed.
INDEX_OPTIONS = {each: each for each in ("--index-url", "--extra-index-url", "--find-links")}
INDEX_OPTIONS |= {"-i": "--index-url", "-f": "--find-links"}
_INDEX = re.compile(rf"^({'|'.join(INDEX_OPTIONS)})[ =]\s*(\S+)$")
_FILE = re.compile(r"^(?:-r|--requirement)[ =]?\s*(.+)$")
# In a requirements file, other ones: -r adds their packages, -c only restricts versions.
_NESTED = re.compile(r"^(?:(-r|--requirement)|-c|--constraint)[ =]?\s*([^#\s].*?)\s*(?:\s#.*)?$")
_CREDENTIALS = re.compile(r"://[^/\s]+@")  # in the address of an index or a repository
_ADVICE = (
    "Correct the packages that the task lists, or the access of this machine to their index: they "
    "cannot be installed."
)
# The packages that uv and pip blame, not those that they conclude to be needed.
_BLAMED = re.compile(
    r"(?<!that )you require ((?:[^\s,]|,(?=[<>=!~]))+)|Failed to build `([^`]+)`"
    r"|Cannot install (.+) because|No matching distribution found for (\S+)"
)
_OTHER_PYTHON = re.compile(r"(?:satisfy Python|Requires-Python )([<>=!~][<>=!~,.\d]*)")
# The newest pyarrow that takes numpy 1, which its metadata does not say.
_PYARROW_FOR_NUMPY_1 = "pyarrow>=18,<23"
# The packages that Spark refuses if they are too old, and the modules of each.
_OLDEST: dict[str, tuple[float, ...]] = {"pandas": (2, 2), "pyarrow": (18,)}
# These packages have a Spark of their own, which would hide the Spark of the session.
_OLDEST |= dict.fromkeys(("databricks_connect", "pyspark", "pyspark_client"), (math.inf,))
_MODULES = {
    "databricks_connect": ("pyspark", "databricks/connect"),
    "pandas": ("pandas",),
    "protobuf": ("google/protobuf", "google/_upb"),
    "pyarrow": ("pyarrow",),
    "pyspark": ("pyspark",),
    "pyspark_client": ("pyspark",),
}
# The first versions that take numpy 2: older ones crash with it, which their metadata does not say.
_FIRST_FOR_NUMPY_2 = {"pandas": (2, 2, 2), "scikit_learn": (1, 4, 2), "statsmodels": (0, 14, 2)}
# Clusters have these packages, so a package without a version there stays at that of the cluster.
_CLUSTER_VERSIONS = [
    *sorted(each for each in CLUSTER_PACKAGES.values() if "<" in each),
    # It shares files with mlflow. Without a limit, installers take a new one beside an old mlflow.
    CLUSTER_PACKAGES["mlflow"].replace("mlflow", "mlflow-skinny"),
]
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
        read = (each for file in self.files for each in _read_all(file))
        lines = [
            line.partition(" #")[0].strip()
            for lines, adds_packages in read
            for line in lines
            if adds_packages
        ]
        listed = [*self.packages, *(line for line in lines if line and line[0] not in "#-")]
        return [_hide_credentials(each) for each in listed]


def list_requirements(settings: Settings, spec: Settings) -> Requirements:
    """List the packages of a task's libraries and of its environment.

    Local wheels and projects are not among them: they are imported from where they are.

    :param spec: the settings of the task.
    """
    packages, files, options = [], [], []
    for library in list_libraries(settings, spec):
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
        files = [lines for file in requirements.files for lines, _ in _read_all(file)]
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

            def run(wanted: Requirements) -> None:
                command = _build_command(unfinished, wanted)
                _run_installer(command, environment, lock, is_stopped)

            _fill(unfinished, requirements, run)
            if _needs_numpy_1(unfinished):
                packages = (*requirements.packages, "numpy<2")
                _fill(unfinished, replace(requirements, packages=packages), run)
            if _needs_pyarrow(unfinished):
                run(Requirements((_PYARROW_FOR_NUMPY_1,), (), requirements.options))
            unfinished.rename(folder)
        self._remove_unused()

    def _remove_unused(self) -> None:
        """Remove the sets that no task has used for long: each change of a list leaves one."""
        oldest = time.time() - _UNUSED_SECONDS
        for each in self._folder.iterdir():
            with suppress(FileNotFoundError):  # another thread has removed it
                if each.is_dir() and each.stat().st_mtime < oldest:
                    shutil.rmtree(each, ignore_errors=True)


def _fill(folder: Path, requirements: Requirements, run: Callable[[Requirements], None]) -> None:
    """Install packages, in the versions of clusters where the task needs no other ones."""
    versions = folder.with_suffix(".txt")
    exact = {normalize_name(each) for each in requirements.to_list() if "==" in each}
    exact |= {f"{each}-skinny" for each in exact}  # of mlflow, which needs its own version
    limits = [each for each in _CLUSTER_VERSIONS if normalize_name(each) not in exact]
    versions.write_text("\n".join(limits))
    options = (*requirements.options, f"--constraint={versions}")
    packages = requirements.packages
    if find_spec("pkg_resources") is None:  # which older packages import without a requirement
        packages = ("setuptools", *packages)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        run(replace(requirements, packages=packages, options=options))
    except InstallFailed:
        shutil.rmtree(folder, ignore_errors=True)
        run(requirements)
    _remove_old(folder)


def _needs_numpy_1(folder: Path) -> bool:
    """Return whether packages that were built for numpy 1 were installed with a newer one."""
    has_numpy_2 = any(folder.glob("numpy-2.*.dist-info"))
    return has_numpy_2 and any(_find_older(folder, _FIRST_FOR_NUMPY_2))


def _needs_pyarrow(folder: Path) -> bool:
    """Return whether packages hide a numpy that the pyarrow of the app needs, as Spark does."""
    is_hidden = any(folder.glob("numpy-1.*.dist-info")) and not (folder / "pyarrow").exists()
    return is_hidden and find_spec("pyarrow") is not None


def _remove_old(folder: Path) -> None:
    """Let tasks import packages of the app in place of those with which Spark does not work."""
    if find_spec("pyspark") is None:
        return
    oldest = {name: first for name, first in _OLDEST.items() if find_spec(_MODULES[name][0])}
    with suppress(PackageNotFoundError):
        oldest["protobuf"] = _parse_version(version("protobuf"))
    for name, info in [*_find_older(folder, oldest)]:
        for each in (info, *(folder / module for module in _MODULES[name])):
            shutil.rmtree(each, ignore_errors=True)


def _find_older(
    folder: Path, versions: Mapping[str, tuple[float, ...]]
) -> Iterator[tuple[str, Path]]:
    """Yield the packages in a folder that are older than these versions, with their metadata."""
    for name, first in versions.items():
        for info in folder.glob(f"{name}-*.dist-info"):
            if _parse_version(info.name.removeprefix(f"{name}-")) < first:
                yield name, info


def _parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", text)[:3])


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
            log.seek(0)
            first = log.readline(_LOG_BYTES).decode(errors="replace")
            log.seek(max(log.tell(), log.seek(0, os.SEEK_END) - _LOG_BYTES))
            text = first + log.read().decode(errors="replace")
            last = "\n".join(text.strip().splitlines()[-_LOG_LINES:])
            message = f"{_advise(text)} {' '.join(command)} failed: {last}"
            raise InstallFailed(_hide_credentials(message))


def _advise(log: str) -> str:
    """Return the advice on the log of an installer that failed."""
    found = (name for match in _BLAMED.findall(log) for name in match if name)
    blamed = list(dict.fromkeys(each.rstrip(".") for each in found))
    if not blamed:
        return _ADVICE
    names = f"{' and '.join(blamed)} cannot be installed{' together' if len(blamed) > 1 else ''}"
    python = ""
    if match := _OTHER_PYTHON.search(log):
        python = f", or run the local workspace on Python {match[1].rstrip('.,')}"
    return f"Correct the packages that the task lists{python}: {names}."


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


def _read_all(file: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the lines of a requirements file and of all that it names, each once.

    :return: the lines, and whether they add packages; constraints do not.
    """
    visited: set[tuple[Path, bool]] = set()
    pending = [(Path(file), True)]
    while pending:
        path, adds_packages = pending.pop()
        path = Path(os.path.normpath(path))
        if (path, adds_packages) in visited:
            continue
        visited.add((path, adds_packages))
        lines = _read(path)
        yield lines, adds_packages
        for match in filter(None, map(_NESTED.match, map(str.strip, lines))):
            name = match[2].strip("\"'")
            pending.append((path.parent / name, adds_packages and match[1] is not None))


def _read(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):  # the installer says so
        return []
