"""The exit codes: one table, and no failure that looks like a success."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs import errors
from flask_lakeflow_jobs.cli.exit_codes import MEANINGS, Exit, exit_of, help_table
from flask_lakeflow_jobs.errors import LakeflowJobsError
from flask_lakeflow_jobs.runs.outcome import ACTIVE, Outcome

#: As the contract has them.
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


@pytest.mark.parametrize(("outcome", "code"), CODES.items())
def test_each_end_has_its_exit_code(outcome: Outcome, code: int) -> None:
    assert exit_of(outcome) == code


def test_every_end_is_in_the_table() -> None:
    assert set(CODES) == set(Outcome) - set(ACTIVE.values())


def test_only_successes_exit_with_0() -> None:
    fine = {outcome for outcome in Outcome if exit_of(outcome) == 0}
    assert fine == {Outcome.SUCCEEDED, Outcome.SUCCEEDED_WITH_FAILURES}


def test_strict_makes_a_success_with_failures_a_failure_and_nothing_else() -> None:
    changed = {o for o in Outcome if exit_of(o, strict=True) != exit_of(o)}
    assert changed == {Outcome.SUCCEEDED_WITH_FAILURES}
    assert exit_of(Outcome.SUCCEEDED_WITH_FAILURES, strict=True) == 1


def test_every_error_has_an_exit_code_of_the_table_that_is_no_success() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {k.exit_code for k in kinds if issubclass(k, LakeflowJobsError)}
    assert codes <= {int(code) for code in Exit} - {0}


def test_help_names_every_code_with_its_meaning() -> None:
    assert set(MEANINGS) == set(Exit)
    lines = help_table().splitlines()
    for code, meaning in MEANINGS.items():
        assert any(line.split(maxsplit=1) == [str(int(code)), meaning] for line in lines)
