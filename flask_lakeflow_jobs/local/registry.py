"""The jobs of the workspace."""

from __future__ import annotations

from dataclasses import dataclass

from flask_lakeflow_jobs.local import errors
from flask_lakeflow_jobs.local.bundle import Bundle, user_name
from flask_lakeflow_jobs.local.model import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the workspace serves it.

    :param created: milliseconds since the epoch.
    """

    job_id: int
    created: int
    creator: str
    settings: Settings


class Registry:
    """All jobs of a workspace.

    :param bundle: the bundle that was read when the workspace started.
    """

    def __init__(self, bundle: Bundle, target: str | None) -> None:
        self._bundle = bundle
        self._target = target

    @property
    def bundle(self) -> Bundle:
        """The bundle as it is now."""
        return self._bundle

    def find(self, job_id: int) -> Job:
        """The job of this id.

        :raises ApiError: there is none.
        """
        for job in self.all():
            if job.job_id == job_id:
                return job
        raise errors.unknown_job(job_id)

    def all(self) -> list[Job]:
        """All jobs."""
        bundle = self.bundle
        created = int(bundle.path.stat().st_mtime * 1000)
        return [
            Job(each.job_id, created, user_name(), each.settings) for each in bundle.jobs.values()
        ]
