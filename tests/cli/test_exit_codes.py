"""The exit codes of commands."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.cli.exit_codes import MEANINGS, ExitCode, exit_code_of, format_exit_codes
from flask_lakeflow_jobs.runs.outcome import ACTIVE_OUTCOMES, Outcome

#: A failed run must never exit with 0, and scripts depend on the other codes.
CODES = {
    Outcome.SUCCEEDED: 0,
    Outcome.SUCCEEDED_WITH_FAILURES: 0,
    Outcome.FAILED: 1,
    Outcome.INTERNAL_ERROR: 1,
    Outcome.UNKNOWN: 1,
    Outcome.CANCELED: 3,
    Outcome.TIMED_OUT: 4,
    Outcome.SKIPPED: 5,
    Outcome.EXCLUDED: 5,
    Outcome.DISABLED: 5,
    Outcome.UPSTREAM_FAILED: 5,
    Outcome.UPSTREAM_CANCELED: 5,
}


@pytest.mark.parametrize(("outcome", "exit_code"), CODES.items())
def test_outcome_has_its_exit_code(outcome: Outcome, exit_code: int) -> None:
    assert exit_code_of(outcome) == exit_code


def test_every_terminal_outcome_has_an_exit_code() -> None:
    assert set(CODES) == set(Outcome) - set(ACTIVE_OUTCOMES.values())


def test_only_successes_exit_with_0() -> None:
    successes = {outcome for outcome in Outcome if exit_code_of(outcome) == 0}
    assert successes == {Outcome.SUCCEEDED, Outcome.SUCCEEDED_WITH_FAILURES}


def test_strict_fails_only_a_success_with_failures() -> None:
    different = {o for o in Outcome if exit_code_of(o, strict=True) != exit_code_of(o)}
    assert different == {Outcome.SUCCEEDED_WITH_FAILURES}
    assert exit_code_of(Outcome.SUCCEEDED_WITH_FAILURES, strict=True) == 1


def test_help_lists_every_exit_code() -> None:
    assert set(MEANINGS) == set(ExitCode)
    lines = format_exit_codes().splitlines()
    for code, meaning in MEANINGS.items():
        assert any(line.split(maxsplit=1) == [str(int(code)), meaning] for line in lines)
