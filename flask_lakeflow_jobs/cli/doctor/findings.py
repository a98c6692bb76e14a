"""The findings of ``flask jobs doctor``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import click

from ...errors import LakeflowJobsError
from ..exit_codes import ExitCode


class Level(Enum):
    """The severity of a finding."""

    OK = "ok"
    #: Something that may be intended.
    WARNING = "warning"
    #: Something that does not work, or not as expected.
    ERROR = "error"


LEVEL_COLORS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    :param about: what was checked, in a word or two.
    :param lines: lines to add, by the name of the file.
    :param exit_code: the exit code of the command, if the level is an error.
    """

    about: str
    level: Level
    message: str
    remedy: str = ""
    lines: Mapping[str, str] = field(default_factory=dict)
    exit_code: ExitCode = ExitCode.FAILED

    @classmethod
    def ok(cls, about: str, message: str) -> Finding:
        return cls(about, Level.OK, message)

    @classmethod
    def warning(cls, about: str, message: str, remedy: str = "") -> Finding:
        return cls(about, Level.WARNING, message, remedy)

    @classmethod
    def error(
        cls, about: str, message: str, remedy: str, lines: Mapping[str, str] | None = None
    ) -> Finding:
        return cls(about, Level.ERROR, message, remedy, lines or {})

    @classmethod
    def failure(
        cls,
        about: str,
        error: LakeflowJobsError,
        remedy: str,
        lines: Mapping[str, str] | None = None,
    ) -> Finding:
        """Build the finding for a call to the workspace that failed."""
        code = ExitCode(error.exit_code)
        return cls(about, Level.ERROR, error.detail, remedy, lines or {}, code)

    def to_dict(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "level": self.level.value,
            "message": self.message,
            "remedy": self.remedy,
            "lines": dict(self.lines),
        }


def worst_exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Return the exit code of the most serious error: an unusable workspace explains the others."""
    codes = {finding.exit_code for finding in findings if finding.level is Level.ERROR}
    for code in (ExitCode.UNREACHABLE, ExitCode.NOT_AUTHORIZED):
        if code in codes:
            return code
    return ExitCode.FAILED if codes else ExitCode.SUCCEEDED


def format_findings(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        level = click.style(f"{finding.level.value:<8}", fg=LEVEL_COLORS[finding.level])
        yield f"{level} {finding.about}: {finding.message}"
        if finding.remedy:
            yield f"         {finding.remedy}"
        for name, text in finding.lines.items():
            yield f"         In {name}:"
            yield from (f"           {line}" for line in text.splitlines())
