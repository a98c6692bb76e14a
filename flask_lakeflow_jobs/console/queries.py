"""What all pages read, through handles, and nothing of it shown that is a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..globals import current_state
from ..handle import cached_reads_of
from ..runs.redaction import redact

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import Run, SdkJob
    from ..upstream.read_cache import CachedResponse
    from ..web.auth import Authorizer

#: The runs of a job that are shown at a glance, and that foretell the end of another.
LAST_RUNS = 20


def now() -> float:
    """Milliseconds since the epoch."""
    return current_state().clock.now() * 1000


def seen_at(seen: CachedResponse, now: float) -> float | None:
    """When an answer was true, in milliseconds since the epoch, if it is but an old one.

    :param seen: the answer.
    :param now: milliseconds since the epoch.
    """
    return now - seen.age * 1000 if seen.is_stale else None


def who_parameter() -> str | None:
    """The job parameter that tells who asked for a run, if the app notes it."""
    return current_state().settings.attribution_parameter


@dataclass(frozen=True)
class May:
    """What whoever asks may do with a job."""

    run: bool
    cancel: bool
    repair: bool


def rights(authorizer: Authorizer, handle: JobHandle) -> May:
    """What whoever asks may do with a job.

    :param authorizer: decides what the requester may do.
    :param handle: on the job.
    """
    return May(*(authorizer.allows(action, handle.job) for action in ("run", "cancel", "repair")))


def job_of(handle: JobHandle) -> SdkJob:
    """A job's definition in the workspace, if need be as it was when it was last read.

    :param handle: on the job.
    """
    return current_state().upstream.parse_job(
        cached_reads_of(handle, stale_if_error=True).get_job().value
    )


def run_of(handle: JobHandle, run_id: int) -> tuple[Run, CachedResponse]:
    """A run with its tasks and no secrets, and the answer that it comes from.

    :param handle: on its job.
    :param run_id: the run.
    """
    seen = cached_reads_of(handle, stale_if_error=True).get_run(run_id)
    state = current_state()
    run = state.upstream.parse_run(redact(seen.value, handle.job.secret_overrides))
    if state.settings.bundle is not None:  # the local workspace has no pages that say more
        run.run_page_url = None
        for task in run.tasks or []:
            task.run_page_url = None
    return run, seen
