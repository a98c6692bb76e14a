"""Cards: a summary of each job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import request

from ..config.jobs import Job
from ..errors import LakeflowJobsError
from ..globals import current_jobs, current_state
from ..handle import JobHandle
from ..reader import cached_reads_of
from ..runs.outcome import SUCCESSES, Outcome
from ..runs.redaction import redact
from ..runs.triggers import Trigger, next_start_of, triggers_of
from ..upstream.concurrent_reads import read_each
from . import page_data
from .page_data import RECENT_RUNS, JobTitle, Permissions, build_title, find_permissions
from .summaries import Bar, Summary, Trend, build_strip, build_trend, summarize_run

if TYPE_CHECKING:
    from ..sdk_types import JobSettings
    from ..web.authorization import Authorizer

#: Jobs on a page.
CARDS_PER_PAGE = 100

#: The kinds of ended runs that make a job failing.
FAILING_KINDS = ("bad", "late")

#: How long the runs of a job are shown on cards if none is active, unless the app starts one. All
#: viewers share them; their pages check for other runs every half minute.
IDLE_TTL_SECONDS = 10.0


@dataclass(frozen=True)
class Card:
    """A job with its recent runs.

    :param runs: newest first.
    :param settings: of its definition; ``None``: not known.
    :param stale_since: milliseconds since the epoch, if the workspace does not respond.
    :param error: why the job could not be read.
    """

    job: Job
    may: Permissions
    runs: Sequence[Summary] = ()
    settings: JobSettings | None = None
    triggers: Sequence[Trigger] = ()
    stale_since: float | None = None
    error: LakeflowJobsError | None = None

    @property
    def title(self) -> JobTitle:
        return build_title(self.job, self.settings)

    @property
    def max_concurrent_runs(self) -> int | None:
        """``None``: not known."""
        return self.settings.max_concurrent_runs if self.settings else None

    @property
    def queues(self) -> bool:
        """True if runs above that limit are queued."""
        return bool(self.settings and self.settings.queue and self.settings.queue.enabled)

    @property
    def bars(self) -> list[Bar]:
        return build_strip(self.runs)

    @property
    def last(self) -> Summary | None:
        return self.runs[0] if self.runs else None

    @property
    def running_count(self) -> int:
        return sum(run.is_going and run.state.outcome is not Outcome.QUEUED for run in self.runs)

    @property
    def is_running(self) -> bool:
        return self.running_count > 0

    @property
    def is_failing(self) -> bool:
        """True if the last run that ended has failed, also while another one is active."""
        ended = next((run for run in self.runs if not run.is_going), None)
        return ended is not None and ended.state.kind in FAILING_KINDS

    @property
    def trend(self) -> Trend | None:
        return build_trend(self.runs)

    @property
    def last_success(self) -> Summary | None:
        return next((run for run in self.runs if run.state.outcome in SUCCESSES), None)

    @property
    def is_paused(self) -> bool:
        """True if it has triggers, and all are paused."""
        return bool(self.triggers) and all(each.is_paused for each in self.triggers)

    @property
    def next_start(self) -> int | None:
        """Milliseconds since the epoch; ``None``: not known."""
        return next_start_of(self.triggers)

    @property
    def has_more(self) -> bool:
        """True if there may be older runs."""
        return len(self.runs) == RECENT_RUNS


def read_cards(authorizer: Authorizer, keys: Iterable[str]) -> list[Card]:
    """Read jobs concurrently, within the timeout of one read. Each has its own error.

    :param keys: of jobs that the requester may view.
    """
    state = current_state()
    moment, parameter = page_data.now(), page_data.requester_parameter()

    def read(given: tuple[Card, JobHandle | LakeflowJobsError]) -> Card:
        blank, handle = given
        if isinstance(handle, LakeflowJobsError):
            raise handle
        reads = cached_reads_of(handle, stale_if_error=True)
        response = reads.list_runs(RECENT_RUNS, idle_ttl=IDLE_TTL_SECONDS)
        document = reads.get_job().value
        settings = state.upstream.parse_job(document).settings
        return replace(
            blank,
            runs=[
                summarize_run(state.upstream.parse_base_run(run), moment, parameter)
                for run in (redact(each, blank.job.secret_overrides) for each in response.value)
            ],
            settings=settings,
            triggers=triggers_of(document, moment),
            stale_since=page_data.stale_since(response, moment),
        )

    with ExitStack() as stack:
        handles = [current_jobs[key] for key in keys]
        blanks = [Card(handle.job, find_permissions(authorizer, handle.job)) for handle in handles]
        acting = [_handle_or_error(handle, stack) for handle in handles]
        given = list(zip(blanks, acting, strict=True))
        ends = read_each(read, given, state.upstream.max_read_seconds)
    return [
        replace(blank, error=end) if isinstance(end, LakeflowJobsError) else end
        for blank, end in zip(blanks, ends, strict=True)
    ]


def _handle_or_error(handle: JobHandle, stack: ExitStack) -> JobHandle | LakeflowJobsError:
    """Return a handle with the identity that the job asks for, or why there is none."""
    if handle.job.run_as != "user":
        return handle
    try:
        return stack.enter_context(handle.as_user(request))
    except LakeflowJobsError as error:
        return error
