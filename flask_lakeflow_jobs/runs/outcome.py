"""Any run, or task of a run, has one outcome. Pure: from the words of the Jobs API to ours.

The words are those of Jobs API 2.2: the newer ``status`` and the older ``state``, which the service
still sends. Either may be missing. A run is read as the Jobs API spells it or as the SDK has it,
which takes a word that it does not know for ``None``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run, RunTask

    AnyRun = Run | BaseRun | RunTask
    #: As the SDK has it, or as the Jobs API spells it.
    AnySpelling = AnyRun | Mapping[str, Any]


class Outcome(str, Enum):
    """What became of a run, or what it is doing."""

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

    @property
    def label(self) -> str:
        """The outcome in plain words, such as ``timed out``."""
        return self.value.replace("_", " ")


ACTIVE = {
    "QUEUED": Outcome.QUEUED,
    "PENDING": Outcome.PENDING,
    "RUNNING": Outcome.RUNNING,
    "BLOCKED": Outcome.BLOCKED,
    "WAITING_FOR_RETRY": Outcome.WAITING_FOR_RETRY,
    "WAITING": Outcome.WAITING_FOR_RETRY,
    "TERMINATING": Outcome.TERMINATING,
}

ENDED = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})

#: Life-cycle words that are an end of their own; no success goes with them.
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

#: Ends that follow from what happened elsewhere, so never the cause of a failure.
CONSEQUENCES = frozenset(
    {
        Outcome.UPSTREAM_FAILED,
        Outcome.UPSTREAM_CANCELED,
        Outcome.EXCLUDED,
        Outcome.DISABLED,
        Outcome.SKIPPED,
    }
)


@dataclass(frozen=True)
class StateFields:
    """The words of one run, as plain strings; ``None`` where a word is missing or not known."""

    life_cycle: str | None
    result: str | None
    status: str | None
    termination_code: str | None
    message: str

    @property
    def ended(self) -> bool:
        return self.life_cycle in ENDED or self.status == "TERMINATED"


def parse_state(run: AnySpelling) -> StateFields:
    """Read a run's words.

    :param run: a run or a task.
    """
    state, status = _stateful(run, "state"), _stateful(run, "status")
    details, queue = _part(status, "termination_details"), _part(status, "queue_details")
    return StateFields(
        life_cycle=_word(state.get("life_cycle_state")),
        result=_word(state.get("result_state")),
        status=_word(status.get("state")),
        termination_code=_word(details.get("code")),
        message=str(
            state.get("state_message")
            or state.get("queue_reason")
            or details.get("message")
            or queue.get("message")
            or ""
        ),
    )


def _stateful(run: AnySpelling, name: str) -> Mapping[str, Any]:
    if isinstance(run, Mapping):
        return _part(run, name)
    part = getattr(run, name)
    return {} if part is None else part.as_dict()


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name)
    return part if isinstance(part, Mapping) else {}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def outcome_of(run: AnySpelling) -> Outcome:
    """The one outcome of a run; ``unknown`` for words that nobody knows yet, never a success.

    :param run: a run or a task.
    """
    return classify(parse_state(run))


def classify(words: StateFields) -> Outcome:
    """The same for words already read.

    :param words: of a run or a task.
    """
    if not words.ended:
        return (
            ACTIVE.get(words.life_cycle or "") or ACTIVE.get(words.status or "") or Outcome.UNKNOWN
        )
    outcome = _said(words)
    return _checked(outcome, words) if outcome in SUCCESSES else outcome


def _said(words: StateFields) -> Outcome:
    """How a run ended by the first of its words that says so."""
    if words.result is not None:
        return BY_RESULT.get(words.result, Outcome.UNKNOWN)
    if words.life_cycle == "SKIPPED":
        return Outcome.SKIPPED
    if words.termination_code is not None:
        return BY_TERMINATION_CODE.get(words.termination_code, Outcome.UNKNOWN)
    return BY_LIFE_CYCLE.get(words.life_cycle or "", Outcome.UNKNOWN)


def _checked(success: Outcome, words: StateFields) -> Outcome:
    """A success, unless another word of the run speaks against it."""
    if words.life_cycle in BY_LIFE_CYCLE:
        return BY_LIFE_CYCLE[words.life_cycle]
    if words.life_cycle == "TERMINATED" and words.result is None:
        return Outcome.UNKNOWN  # such a run has a result: it is one that the SDK does not know
    by_code = BY_TERMINATION_CODE.get(words.termination_code or "", success)
    return success if by_code is Outcome.SUCCEEDED else by_code


def life_cycle_of(run: AnySpelling) -> str:
    """The life-cycle word that the seed calls ``status``; ``UNKNOWN`` where there is none.

    :param run: a run or a task.
    """
    words = parse_state(run)
    is_behind = words.ended and words.life_cycle not in ENDED
    return (None if is_behind else words.life_cycle) or words.status or "UNKNOWN"


def has_ended(run: AnySpelling) -> bool:
    """Whether nothing more will come of it, unless it is repaired.

    :param run: a run or a task.
    """
    return parse_state(run).ended


def select_last_attempts(tasks: Iterable[RunTask] | None) -> list[RunTask]:
    """The tasks of a run, each with its last attempt only, in the order of the job.

    :param tasks: as the run has them: a retried task stands there once per attempt.
    """
    last: dict[str, RunTask] = {}
    for task in tasks or ():
        known = last.get(task.task_key)
        if known is None or (task.attempt_number or 0) >= (known.attempt_number or 0):
            last[task.task_key] = task
    return list(last.values())


def is_root_cause(task: RunTask) -> bool:
    """Whether a task ended badly, and not for what happened elsewhere.

    :param task: as the SDK has it.
    """
    return has_ended(task) and outcome_of(task) not in SUCCESSES | CONSEQUENCES


def find_root_causes(tasks: Iterable[RunTask] | None) -> list[RunTask]:
    """The tasks that a run failed by: those that ended badly of themselves, first to end first.

    :param tasks: as the run has them.
    """
    failed = filter(is_root_cause, select_last_attempts(tasks))
    return sorted(failed, key=lambda task: task.end_time or 0)


@dataclass(frozen=True)
class RunStatus:
    """A run as it was when somebody looked.

    :param timestamp: when, in milliseconds since the epoch.
    :param run: the SDK's ``Run``.
    :param eta: when it is expected to end, in milliseconds since the epoch, by how long the job's
        earlier runs took; ``None`` where they foretell nothing.
    :param document: the run as the Jobs API spells it; left out, as the SDK does.
    """

    timestamp: int
    run: Run
    eta: int | None = None
    document: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def status(self) -> str:
        """The life-cycle word of the Jobs API."""
        return life_cycle_of(self.document or self.run)

    @property
    def outcome(self) -> Outcome:
        """What became of the run, or what it is doing, in one plain word."""
        return outcome_of(self.document or self.run)

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended; it goes on only if somebody repairs it."""
        return has_ended(self.document or self.run)

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, the run as the Jobs API spells it."""
        known = {} if self.eta is None else {"eta": self.eta}
        return {
            "status": self.status,
            "outcome": self.outcome.value,
            "timestamp": self.timestamp,
            **known,
            "run": dict(self.document or self.run.as_dict()),
        }
