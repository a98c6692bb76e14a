"""The exit codes of ``flask jobs``: the one table, of which ``--help`` and the docs are made."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from ..runs.outcome import Outcome


class Exit(IntEnum):
    """What a command tells the shell."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    CANCELED = 3
    TIMED_OUT = 4
    NOT_RUN = 5
    NOT_AUTHORISED = 6
    UNREACHABLE = 7
    INTERRUPTED = 130


MEANINGS: Mapping[Exit, str] = {
    Exit.SUCCEEDED: "the run succeeded; for other commands: done, or answered",
    Exit.FAILED: "the run failed, or what was asked for could not be done",
    Exit.USAGE: "wrong usage, bad parameters or settings, no such job or run",
    Exit.CANCELED: "the run was canceled",
    Exit.TIMED_OUT: "the run timed out, or the wait is over and the run goes on",
    Exit.NOT_RUN: "the run was skipped, or never started",
    Exit.NOT_AUTHORISED: "not authorised",
    Exit.UNREACHABLE: "the workspace cannot be reached, or fails",
    Exit.INTERRUPTED: "interrupted; the run goes on",
}

#: How a run ended → exit code; every other end is a failure, so that no failed run ever exits 0.
BY_OUTCOME: Mapping[Outcome, Exit] = {
    Outcome.SUCCEEDED: Exit.SUCCEEDED,
    Outcome.SUCCEEDED_WITH_FAILURES: Exit.SUCCEEDED,
    Outcome.CANCELED: Exit.CANCELED,
    Outcome.TIMED_OUT: Exit.TIMED_OUT,
    Outcome.SKIPPED: Exit.NOT_RUN,
    Outcome.EXCLUDED: Exit.NOT_RUN,
    Outcome.DISABLED: Exit.NOT_RUN,
    Outcome.UPSTREAM_FAILED: Exit.NOT_RUN,
    Outcome.UPSTREAM_CANCELED: Exit.NOT_RUN,
}


def exit_of(outcome: Outcome, *, strict: bool = False) -> Exit:
    """The exit code for the end of a run.

    :param outcome: how it ended.
    :param strict: whether a run that succeeded with failures has failed.
    """
    if strict and outcome is Outcome.SUCCEEDED_WITH_FAILURES:
        return Exit.FAILED
    return BY_OUTCOME.get(outcome, Exit.FAILED)


def help_table() -> str:
    """The exit codes for ``--help``, as lines that click leaves as they are."""
    lines = [f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["\b", "Exit codes:", *lines])
