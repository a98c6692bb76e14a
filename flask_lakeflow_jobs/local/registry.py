"""The jobs of the workspace: those of the bundle, and those created through the API."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .bundle.bundle_error import BundleError
from .bundle.load import Bundle
from .bundle.variables import current_user_name
from .clock import Clock
from .errors import InvalidState, JobDoesNotExist
from .model import TRIGGER_FIELDS, Settings
from .store.runs import RunStore
from .store.sqlite import Store

_log = logging.getLogger("flask_lakeflow_jobs.local")

# The time of modification and the size of each file.
_FileVersions = dict[Path, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class RegisteredJob:
    """A job of the workspace.

    :param created: milliseconds since the epoch.
    """

    job_id: int
    created: int
    creator: str
    settings: Settings
    from_bundle: bool = False


class Registry:
    """All jobs of a workspace. Each access checks whether the bundle has changed.

    If a change makes the bundle invalid, its last valid state remains in use, and the error is
    logged once. While Python code of a changed bundle runs, which may take a minute, the former
    state remains in use, too.

    :param read: reads the bundle, as :func:`.load_bundle` does. It gets ``on_code``.
    """

    def __init__(self, read: Callable[..., Bundle], run_store: RunStore, clock: Clock) -> None:
        self._read = read
        self._bundle = bundle = read()
        self._run_store = run_store
        self._clock = clock
        self._lock = threading.Lock()
        #: Set once nobody has to wait for the reload any more; ``None`` while there is no reload.
        self._reload: threading.Event | None = None
        self._versions = _read_versions(bundle.sources)
        _log_warnings(bundle)
        self.user = current_user_name()
        self._from_bundle = self._jobs_of(bundle)
        with run_store.exclusive() as store:
            self._own = {job["job_id"]: RegisteredJob(**job) for job in store.load_created()}

    @property
    def bundle(self) -> Bundle:
        """The current bundle, or its last valid state."""
        self._refresh()
        return self._bundle

    def _refresh(self) -> None:
        """Read the bundle again if it has changed, and wait for that."""
        with self._lock:
            reload = self._reload
            if reload is None:
                versions = _read_versions(self._versions)
                if versions != self._versions:
                    reload = threading.Event()
                    arguments = versions, reload.set
                    threading.Thread(target=self._load, args=arguments, daemon=True).start()
                    self._reload = reload  # not before: the process may have too many threads
        if reload is not None:
            reload.wait()

    def find(self, job_id: int) -> RegisteredJob:
        """Find a job.

        :raises ApiError: it does not exist.
        """
        job = self._own.get(job_id)
        if job is None:
            self._refresh()
            job = self._from_bundle.get(job_id)
        if job is None:
            raise JobDoesNotExist(job_id)
        return job

    def all(self) -> list[RegisteredJob]:
        """Return all jobs: the newest first, then those of the bundle in its order."""
        self._refresh()
        own = sorted(self._own.values(), key=lambda job: job.created, reverse=True)
        return [*own, *self._from_bundle.values()]

    def create(
        self, settings: Settings, permissions: list[Mapping[str, str]] | None = None
    ) -> RegisteredJob:
        """Create a job, with permissions on it if they are not those of its creator only."""
        job = RegisteredJob(self._run_store.new_id(), self._now(), self.user, settings)
        with self._run_store.exclusive() as store:
            with store.transaction():
                _save(store, job)
                if permissions is not None:
                    store.save_permissions(f"jobs/{job.job_id}", permissions)
            self._own[job.job_id] = job
        return job

    def change(self, job_id: int, edit: Callable[[RegisteredJob], Settings]) -> None:
        """Replace the settings of a job. No other change comes between.

        A job of the bundle can only be paused and resumed. The next change of the bundle resets
        that, as the next deployment does in a real workspace.

        :param edit: returns the new settings.
        :raises ApiError: the job does not exist, or it belongs to the bundle, and other settings
            change too.
        """
        with self._locked(job_id) as (store, job):
            changed = replace(job, settings=edit(job))
            if job.from_bundle and _without_pause(job.settings) == _without_pause(changed.settings):
                self._from_bundle[job_id] = changed
                return
            self._check_not_from_bundle(job, "Change")
            _save(store, changed)
            self._own[job_id] = changed

    def delete(self, job_id: int) -> None:
        """Delete a job, but not its runs.

        :raises ApiError: it does not exist, or it belongs to the bundle.
        """
        with self._locked(job_id) as (store, job):
            self._check_not_from_bundle(job, "Delete")
            with store.transaction():
                store.delete_created(job_id)
            del self._own[job_id]

    @contextmanager
    def _locked(self, job_id: int) -> Iterator[tuple[Store, RegisteredJob]]:
        """Find a job that nothing else changes or deletes meanwhile."""
        self.find(job_id)  # without the lock, as it may wait for the bundle
        with self._run_store.exclusive() as store:
            job = self._own.get(job_id) or self._from_bundle.get(job_id)
            if job is None:
                raise JobDoesNotExist(job_id)
            yield store, job

    def _check_not_from_bundle(self, job: RegisteredJob, verb: str) -> None:
        if job.from_bundle:
            raise InvalidState(
                f"Job {job.job_id} is defined by the bundle. {verb} it in {self._bundle.path}."
            )

    def _load(self, versions: _FileVersions, on_code: Callable[[], None]) -> None:
        """Read the changed bundle.

        :param on_code: called before its Python code runs, and at the end.
        """
        try:
            bundle = self._read(on_code=on_code)
        except BundleError as error:
            self._versions = _read_versions(error.sources, versions)
            _log.error(
                "The bundle has an error, so its jobs stay as they were: %s",
                error,
                exc_info=error.__cause__,
            )
        else:
            self._bundle = bundle
            self._versions = _read_versions(bundle.sources, versions)
            self._from_bundle = self._jobs_of(bundle)
            _log_warnings(bundle)
        finally:
            with self._lock:
                self._reload = None
            on_code()

    def _jobs_of(self, bundle: Bundle) -> dict[int, RegisteredJob]:
        now = self._now()
        return {
            each.job_id: RegisteredJob(each.job_id, now, self.user, each.settings, from_bundle=True)
            for each in bundle.jobs.values()
        }

    def _now(self) -> int:
        return int(self._clock.time() * 1000)


def _save(store: Store, job: RegisteredJob) -> None:
    store.save_created(job.job_id, job.created, job.creator, job.settings)


def _without_pause(settings: Settings) -> Settings:
    """Return settings without the pause status of their schedule and triggers."""

    def strip(trigger: Any) -> Any:
        if isinstance(trigger, list):
            return [strip(each) for each in trigger]
        return {name: value for name, value in trigger.items() if name != "pause_status"}

    return {
        name: strip(value) if name in TRIGGER_FIELDS and value else value
        for name, value in settings.items()
    }


def _log_warnings(bundle: Bundle) -> None:
    for warning in bundle.warnings:
        _log.warning("%s", warning)


def _read_versions(sources: Iterable[Path], earlier: _FileVersions | None = None) -> _FileVersions:
    """Return the version of each source.

    :param earlier: versions from before the sources were read, so that no later change is missed.
    """
    earlier = earlier or {}
    return {file: earlier[file] if file in earlier else _read_version(file) for file in sources}


def _read_version(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
