"""The exit codes of ``flask jobs``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from ..runs.outcome import Outcome


class ExitCode(IntEnum):
    """The status with which a command ends."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    CANCELED = 3
    TIMED_OUT = 4
    NOT_RUN = 5
    NOT_AUTHORIZED = 6
    UNREACHABLE = 7
    INTERRUPTED = 130


#: The one list of exit codes; ``--help`` and the docs are generated from it.
MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.SUCCEEDED: "the run or the command succeeded",
    ExitCode.FAILED: "the run or the command failed",
    ExitCode.USAGE: "usage error, invalid parameters or settings, unknown job or run",
    ExitCode.CANCELED: "the run was canceled",
    ExitCode.TIMED_OUT: "the run timed out, or the wait for it did and the run continues",
    ExitCode.NOT_RUN: "the run was skipped or never started",
    ExitCode.NOT_AUTHORIZED: "not authorized",
    ExitCode.UNREACHABLE: "the workspace cannot be reached, or fails",
    ExitCode.INTERRUPTED: "interrupted; the run continues",
}

#: Any other outcome is a failure, so that no failed run ever exits with 0.
BY_OUTCOME: Mapping[Outcome, ExitCode] = {
    Outcome.SUCCEEDED: ExitCode.SUCCEEDED,
    Outcome.SUCCEEDED_WITH_FAILURES: ExitCode.SUCCEEDED,
    Outcome.CANCELED: ExitCode.CANCELED,
    Outcome.TIMED_OUT: ExitCode.TIMED_OUT,
    Outcome.SKIPPED: ExitCode.NOT_RUN,
    Outcome.EXCLUDED: ExitCode.NOT_RUN,
    Outcome.DISABLED: ExitCode.NOT_RUN,
    Outcome.UPSTREAM_FAILED: ExitCode.NOT_RUN,
    Outcome.UPSTREAM_CANCELED: ExitCode.NOT_RUN,
}


def exit_code_of(outcome: Outcome, *, strict: bool = False) -> ExitCode:
    """Return the exit code for the outcome of an ended run.

    :param strict: Count a run that succeeded with failures as failed.
    """
    if strict and outcome is Outcome.SUCCEEDED_WITH_FAILURES:
        return ExitCode.FAILED
    return BY_OUTCOME.get(outcome, ExitCode.FAILED)


def format_exit_codes() -> str:
    """Format the exit codes for ``--help``, as a block that click does not wrap."""
    lines = [f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["\b", "Exit codes:", *lines])
