"""The jobs of the workspace: those of the bundle, as it is now, and those made through the API."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .bundle.errors import BundleError
from .bundle.load import Bundle
from .bundle.variables import current_user_name
from .clock import Clock
from .errors import InvalidState, JobDoesNotExist
from .model import Settings
from .store.unit_of_work import UnitOfWork

_log = logging.getLogger("flask_lakeflow_jobs.local")


Stamps = dict[Path, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class RegisteredJob:
    """A job as the workspace serves it.

    :param created: milliseconds since the epoch.
    :param from_bundle: whether the bundle defines it.
    """

    job_id: int
    created: int
    creator: str
    settings: Settings
    from_bundle: bool = False


class Registry:
    """All jobs of a workspace. Edits of the bundle are seen at the next question.

    An edit that makes the bundle unusable leaves the last good state in force, and is reported once
    in
    the log and in :attr:`mistake`.

    :param read: reads the bundle.
    """

    def __init__(self, read: Callable[[], Bundle], unit_of_work: UnitOfWork, clock: Clock) -> None:
        self._read = read
        self._bundle = bundle = read()
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps = _stamps_of(bundle.sources)
        _log_warnings(bundle)
        self.mistake: BundleError | None = None
        self.user = current_user_name()
        self._from_bundle = self._jobs_of(bundle)
        with unit_of_work.reading() as store:
            self._own = {job["job_id"]: RegisteredJob(**job) for job in store.load_jobs()}

    @property
    def bundle(self) -> Bundle:
        """The bundle as it is now, or as it last was usable."""
        with self._lock:
            stamps = _stamps_of(self._stamps)
            if stamps != self._stamps:
                self._reload(stamps)
            return self._bundle

    def find(self, job_id: int) -> RegisteredJob:
        """The job of this id.

        :raises ApiError: there is none.
        """
        job = self._own.get(job_id)
        if job is None:
            _ = self.bundle
            job = self._from_bundle.get(job_id)
        if job is None:
            raise JobDoesNotExist(job_id)
        return job

    def all(self) -> list[RegisteredJob]:
        """All jobs, the newest first; those of the bundle in its order."""
        _ = self.bundle
        own = sorted(self._own.values(), key=lambda job: job.created, reverse=True)
        return [*own, *self._from_bundle.values()]

    def create(self, settings: Settings) -> RegisteredJob:
        """Make a job."""
        job = RegisteredJob(self._unit_of_work.new_id(), self._now(), self.user, settings)
        self._keep(job)
        return job

    def change(self, job: RegisteredJob, settings: Settings) -> None:
        """Give a job other settings.

        :raises ApiError: it belongs to the bundle.
        """
        self._refuse_bundle(job, "Change")
        self._keep(replace(job, settings=settings))

    def delete(self, job: RegisteredJob) -> None:
        """Forget a job; its runs stay.

        :raises ApiError: it belongs to the bundle.
        """
        self._refuse_bundle(job, "Delete")
        with self._unit_of_work.reading() as store:
            store.delete_job(job.job_id)
            self._own.pop(job.job_id, None)

    def _refuse_bundle(self, job: RegisteredJob, verb: str) -> None:
        if job.from_bundle:
            raise InvalidState(
                f"Job {job.job_id} is defined by the bundle. {verb} it in {self._bundle.path}."
            )

    def _keep(self, job: RegisteredJob) -> None:
        with self._unit_of_work.reading() as store:
            store.save_job(job.job_id, job.created, job.creator, job.settings)
            self._own[job.job_id] = job

    def _reload(self, stamps: Stamps) -> None:
        try:
            bundle = self._read()
        except BundleError as mistake:
            self.mistake = mistake
            self._stamps = _stamps_of(mistake.sources, stamps)
            _log.error(
                "The bundle stays as it was, for it is unusable now: %s",
                mistake,
                exc_info=mistake.__cause__,
            )
            return
        self.mistake = None
        self._bundle = bundle
        self._stamps = _stamps_of(bundle.sources, stamps)
        self._from_bundle = self._jobs_of(bundle)
        _log_warnings(bundle)

    def _jobs_of(self, bundle: Bundle) -> dict[int, RegisteredJob]:
        now = self._now()
        return {
            each.job_id: RegisteredJob(each.job_id, now, self.user, each.settings, from_bundle=True)
            for each in bundle.jobs.values()
        }

    def _now(self) -> int:
        return int(self._clock.time() * 1000)


def _log_warnings(bundle: Bundle) -> None:
    for warning in bundle.warnings:
        _log.warning("%s", warning)


def _stamps_of(sources: Iterable[Path], known: Stamps | None = None) -> Stamps:
    """When each source was changed last.

    :param known: from before the sources were read, so that no change since then goes unseen.
    """
    known = known or {}
    return {source: known[source] if source in known else _stamp(source) for source in sources}


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
