"""Outcomes: every run, and every task of a run, has exactly one. Pure.

The states are those of Jobs API 2.2: the newer ``status`` and the older ``state``, which the
service still sends. Either may be missing. Functions take a run as a document of the Jobs API or
as the SDK's dataclass. In the latter, a value that the SDK does not know is ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidRequest, quote

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run, RunTask
    from .progress import RunProgress

    AnyRun = Run | BaseRun | RunTask
    #: The SDK's dataclass or the document of the Jobs API.
    RunOrDocument = AnyRun | Mapping[str, Any]


class Outcome(str, Enum):
    """The result of a run, or the state of an active one."""

    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    BLOCKED = "blocked"
    WAITING_FOR_RETRY = "waiting_for_retry"
    TERMINATING = "terminating"
    SUCCEEDED = "succeeded"
    SUCCEEDED_WITH_FAILURES = "succeeded_with_failures"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_CANCELED = "upstream_canceled"
    EXCLUDED = "excluded"
    DISABLED = "disabled"
    INTERNAL_ERROR = "internal_error"
    UNKNOWN = "unknown"

    __str__ = str.__str__

    @classmethod
    def parse(cls, text: str) -> Outcome:
        """Return the outcome that a record has; ``unknown`` for one of another version."""
        return next((outcome for outcome in cls if outcome.value == text), cls.UNKNOWN)

    @property
    def label(self) -> str:
        """The outcome in plain words, such as ``timed out``."""
        return self.value.replace("_", " ")


ACTIVE_OUTCOMES = {
    "QUEUED": Outcome.QUEUED,
    "PENDING": Outcome.PENDING,
    "RUNNING": Outcome.RUNNING,
    "BLOCKED": Outcome.BLOCKED,
    "WAITING_FOR_RETRY": Outcome.WAITING_FOR_RETRY,
    "WAITING": Outcome.WAITING_FOR_RETRY,
    "TERMINATING": Outcome.TERMINATING,
}

TERMINAL_LIFE_CYCLES = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})

#: Life-cycle states that are outcomes themselves. A run in one of them did not succeed.
BY_LIFE_CYCLE = {
    "SKIPPED": Outcome.SKIPPED,
    "INTERNAL_ERROR": Outcome.INTERNAL_ERROR,
}

BY_RESULT = {
    "SUCCESS": Outcome.SUCCEEDED,
    "SUCCESS_WITH_FAILURES": Outcome.SUCCEEDED_WITH_FAILURES,
    "FAILED": Outcome.FAILED,
    "TIMEDOUT": Outcome.TIMED_OUT,
    "CANCELED": Outcome.CANCELED,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": Outcome.SKIPPED,
    "UPSTREAM_FAILED": Outcome.UPSTREAM_FAILED,
    "UPSTREAM_CANCELED": Outcome.UPSTREAM_CANCELED,
    "EXCLUDED": Outcome.EXCLUDED,
    "DISABLED": Outcome.DISABLED,
}

BY_TERMINATION_CODE = {
    "SUCCESS": Outcome.SUCCEEDED,
    "SUCCESS_WITH_FAILURES": Outcome.SUCCEEDED_WITH_FAILURES,
    "USER_CANCELED": Outcome.CANCELED,
    "CANCELED": Outcome.CANCELED,
    "SKIPPED": Outcome.SKIPPED,
    "MAX_CONCURRENT_RUNS_EXCEEDED": Outcome.SKIPPED,
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": Outcome.SKIPPED,
    "WORKSPACE_RUN_LIMIT_EXCEEDED": Outcome.SKIPPED,
    "DISABLED": Outcome.DISABLED,
    "INTERNAL_ERROR": Outcome.INTERNAL_ERROR,
    **dict.fromkeys(
        (
            "BREAKING_CHANGE",
            "BUDGET_POLICY_LIMIT_EXCEEDED",
            "CLOUD_FAILURE",
            "CLUSTER_ERROR",
            "CLUSTER_REQUEST_LIMIT_EXCEEDED",
            "CLUSTER_TERMINATED_BY_USER",
            "DRIVER_ERROR",
            "FEATURE_DISABLED",
            "INVALID_CLUSTER_REQUEST",
            "INVALID_RUN_CONFIGURATION",
            "LIBRARY_INSTALLATION_ERROR",
            "MAX_SPARK_CONTEXTS_EXCEEDED",
            "REPOSITORY_CHECKOUT_FAILED",
            "RESOURCE_NOT_FOUND",
            "RUN_EXECUTION_ERROR",
            "STORAGE_ACCESS_ERROR",
            "UNAUTHORIZED_ERROR",
        ),
        Outcome.FAILED,
    ),
}

SUCCESSES = frozenset({Outcome.SUCCEEDED, Outcome.SUCCEEDED_WITH_FAILURES})

#: Outcomes of a task that never started: they follow from something else, so none is the cause of a
#: failure.
NEVER_STARTED = frozenset(
    {
        Outcome.UPSTREAM_FAILED,
        Outcome.UPSTREAM_CANCELED,
        Outcome.EXCLUDED,
        Outcome.DISABLED,
        Outcome.SKIPPED,
    }
)


class StateFields(NamedTuple):
    """The state of a run as plain strings; ``None`` for a missing value."""

    life_cycle: str | None
    result: str | None
    status: str | None
    termination_code: str | None
    message: str

    @property
    def has_ended(self) -> bool:
        return self.life_cycle in TERMINAL_LIFE_CYCLES or self.status == "TERMINATED"


def parse_state(run: RunOrDocument) -> StateFields:
    state, status = _read_state(run, "state"), _read_state(run, "status")
    details = _read_object(status, "termination_details")
    queue = _read_object(status, "queue_details")
    return StateFields(
        life_cycle=_read_text(state.get("life_cycle_state")),
        result=_read_text(state.get("result_state")),
        status=_read_text(status.get("state")),
        termination_code=_read_text(details.get("code")),
        message=str(
            state.get("state_message")
            or state.get("queue_reason")
            or details.get("message")
            or queue.get("message")
            or ""
        ),
    )


def _read_state(run: RunOrDocument, name: str) -> Mapping[str, Any]:
    if isinstance(run, (dict, Mapping)):  # the check for a dict is much faster
        return _read_object(run, name)
    state = getattr(run, name)
    return {} if state is None else state.as_dict()


def _read_object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _read_text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def outcome_of(run: RunOrDocument) -> Outcome:
    """Return the outcome of a run or a task; ``unknown`` for an unrecognized state."""
    return classify(parse_state(run))


def classify(state: StateFields) -> Outcome:
    if not state.has_ended:
        return (
            ACTIVE_OUTCOMES.get(state.life_cycle or "")
            or ACTIVE_OUTCOMES.get(state.status or "")
            or Outcome.UNKNOWN
        )
    outcome = _classify_end(state)
    return _verify_success(outcome, state) if outcome in SUCCESSES else outcome


def _classify_end(state: StateFields) -> Outcome:
    if state.result is not None:
        return BY_RESULT.get(state.result, Outcome.UNKNOWN)
    if state.life_cycle == "SKIPPED":
        return Outcome.SKIPPED
    if state.termination_code is not None:
        return BY_TERMINATION_CODE.get(state.termination_code, Outcome.UNKNOWN)
    return BY_LIFE_CYCLE.get(state.life_cycle or "", Outcome.UNKNOWN)


def _verify_success(success: Outcome, state: StateFields) -> Outcome:
    """Return a success, or another outcome if another part of the state contradicts it."""
    if state.life_cycle in BY_LIFE_CYCLE:
        return BY_LIFE_CYCLE[state.life_cycle]
    if state.life_cycle == "TERMINATED" and state.result is None:
        return Outcome.UNKNOWN  # such a run always has a result: the SDK does not know its value
    by_code = BY_TERMINATION_CODE.get(state.termination_code or "", success)
    return success if by_code is Outcome.SUCCEEDED else by_code


def life_cycle_of(run: RunOrDocument) -> str:
    """Return the life-cycle state of a run or a task; ``UNKNOWN`` if it has none."""
    state = parse_state(run)
    is_outdated = state.has_ended and state.life_cycle not in TERMINAL_LIFE_CYCLES
    return (None if is_outdated else state.life_cycle) or state.status or "UNKNOWN"


def has_ended(run: RunOrDocument) -> bool:
    """Return whether a run or a task has ended. A repair makes an ended run active again."""
    if isinstance(run, (dict, Mapping)):
        return parse_state(run).has_ended
    # asked about each task of large runs: the SDK's as_dict would take longer than all else
    life_cycle = getattr(getattr(run, "state", None), "life_cycle_state", None)
    state = getattr(getattr(run, "status", None), "state", None)
    return getattr(life_cycle, "value", None) in TERMINAL_LIFE_CYCLES or (
        getattr(state, "value", None) == "TERMINATED"
    )


def select_last_attempts(tasks: Iterable[RunTask] | None) -> list[RunTask]:
    """Return the last attempt of each task, in the order of the job.

    :param tasks: the tasks of a run. A retried task is listed once per attempt.
    """
    last: dict[str, RunTask] = {}
    for task in tasks or ():
        previous = last.get(task.task_key)
        if previous is None or (task.attempt_number or 0) >= (previous.attempt_number or 0):
            last[task.task_key] = task
    return list(last.values())


def find_attempt(tasks: Iterable[RunTask] | None, key: str, attempt: int | None = None) -> RunTask:
    """Return an attempt of a task.

    :param attempt: counted from 1; by default the last one.
    :raises InvalidRequest: the run has no such task or attempt.
    """
    attempts = [task for task in tasks or () if task.task_key == key and task.run_id]
    if not attempts:
        raise InvalidRequest(f"The run has no task {quote(key)} that has started.")
    if attempt is None:
        return select_last_attempts(attempts)[0]
    for task in attempts:
        if (task.attempt_number or 0) + 1 == attempt:
            return task
    raise InvalidRequest(f"The task {quote(key)} has no attempt {attempt}. It has {len(attempts)}.")


def is_root_cause(task: RunTask) -> bool:
    """Return whether a task failed, and not as a consequence of something else."""
    return has_ended(task) and outcome_of(task) not in SUCCESSES | NEVER_STARTED


def find_root_causes(tasks: Iterable[RunTask] | None) -> list[RunTask]:
    """Return the tasks that made a run fail, in the order of their ends."""
    failed = filter(is_root_cause, select_last_attempts(tasks))
    return sorted(failed, key=lambda task: task.end_time or 0)


@dataclass(frozen=True)
class RunStatus:
    """The state of a run at one moment.

    :param timestamp: when the run was polled, in milliseconds since the epoch.
    :param run: the SDK's ``Run``.
    :param eta: the expected end, in milliseconds since the epoch, estimated from the durations of
        the job's earlier runs; ``None`` if they allow no estimate.
    :param document: the run as the Jobs API sent it, with fields that the SDK does not know.
        ``None``: only ``run`` is known.
    :param progress: what the run's tasks have reported; ``None``: nothing, or the run has ended.
    """

    timestamp: int
    run: Run
    eta: int | None = None
    document: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    progress: RunProgress | None = None

    def __repr__(self) -> str:
        return f"<RunStatus of run {self.run.run_id}: {self.outcome.label}>"

    @property
    def status(self) -> str:
        """The life-cycle state of the Jobs API."""
        return life_cycle_of(self.document or self.run)

    @property
    def outcome(self) -> Outcome:
        """The result of the run, or its state while it is active."""
        return outcome_of(self.document or self.run)

    @property
    def is_terminal(self) -> bool:
        """True if the run has ended. Only a repair makes it active again."""
        return has_ended(self.document or self.run)

    @property
    def succeeded(self) -> bool:
        """True if the run has ended and succeeded, also if it succeeded with failures."""
        return self.outcome in SUCCESSES

    @property
    def failed(self) -> bool:
        """True if the run has ended and did not succeed, so also if it was canceled or skipped."""
        return self.is_terminal and not self.succeeded

    def to_dict(self) -> dict[str, Any]:
        """Return the state for JSON, with the run as a document of the Jobs API."""
        eta = {} if self.eta is None else {"eta": self.eta}
        progress = {} if self.progress is None else {"progress": self.progress.to_dict()}
        return {
            "status": self.status,
            "outcome": self.outcome.value,
            "timestamp": self.timestamp,
            **eta,
            **progress,
            "run": dict(self.document or self.run.as_dict()),
        }
