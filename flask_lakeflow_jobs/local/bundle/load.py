"""A bundle, and its jobs as ``databricks bundle deploy`` would create them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model import Settings, map_texts
from .bundle_error import BundleError, Location
from .documents import display_path, find_root_file
from .resolved import ResolvedBundle, resolve_bundle
from .validation import FieldError, validate_settings
from .variables import derive_job_id
from .yaml import LocatedDict

# Fields of a job in a bundle that are not settings of the job.
_NOT_SETTINGS = ("id", "lifecycle", "permissions")


@dataclass(frozen=True, slots=True)
class BundleJob:
    """A job of a bundle.

    :param key: its resource key, the name under ``resources.jobs``.
    :param job_id: the id under which the workspace serves it.
    :param settings: its settings, as the Jobs API spells them.
    """

    key: str
    job_id: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Bundle:
    """A valid bundle.

    :param path: its root file.
    :param root: the folder of its root file.
    :param target: the target for which it was read.
    :param default_target: the target if none is requested; empty if there is none.
    :param jobs: its jobs by resource key.
    :param files_root: the folder of these files; by ``sync.paths`` it may contain the bundle's.
    :param projects: the folders of the projects of which a deployment builds wheels.
    :param catalog_objects: the full names of its schemas and volumes, as far as they are known.
    :param sources: every file that was read, and every file or folder that may yet appear.
    :param warnings: messages about what is odd but harmless, each with file and line.
    """

    path: Path
    root: Path
    target: str
    default_target: str
    jobs: Mapping[str, BundleJob]
    files_path: str
    files_root: Path
    projects: tuple[Path, ...] = ()
    catalog_objects: tuple[str, ...] = ()
    sources: tuple[Path, ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)


def load_bundle(
    path: str | Path,
    *,
    target: str | None = None,
    host: str | None = None,
    on_code: Callable[[], None] = lambda: None,
) -> Bundle:
    """Read a bundle.

    :param path: the ``databricks.yml``, or the folder that contains it.
    :param target: the name of a target; by default that in ``DATABRICKS_BUNDLE_TARGET``, else the
        one marked as default, or the only one.
    :param host: the address of the workspace, if known.
    :param on_code: called before the bundle's Python code runs, which may take a minute.
    :raises BundleError: it cannot be read, or a job in it could never run.
    """
    return _Loader(find_root_file(Path(path)), target, host, on_code).load()


class _Loader:
    def __init__(
        self, file: Path, target: str | None, host: str | None, on_code: Callable[[], None]
    ) -> None:
        self._file = file
        self._root = file.parent
        self._target = target
        self._host = host
        self._on_code = on_code
        self._warnings: list[str] = []
        self._sources: list[Path] = []

    def load(self) -> Bundle:
        try:
            return self._load()
        except BundleError as error:
            raise self._error(error.message, error.location) from None
        except RecursionError:
            raise self._error("The bundle or its references are nested too deeply.", None) from None
        except Exception as error:
            # Callers that reload a bundle rely on BundleError being the only error.
            message = f"Reading the bundle failed unexpectedly: {error!r}."
            raise self._error(message, None) from error

    def _load(self) -> Bundle:
        resolved = resolve_bundle(
            self._file, self._target, self._host, self._sources, self._warn, self._on_code
        )
        return Bundle(
            self._file,
            self._root,
            resolved.target,
            resolved.default_target,
            self._load_jobs(resolved),
            resolved.files_path,
            resolved.files_root,
            (self._root, *_find_projects(resolved.tree, self._root)),
            resolved.catalog_objects,
            tuple(self._sources),
            tuple(self._warnings),
        )

    def _load_jobs(self, resolved: ResolvedBundle) -> dict[str, BundleJob]:
        jobs = resolved.jobs
        if not jobs:
            how = "Define at least one under 'resources.jobs', "
            if (file := self._find_unread()) is not None:
                how = f"List {display_path(file, self._root)}, which has some, under 'include'."
            else:
                how += "here or in a file that 'include' lists."
            raise BundleError(
                f"The bundle has no jobs. {how}", resolved.tree.locations.get("resources")
            )
        return {
            key: self._load_job(key, jobs[key], jobs.locations[key])
            for key in self._runnable_jobs(jobs)
        }

    def _find_unread(self) -> Path | None:
        """Return a file with jobs that the bundle does not include."""
        found = [file for depth in ("", "*/", "*/*/") for file in self._root.glob(f"{depth}*.y*ml")]
        for file in sorted(found):
            if file not in self._sources and file.stem != "databricks" and file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                if re.search(r"^resources:\s*(?:#.*\s*)*jobs:", text, re.MULTILINE):
                    return file
        return None

    def _runnable_jobs(self, jobs: LocatedDict) -> list[str]:
        """Return the keys of the jobs with tasks; those of all jobs if none has any."""
        with_tasks = [key for key, job in jobs.items() if job.get("tasks")]
        if not with_tasks:
            return list(jobs)
        for key in jobs:
            if key not in with_tasks:
                self._warn(f"The job {key!r} has no tasks, and is left out.", jobs.locations[key])
        return with_tasks

    def _load_job(self, key: str, settings: LocatedDict, location: Location) -> BundleJob:
        self._validate(key, settings, location)
        plain = {name: each for name, each in settings.items() if name not in _NOT_SETTINGS}
        return BundleJob(key, derive_job_id(key), _plain(plain))

    def _validate(self, key: str, settings: LocatedDict, location: Location) -> None:
        """Check a job, and drop values of other types, as the CLI does (``libs/dyn/convert``)."""
        while True:
            try:
                return validate_settings(settings)
            except FieldError as error:
                place = _locate(error, settings, location)
                name = error.path[-1]
                if error.expected not in ("array", "object") or not isinstance(name, str):
                    raise BundleError(f"Job {key!r}: {error.message}", place) from None
                self._warn(f"Job {key!r}: {error.message} It is ignored.", place)
                holder: Any = settings
                for step in error.path[:-1]:
                    holder = holder[step]
                del holder[name]

    def _error(self, message: str, location: Location | None) -> BundleError:
        return BundleError(self._format(message, location), location, tuple(self._sources))

    def _warn(self, message: str, location: Location | None) -> None:
        self._warnings.append(self._format(message, location))

    def _format(self, message: str, location: Location | None) -> str:
        file, line = location or (self._file, 0)
        name = display_path(file, self._root)
        return f"{name}:{line}: {message}" if line else f"{name}: {message}"


def _locate(error: FieldError, settings: LocatedDict, default: Location) -> Location:
    """Return the location of an error: that of the innermost value on its path that has one."""
    location, value = default, settings
    for step in error.path:
        locations: Any = getattr(value, "locations", {})
        try:
            location = locations[step]
            value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            break
    return location


def _find_projects(tree: LocatedDict, root: Path) -> Iterator[Path]:
    """Yield the folder of each artifact, of which a deployment builds a wheel."""
    artifacts = tree.get("artifacts")
    for artifact in artifacts.values() if isinstance(artifacts, LocatedDict) else ():
        path = artifact.get("path") if isinstance(artifact, LocatedDict) else None
        if isinstance(path, str):
            folder = artifact.locations["path"][0].parent
            yield Path(os.path.normpath(folder / path))


def _plain(value: Any) -> Any:
    """Return a value without locations, and ``$${`` as the ``${`` for which it stands."""
    return map_texts(value, lambda text: text.replace("$${", "${"))
