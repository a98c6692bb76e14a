"""Calls to the workspace: one retry layer, one deadline, one circuit breaker."""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tenacity import RetryCallState, Retrying

from .. import telemetry
from ..concurrency import run_in_each_process
from ..errors import InvalidUserToken, UpstreamUnauthenticated, UpstreamUnavailable
from .clients import Clients, NotRetried
from .error_mapping import ErrorContext, clean_error, is_refused_login, translate_error
from .failures import (
    get_retry_after,
    is_ambiguous,
    is_retryable,
    is_timeout,
    is_unreachable,
    seldom_passes,
)
from .thread_pool import CallTimeout, DaemonThreadPool

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from ..clock import Clock
    from ..errors import LakeflowJobsError

T = TypeVar("T")

MAX_CONCURRENT_CALLS = 64

FIRST_BACKOFF_SECONDS = 0.25

MAX_BACKOFF_SECONDS = 2.0

#: The least time for a retry. In less, a busy workspace could not respond, and the call would end
#: with a timeout instead of its cause.
MIN_ATTEMPT_SECONDS = 0.5

#: Attempts for errors that seldom pass within the timeout of a call.
MAX_UNPROMISING_ATTEMPTS = 3

AMBIGUOUS_ADVICE = (
    " The request may still have been carried out. Check before you retry, or retry with an"
    " idempotency key."
)

#: Consecutive calls without a response after which the circuit opens.
FAILURE_THRESHOLD = 5

RESET_TIMEOUT_SECONDS = 5.0

_log = logging.getLogger("flask_lakeflow_jobs.upstream")


class CircuitBreaker:
    """Fails calls at once while the workspace does not respond, so that they block no threads.

    *Closed*, it lets all calls pass. After ``FAILURE_THRESHOLD`` consecutive failures it is *open*
    and lets none pass. After ``RESET_TIMEOUT_SECONDS`` it is *half-open*: one call passes, and a
    response to it closes the circuit.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether the circuit is open or half-open."""
        return self._failures >= FAILURE_THRESHOLD

    def check(self) -> None:
        """Let a call pass.

        :raises UpstreamUnavailable: the circuit is open.
        """
        now = self._monotonic()
        with self._lock:
            if self._failures < FAILURE_THRESHOLD:
                return
            if now >= self._open_until:
                self._open_until = now + RESET_TIMEOUT_SECONDS  # other calls wait for this one
                return
            retry_after = self._open_until - now
        raise UpstreamUnavailable(
            "The workspace is not responding. Calls are suspended for a few seconds.",
            retry_after=retry_after,
        )

    def record_response(self) -> None:
        """Close the circuit: the workspace has responded, if only with an error."""
        if self._failures:
            with self._lock:
                was_open, self._failures = self.is_open, 0
            if was_open:
                _log.warning("The workspace responds again. The circuit breaker is closed.")

    def record_failure(self) -> None:
        """Count a call without a response."""
        with self._lock:
            self._failures += 1
            opens = self._failures == FAILURE_THRESHOLD
            if opens:
                self._open_until = self._monotonic() + RESET_TIMEOUT_SECONDS
        if opens:
            _log.warning(
                "The workspace did not respond to %d calls in a row. The circuit breaker is open:"
                " calls fail at once, except for one every %g seconds.",
                FAILURE_THRESHOLD,
                RESET_TIMEOUT_SECONDS,
            )


@dataclass(frozen=True)
class RetryPolicy:
    """The time and the attempts that a call may take.

    :param timeout: seconds for the whole call, retries included.
    :param attempts: the maximum; infinity: as many as fit into the timeout.
    """

    timeout: float
    attempts: float = math.inf

    def should_retry(self, error: Exception, attempt: int, time_left: float) -> bool:
        """Return whether to retry after an attempt, counted from 1, failed."""
        return (
            is_retryable(error)
            and attempt < self._max_attempts(error)
            and get_max_delay(error, attempt) + MIN_ATTEMPT_SECONDS <= time_left
        )

    def _max_attempts(self, error: Exception) -> float:
        if seldom_passes(error):
            return min(self.attempts, MAX_UNPROMISING_ATTEMPTS)
        return self.attempts


def get_max_delay(error: Exception | None, attempt: int) -> float:
    """Return the longest delay after an attempt: exponential, and at least ``Retry-After``."""
    backoff: float = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(attempt - 1, 10))
    return max(backoff, get_retry_after(error) or 0.0)


def choose_retry_delay(error: Exception | None, attempt: int) -> float:
    """Return a random delay, so that processes do not retry in step; at least ``Retry-After``."""
    jittered = get_max_delay(error, attempt) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(get_retry_after(error) or 0.0, jittered)


def as_ambiguous(error: LakeflowJobsError) -> LakeflowJobsError:
    """Mark an error as ambiguous: its request may have been carried out, so it is not retryable."""
    error.detail = error.description = f"{error.detail}{AMBIGUOUS_ADVICE}"
    error.retryable = False
    error.retry_seconds = None
    return error


