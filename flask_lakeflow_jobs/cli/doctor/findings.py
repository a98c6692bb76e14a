"""What the doctor finds, and how it is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import click

from ...errors import LakeflowJobsError
from ..exit_codes import Exit


class Level(Enum):
    """How much a finding matters."""

    #: As it should be.
    FINE = "fine"
    #: Worth knowing; it may be meant so.
    NOTE = "note"
    #: Something will not work, or not as it looks.
    FINDING = "finding"


COLOURS = {Level.FINE: "green", Level.NOTE: "yellow", Level.FINDING: "red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param about: what, in a word or two.
    :param level: how much it matters.
    :param says: what was found.
    :param remedy: what to do about it.
    :param lines: what to add, by the file that it belongs in.
    :param exit: what the command ends with for it.
    """

    about: str
    level: Level
    says: str
    remedy: str = ""
    lines: Mapping[str, str] = field(default_factory=dict)
    exit: Exit = Exit.FAILED

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "about": self.about,
            "level": self.level.value,
            "says": self.says,
            "remedy": self.remedy,
            "lines": dict(self.lines),
        }


def fine(about: str, says: str) -> Finding:
    """Something that is as it should be."""
    return Finding(about, Level.FINE, says)


def note(about: str, says: str, remedy: str = "") -> Finding:
    """Something worth knowing."""
    return Finding(about, Level.NOTE, says, remedy)


def finding(about: str, says: str, remedy: str, **lines: str) -> Finding:
    """Something to be mended.

    :param lines: what to add to ``app_yaml`` and ``databricks_yml``.
    """
    named = {name.replace("_", "."): text for name, text in lines.items()}
    return Finding(about, Level.FINDING, says, remedy, named)


def failure(about: str, error: LakeflowJobsError, remedy: str, **lines: str) -> Finding:
    """A question that was answered with an error.

    :param error: it.
    :param lines: as for :func:`finding`.
    """
    found = finding(about, error.detail, remedy, **lines)
    return replace(found, exit=Exit(error.exit_code))


def exit_of(found: Iterable[Finding]) -> Exit:
    """What the command ends with: why the workspace cannot be used, before all that may follow.

    :param found: all that was looked at.
    """
    exits = {each.exit for each in found if each.level is Level.FINDING}
    for first in (Exit.UNREACHABLE, Exit.NOT_AUTHORISED):
        if first in exits:
            return first
    return Exit.FAILED if exits else Exit.SUCCEEDED


def told(found: Iterable[Finding]) -> Iterator[str]:
    """The findings as lines of text.

    :param found: all that was looked at.
    """
    for each in found:
        level = click.style(f"{each.level.value:<8}", fg=COLOURS[each.level])
        yield f"{level} {each.about}: {each.says}"
        if each.remedy:
            yield f"         {each.remedy}"
        for name, text in each.lines.items():
            yield f"         In {name}:"
            yield from (f"           {line}" for line in text.splitlines())
