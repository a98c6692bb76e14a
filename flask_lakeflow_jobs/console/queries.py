"""Reads that several pages share, through handles and with secrets redacted."""

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

#: The runs of a job that its card shows, and from which the end of another is predicted.
RECENT_RUNS = 20


def now() -> float:
    """Milliseconds since the epoch."""
    return current_state().clock.now() * 1000


def stale_since(response: CachedResponse, now: float) -> float | None:
    """Return the age of a stale response as a moment; ``None`` for a fresh response.

    :param now: milliseconds since the epoch.
    """
    return now - response.age * 1000 if response.is_stale else None


def requester_parameter() -> str | None:
    """Return the job parameter that records who requested a run, if the app sets one."""
    return current_state().settings.attribution_parameter


@dataclass(frozen=True)
class Permissions:
    """The requester's permissions on a job."""

    run: bool
    cancel: bool
    repair: bool


def find_permissions(authorizer: Authorizer, handle: JobHandle) -> Permissions:
    """Return what the requester may do with a job."""
    return Permissions(
        *(authorizer.allows(action, handle.job) for action in ("run", "cancel", "repair"))
    )


def read_job(handle: JobHandle) -> SdkJob:
    """Read a job's definition in the workspace; a stale one if the workspace does not respond."""
    return current_state().upstream.parse_job(
        cached_reads_of(handle, stale_if_error=True).get_job().value
    )


def read_run(handle: JobHandle, run_id: int) -> tuple[Run, CachedResponse]:
    """Read a run with its tasks, redacted, and the response that it comes from."""
    response = cached_reads_of(handle, stale_if_error=True).get_run(run_id)
    state = current_state()
    run = state.upstream.parse_run(redact(response.value, handle.job.secret_overrides))
    if state.settings.bundle is not None:  # the local workspace has no pages that say more
        run.run_page_url = None
        for task in run.tasks or []:
            task.run_page_url = None
    return run, response
