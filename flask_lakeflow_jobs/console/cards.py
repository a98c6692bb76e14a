"""Jobs at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import request

from ..config.jobs import Job
from ..errors import LakeflowJobsError
from ..globals import current_state
from ..handle import JobHandle, cached_reads_of
from ..jobs import Jobs
from ..runs.outcome import SUCCESSES, Outcome
from ..runs.redaction import redact
from . import queries
from .queries import LAST_RUNS, May, rights
from .schedules import Schedule, schedule_of
from .summaries import Bar, Summary, strip, summary

if TYPE_CHECKING:
    from ..web.auth import Authorizer

#: Jobs that are read at the same time.
AT_ONCE = 8


@dataclass(frozen=True)
class Card:
    """A job at a glance.

    :param job: the settings' job.
    :param may: what whoever asks may do.
    :param runs: its last runs, newest first.
    :param slots: how many runs it may have at once, where that is known.
    :param queues: whether a run that finds no slot waits for one.
    :param schedule: what starts it of itself, if anything does.
    :param seen_at: when this was true, in milliseconds since the epoch, where the workspace cannot
        be asked.
    :param trouble: why nothing is known.
    """

    job: Job
    may: May
    runs: Sequence[Summary] = ()
    slots: int | None = None
    queues: bool = False
    schedule: Schedule | None = None
    seen_at: float | None = None
    trouble: LakeflowJobsError | None = None

    @property
    def bars(self) -> list[Bar]:
        return strip(self.runs, LAST_RUNS)

    @property
    def last(self) -> Summary | None:
        return self.runs[0] if self.runs else None

    @property
    def busy(self) -> int:
        return sum(run.is_going and run.state.outcome is not Outcome.QUEUED for run in self.runs)

    @property
    def last_success(self) -> Summary | None:
        return next((run for run in self.runs if run.state.outcome in SUCCESSES), None)

    @property
    def has_more(self) -> bool:
        """Whether it may have had other runs before these."""
        return len(self.runs) == LAST_RUNS


def cards(authorizer: Authorizer, keys: Iterable[str]) -> list[Card]:
    """Jobs at a glance, read side by side: one that cannot be read holds up no other.

    :param authorizer: decides what the requester may do.
    :param keys: of the jobs; whoever asks may see them.
    """
    state = current_state()
    moment, parameter = queries.now(), queries.who_parameter()

    def read(blank: Card, handle: JobHandle | LakeflowJobsError) -> Card:
        if isinstance(handle, LakeflowJobsError):
            return replace(blank, trouble=handle)
        reads = cached_reads_of(handle, stale_if_error=True)
        try:
            seen = reads.list_runs(LAST_RUNS)
            settings = state.upstream.parse_job(reads.get_job().value).settings
        except LakeflowJobsError as error:
            return replace(blank, trouble=error)
        return replace(
            blank,
            runs=[
                summary(state.upstream.parse_base_run(run), moment, parameter)
                for run in (redact(each, blank.job.secret_overrides) for each in seen.value)
            ],
            slots=settings.max_concurrent_runs if settings else None,
            queues=bool(settings and settings.queue and settings.queue.enabled),
            schedule=schedule_of(settings),
            seen_at=queries.seen_at(seen, moment),
        )

    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as threads:
        handles = [Jobs(state)[key] for key in keys]
        blanks = [Card(handle.job, rights(authorizer, handle)) for handle in handles]
        acting = [_acting(handle, stack) for handle in handles]
        return list(threads.map(read, blanks, acting))


def _acting(handle: JobHandle, stack: ExitStack) -> JobHandle | LakeflowJobsError:
    """A handle that acts as its job says, or why there is none."""
    if handle.job.run_as != "user":
        return handle
    try:
        return stack.enter_context(handle.as_user(request))
    except LakeflowJobsError as error:
        return error
