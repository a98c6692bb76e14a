"""The states of runs and tasks, including every state in which one can end.

One :class:`State` holds what the Jobs API returns twice: in the older ``state`` and in the newer
``status``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ACTIVE = frozenset({"QUEUED", "PENDING", "RUNNING", "TERMINATING", "BLOCKED", "WAITING_FOR_RETRY"})


@dataclass(frozen=True, slots=True)
class State:
    """The state of a run or of a task.

    :param life_cycle: a value of ``RunLifeCycleState``.
    :param result: a value of ``RunResultState``, empty while the run is active.
    :param code: a value of ``TerminationCodeEnum``; of ``QueueDetailsCodeCodeEnum`` while queued.
    """

    life_cycle: str
    result: str = ""
    code: str = ""
    message: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.life_cycle not in ACTIVE

    @property
    def is_success(self) -> bool:
        """Return whether a dependent task counts this one as succeeded."""
        return self.result in {"SUCCESS", "SUCCESS_WITH_FAILURES"}

    @property
    def is_failure(self) -> bool:
        """Return whether a dependent task counts this one as failed."""
        return (
            self.is_terminal and not self.is_success and self.result not in {"EXCLUDED", "DISABLED"}
        )

    def because(self, message: str) -> State:
        """Return this state with another message."""
        return replace(self, message=message)


PENDING = State("PENDING", message="Waiting to start")
BLOCKED = State("BLOCKED")
QUEUED_FOR_PROCESS = State(
    "QUEUED",
    code="ACTIVE_RUN_JOB_TASKS_LIMIT_REACHED",
    message="Queued until another task of the local workspace has ended.",
)
RUNNING = State("RUNNING", message="In run")
TERMINATING = State("TERMINATING", message="Cancelling")
WAITING_FOR_RETRY = State("WAITING_FOR_RETRY", message="Waiting for the next attempt")

SUCCESS = State("TERMINATED", "SUCCESS", "SUCCESS")
SUCCESS_WITH_FAILURES = State(
    "TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES", "Some tasks failed."
)
FAILED = State(
    "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR", "Workload failed, see run output for details"
)
CANCELED = State("TERMINATED", "CANCELED", "USER_CANCELED", "Run cancelled.")
TIMED_OUT = State("TERMINATED", "TIMEDOUT", "CANCELED", "Run timed out.")
#: The final state of a run or task that was asked to stop, by its ``ending``.
STOPPED = {"CANCELED": CANCELED, "TIMEDOUT": TIMED_OUT}
INVALID_TASK = State("INTERNAL_ERROR", "FAILED", "INVALID_RUN_CONFIGURATION")
WORKSPACE_LOST = State(
    "INTERNAL_ERROR",
    "FAILED",
    "INTERNAL_ERROR",
    "The local workspace stopped while this was running. Start the run again, or repair it.",
)
LOST_IN_QUEUE = WORKSPACE_LOST.because(
    "The local workspace stopped while this was queued. Start the run again, or repair it."
)
# The messages of skipped tasks follow the descriptions of RunResultState ("The run was skipped
# because ...").
UPSTREAM_FAILED = State("SKIPPED", "UPSTREAM_FAILED", "SKIPPED", "An upstream task failed.")
UPSTREAM_CANCELED = State(
    "SKIPPED", "UPSTREAM_CANCELED", "SKIPPED", "An upstream task was canceled."
)
EXCLUDED = State(
    "SKIPPED", "EXCLUDED", "SKIPPED", "Skipped because the necessary conditions were not met."
)
DISABLED = State("SKIPPED", "DISABLED", "DISABLED", "Skipped because the task is disabled.")


def over_concurrency_limit(limit: int) -> State:
    """Return the state of a run that is skipped because of ``max_concurrent_runs``."""
    return State(
        "SKIPPED",
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        "MAX_CONCURRENT_RUNS_EXCEEDED",
        f"Skipping this run because the limit of {limit} maximum concurrent runs has been reached.",
    )


def queued_for_concurrency(limit: int) -> State:
    """Return the state of a run that waits because of ``max_concurrent_runs``."""
    return State(
        "QUEUED",
        code="MAX_CONCURRENT_RUNS_REACHED",
        message=f"Queued due to reaching maximum concurrent runs of {limit}.",
    )


def run_failed(task_key: str, message: str, *, skipped_others: bool) -> State:
    """Return the state of a run with a failed task: INTERNAL_ERROR/FAILED, like the service."""
    sentence = f"Task {task_key} failed with message: {message.rstrip('.')}."
    if skipped_others:
        sentence += " This caused all downstream tasks to get skipped."
    return State("INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR", sentence)
