"""Names of jobs, as titles show them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..sdk_types import JobSettings


@dataclass(frozen=True)
class JobTitle:
    """A job by its key, and by what its definition says about it.

    :param name: ``None``: not known, or the same as the key.
    :param description: the app's, otherwise the definition's.
    """

    key: str
    name: str | None = None
    description: str | None = None


def build_title(job: Job, settings: JobSettings | None) -> JobTitle:
    """Return the title of a job.

    :param settings: of its definition; ``None``: not known.
    """
    name = settings.name if settings else None
    described = settings.description if settings else None
    return JobTitle(
        job.key, name if name and name != job.key else None, job.description or described or None
    )
