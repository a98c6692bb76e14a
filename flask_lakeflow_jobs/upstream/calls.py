"""How a call is made: one retry layer, one deadline, and a breaker for a silent workspace."""
# MERGED """When the workspace does not answer: fail fast, and try it out now and then."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from .. import telemetry
from ..concurrency import call_in_forked_children
from ..errors import UpstreamUnavailable
from .clients import Clients, NotRetried
from .error_mapping import (
    IncompleteResponse,
    MakeNotFound,
    as_ambiguous,
    is_ambiguous,
    is_retryable,
    is_timeout,
    is_unreachable,
    retry_after,
    translate,
)
from .thread_pool import CallTimeout, DaemonThreadPool

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from ..clock import Clock
    from ..config.jobs import Job
    from ..identity import Identity

T = TypeVar("T")


MAX_CONCURRENT_CALLS = 64


FIRST_PAUSE = 0.25


LONGEST_PAUSE = 2.0


HOPELESS_ATTEMPTS = 3


_log = logging.getLogger("flask_lakeflow_jobs.upstream")


@dataclass(frozen=True)
class RetryPolicy:
    """How long a kind of call may take, and how often it is tried.

    :param timeout: seconds for the whole call, retries included.
    :param attempts: the most attempts; infinity: as many as fit.
    """

    timeout: float
    attempts: float


class Caller:
    """Makes the calls of one app.

    :param clients: the SDK's clients.
    :param clock: the time.
    """

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self.clients = clients
        self._clock = clock
        self._breaker = CircuitBreaker(clock.monotonic)
        self._workers = DaemonThreadPool(MAX_CONCURRENT_CALLS)

    def make(
        self,
        operation: str,
        identity: Identity,
        job: Job | None,
        tier: RetryPolicy,
        call: Callable[[WorkspaceClient], T],
        *,
        missing: MakeNotFound | None = None,
        refused_as_params: bool = False,
        is_repeatable: bool = True,
    ) -> T:
        """Make a call, retrying what may pass within its tier's time.

        :param operation: its name, for telemetry.
        :param identity: as whom.
        :param job: which job it is about.
        :param tier: how long it may take.
        :param call: what it is, given the workspace's client.
        :param missing: makes the error for a job or run that is not there.
        :param refused_as_params: a 400 is about the caller's parameters.
        :param is_repeatable: whether it does no harm to make the call once more later.
        :raises LakeflowJobsError: it failed for good, or its time is up.
        """
        deadline = self._clock.monotonic() + tier.timeout
        failures: list[BaseException] = []

        def attempt() -> T:
            told.count()
            try:
                return call(self.clients.client(identity))
            except NotRetried as stopped:
                failures.append(stopped.__context__ or stopped)
            except Exception as error:
                failures.append(error)
            raise failures[-1] from None

        def hand_over() -> T:
            try:
                return self._workers.run(told.bind_context(attempt), max(left(), 0.0))
            except CallTimeout as error:
                failures.append(error)
                raise

        def left() -> float:
            return deadline - self._clock.monotonic()

        def is_over(state: RetryCallState) -> bool:
            error = _error(state)
            is_hopeless = is_unreachable(error) or isinstance(error, IncompleteResponse)
            most = min(tier.attempts, HOPELESS_ATTEMPTS if is_hopeless else tier.attempts)
            return state.attempt_number >= most or _longest_pause(state) >= left()

        def before_next(state: RetryCallState) -> None:
            error = _error(state)
            _log.info("A call to the workspace failed and is tried again: %s", error)
            if is_unreachable(error):
                self.clients.invalidate_address()

        retrying = Retrying(
            retry=retry_if_exception(is_retryable),
            stop=is_over,
            wait=_pause,
            sleep=self._clock.sleep,
            before_sleep=before_next,
            reraise=True,
        )
        with telemetry.observe_upstream_call(operation, job.key if job else None) as told:
            self._breaker.check()
            try:
                result = retrying(hand_over)
            except Exception as error:
                if error not in failures:
                    raise  # it is none of the call's: a signal handler's, which hit this thread
                if is_timeout(error):
                    self._breaker.was_silent()
                    self.clients.discard_pending(identity)
                else:
                    self._breaker.answered()
                failed = translate(
                    error, identity, missing=missing, refused_as_params=refused_as_params
                )
                if not is_repeatable and any(map(is_ambiguous, failures)):
                    failed = as_ambiguous(failed)
                raise failed from error
            self._breaker.answered()
            return result


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _longest_pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: growing, and not less than the workspace asks for."""
    growing: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(state.attempt_number - 1, 10))
    return max(growing, retry_after(_error(state)) or 0.0)


def _pause(state: RetryCallState) -> float:
    """The same, not in step with others unless the workspace asks for it."""
    longest = _longest_pause(state)
    asked = retry_after(_error(state)) or 0.0
    return max(asked, longest * random.uniform(0.5, 1.0))  # noqa: S311


#: Calls in a row without an answer after which no more are made for a while.
ENOUGH = 5


#: Seconds until one call is let through to find out.
WHILE = 5.0


class CircuitBreaker:
    """Keeps the threads of an app from all waiting for a workspace that is silent.

    :param monotonic: the time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._start_afresh()
        call_in_forked_children(self._start_afresh)

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._silent = 0
        self._closed_until = 0.0

    def check(self) -> None:
        """Let a call through, or not.

        :raises UpstreamUnavailable: not.
        """
        now = self._monotonic()
        with self._lock:
            if self._silent < ENOUGH:
                return
            if now >= self._closed_until:
                self._closed_until = now + WHILE  # this call finds out; the others wait for it
                return
            left = self._closed_until - now
        raise UpstreamUnavailable(
            "The workspace has not answered lately, so it is not asked just now. Try again in a"
            " few seconds.",
            retry_after=left,
        )

    def answered(self) -> None:
        """Say that the workspace has answered, whatever it said."""
        if self._silent:
            with self._lock:
                self._silent = 0

    def was_silent(self) -> None:
        """Say that it has not answered in time, or could not be reached."""
        with self._lock:
            self._silent += 1
            if self._silent == ENOUGH:
                self._closed_until = self._monotonic() + WHILE
