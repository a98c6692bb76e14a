"""Findings as text and as an exit code."""

from __future__ import annotations

import click
import pytest

from flask_lakeflow_jobs.cli.doctor.findings import (
    Finding,
    Level,
    format_findings,
    worst_exit_code,
)
from flask_lakeflow_jobs.errors import (
    LakeflowJobsError,
    NotAllowed,
    RunNotFound,
    UpstreamUnavailable,
)

OK = Finding.ok("x", "Works.")
WARNING = Finding.warning("x", "Odd.")
ERROR = Finding.error("x", "Broken.", "Fix it.")


def failure(error: LakeflowJobsError) -> Finding:
    return Finding.failure("x", error, "Fix it.")


@pytest.mark.parametrize(
    ("findings", "exit_code"),
    [
        ([], 0),
        ([OK, WARNING], 0),
        ([OK, ERROR], 1),
        ([failure(RunNotFound(5, "etl"))], 1),
        ([ERROR, failure(NotAllowed("No."))], 6),
        ([failure(NotAllowed("No.")), failure(UpstreamUnavailable("Away."))], 7),
    ],
)
def test_exit_code_is_that_of_the_most_serious_error(
    findings: list[Finding], exit_code: int
) -> None:
    assert worst_exit_code(findings) == exit_code


def test_findings_are_formatted_with_remedy_and_lines() -> None:
    findings = [OK, Finding.error("job etl", "Hidden.", "Bind it.", {"app.yaml": "env:\n  - a"})]
    assert [click.unstyle(line) for line in format_findings(findings)] == [
        "ok       x: Works.",
        "error    job etl: Hidden.",
        "         Bind it.",
        "         In app.yaml:",
        "           env:",
        "             - a",
    ]


def test_levels_differ_in_color() -> None:
    lines = list(format_findings([OK, WARNING, ERROR]))
    assert len({line[: line.index("m")] for line in lines[:3]}) == len(Level)


def test_finding_as_json_has_all_members() -> None:
    assert ERROR.to_dict() == {
        "about": "x",
        "level": "error",
        "message": "Broken.",
        "remedy": "Fix it.",
        "lines": {},
    }