class AttemptFailed(Exception):
    """Wraps the error of an attempt.

    Other errors are those of the calling thread, such as what a signal handler raises there.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class CallResources:
    """Clients, threads and circuit breaker, shared by the calls of one app.

    ``are_credentials_refused``: the workspace did not accept the app's credentials, and no call
    with them has succeeded since.

    :param get_max_timeout: returns the seconds that a call of the current thread may take.
    """

    def __init__(
        self,
        clients: Clients,
        clock: Clock,
        get_max_timeout: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self.clients = clients
        self.clock = clock
        self.get_max_timeout = get_max_timeout
        self.breaker = CircuitBreaker(clock.monotonic)
        self.threads = DaemonThreadPool(MAX_CONCURRENT_CALLS)
        self.are_credentials_refused = False


class Call(Generic[T]):
    """One call: its attempts, its deadline and its error.

    :param operation: its name, for telemetry.
    :param job: the key of the job, for telemetry.
    """

    def __init__(
        self,
        resources: CallResources,
        operation: str,
        send: Callable[[WorkspaceClient], T],
        policy: RetryPolicy,
        context: ErrorContext,
        *,
        job: str | None = None,
    ) -> None:
        self._resources = resources
        self._clients = resources.clients
        self._clock = resources.clock
        self._breaker = resources.breaker
        self._threads = resources.threads
        self._send = send
        self._policy = policy
        self._context = context
        self._observation = telemetry.observe_upstream_call(operation, job)
        self._deadline = self._clock.monotonic() + min(policy.timeout, resources.get_max_timeout())
        self._is_ambiguous = False
        self._client: WorkspaceClient | None = None

    def run(self) -> T:
        """Make the call; retry transient errors until its timeout.

        :raises LakeflowJobsError: the call failed permanently, or its time is up.
        """
        with self._observation:
            self._breaker.check()
            try:
                result = self._attempt()
            except AttemptFailed as failed:
                result = self._retry(failed)
            self._breaker.record_response()
            if not self._context.identity.is_user:
                self._resources.are_credentials_refused = False
            return result

    def _retry(self, first: AttemptFailed) -> T:
        """Make further attempts after the first.

        Tenacity costs a tenth of a call, so it only sees calls whose first attempt has failed.
        """
        failures = [first]

        def attempt() -> T:
            if failures:
                raise failures.pop()
            return self._attempt()

        retrying = Retrying(
            retry=self._should_retry,
            wait=self._choose_delay,
            before_sleep=self._prepare_retry,
            sleep=self._clock.sleep,
        )
        try:
            return retrying(attempt)
        except AttemptFailed as failed:
            self._record_failure(failed.error)
            error = self._translate(failed.error)
            if isinstance(error, UpstreamUnauthenticated):
                self._resources.are_credentials_refused = True
            if isinstance(error, InvalidUserToken):  # anyone can send one: keep nothing for it
                self._clients.discard(self._context.identity)
            raise error from failed.error

    def _attempt(self) -> T:
        """Send the request from another thread, and wait for it until the deadline."""
        send = self._observation.bind_context(self._send_from_thread)
        try:
            return self._threads.run(send, max(self._time_left(), 0.0))
        except CallTimeout as error:
            failed = AttemptFailed(error)
        except AttemptFailed as error:
            failed = error
        self._is_ambiguous |= is_ambiguous(failed.error)
        raise failed

    def _send_from_thread(self) -> T:
        self._observation.count()
        try:
            self._client = self._clients.get_client(self._context.identity)
            return self._send(self._client)
        except NotRetried as error:
            raise self._fail(error.failure) from None
        except Exception as error:
            raise self._fail(error) from None

    def _fail(self, error: Exception) -> AttemptFailed:
        clean_error(error, self._context.identity)
        return AttemptFailed(error)

    def _time_left(self) -> float:
        return self._deadline - self._clock.monotonic()

    def _should_retry(self, state: RetryCallState) -> bool:
        error = _error_of(state)
        if error is None:
            return False
        if is_refused_login(error, self._context):
            return self._clients.renew(self._context.identity, self._client)
        return self._policy.should_retry(error, state.attempt_number, self._time_left())

    def _choose_delay(self, state: RetryCallState) -> float:
        return choose_retry_delay(_error_of(state), state.attempt_number)

    def _prepare_retry(self, state: RetryCallState) -> None:
        error = _error_of(state)
        _log.info("A call to the workspace failed and is tried again: %s", error)
        if is_unreachable(error):
            self._clients.invalidate_address()

    def _record_failure(self, error: Exception) -> None:
        if is_timeout(error):
            self._breaker.record_failure()
            self._clients.discard_pending(self._context.identity)
        else:
            self._breaker.record_response()

    def _translate(self, error: Exception) -> LakeflowJobsError:
        translated = translate_error(error, self._context)
        translated.is_ambiguous = self._is_ambiguous
        if self._is_ambiguous and not self._context.is_repeatable:
            return as_ambiguous(translated)
        return translated


def _error_of(state: RetryCallState) -> Exception | None:
    failed = state.outcome.exception() if state.outcome else None
    return failed.error if isinstance(failed, AttemptFailed) else None
