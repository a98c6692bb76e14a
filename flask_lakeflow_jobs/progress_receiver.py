"""Reports of progress from outside: who may send them, and about which runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Conflict, InvalidParameters, NotAllowed, RunNotFound, quote
from .runs.outcome import has_ended
from .runs.progress_token import RunFacts, contains_hash, is_token_valid
from .upstream.cached_reads import CachedReads

if TYPE_CHECKING:
    from .config.jobs import Job
    from .identity import Identity
    from .runs.progress import Progress
    from .state import AppState

#: How long the facts about an active run are used before the run is read again.
FACTS_SECONDS = 300.0


def receive_progress(
    state: AppState, job: Job, identity: Identity, run_id: int, report: Progress, token: str | None
) -> None:
    """Check a report about a run of a job, and show it to the viewers of the run.

    :param identity: reads the run.
    :param token: the run's token; ``None``: the caller has checked that it may report.
    :raises NotAllowed: the token is invalid, has expired, or belongs to another run.
    :raises RunNotFound: there is no token, and the job has no such run.
    :raises InvalidParameters: the run has no such task.
    :raises Conflict: the run has ended.
    """
    if token is not None:
        _check_signature(state, job, token)
    try:
        facts, is_over = _read_facts(state, job, identity, run_id)
    except RunNotFound:
        if token is None:
            raise
        raise invalid_token() from None
    if token is not None and not contains_hash(facts.tokens, token):
        raise invalid_token()
    if is_over:
        raise Conflict(f"Run {run_id} has ended, so it makes no progress.")
    if report.task is not None and report.task not in facts.tasks:
        raise InvalidParameters.by_name({"task": f"The run has no task {quote(report.task)}."})
    state.hub.report_progress((job.job_id, run_id), report)


def _check_signature(state: AppState, job: Job, token: str) -> None:
    """Check that the app has signed a token, without a read that others could cause."""
    if state.settings.progress_parameter is None or not is_token_valid(
        state.signing_keys, token, job.job_id, state.clock.now()
    ):
        raise invalid_token()


def _read_facts(
    state: AppState, job: Job, identity: Identity, run_id: int
) -> tuple[RunFacts, bool]:
    """Return the facts about a run, and whether it has ended."""
    run_ids, now = (job.job_id, run_id), state.clock.monotonic()
    key = (identity.key, *run_ids)
    known = state.run_facts.get(key)
    if known is not None and now < known[0]:
        return known[1], state.hub.has_ended(run_ids)
    document = CachedReads(state.upstream, identity, job).get_run(run_id).value
    facts = RunFacts.of(document, state.settings.progress_parameter)
    is_over = has_ended(document) or state.hub.has_ended(run_ids)
    if not is_over:
        state.run_facts.put(key, (now + FACTS_SECONDS, facts))
    return facts, is_over


def invalid_token() -> NotAllowed:
    """Return the error for every invalid token. It does not say which part is wrong."""
    return NotAllowed(
        "The progress token is not valid for this run. Use the one in the run's own parameters."
    )
