"""The history of a job, page by page, and what of it is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import queries, summaries
from .summaries import Summary

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import BaseRun

#: Runs on a page.
PAGE = 20

#: Runs in one read: what the Jobs API gives in one answer. More than a page, as the first of them
#: has been shown already and the last tells that there are more.
READ = 25

#: Reads that one page may take where a filter leaves few of the runs.
READS = 4


@dataclass(frozen=True)
class Filter:
    """Which runs are asked for; what is empty asks for nothing.

    :param kind: of outcome.
    :param who: a part of a person's name.
    """

    kind: str = ""
    who: str = ""

    @property
    def is_any(self) -> bool:
        return not self.kind and not self.who

    def lets(self, run: Summary) -> bool:
        """Whether a run is asked for.

        :param run: it.
        """
        has_kind = not self.kind or run.state.kind == self.kind
        return has_kind and self.who.lower() in (run.who or "").lower()


@dataclass(frozen=True)
class Place:
    """A place in a history: right after a run.

    :param started: of the run, in milliseconds since the epoch.
    :param run_id: its own, as several may have started at one moment.
    """

    started: int
    run_id: int

    def __str__(self) -> str:
        return f"{self.started}.{self.run_id}"


def place_of(text: str) -> Place | None:
    """The place that a link names, if it is one.

    :param text: as ``str`` gave it.
    """
    match = re.fullmatch(r"(\d{1,16})\.(\d{1,19})", text, re.ASCII)
    return Place(int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True)
class Page:
    """A page of a history.

    :param runs: those asked for, newest first.
    :param looked_at: how many runs were looked at to find them.
    :param last: the place after the last of those.
    :param has_more: whether there are older ones.
    """

    runs: Sequence[Summary]
    looked_at: int
    last: Place | None
    has_more: bool


def page_of(handle: JobHandle, wanted: Filter, after: Place | None) -> Page:
    """A page of a job's history.

    :param handle: on the job.
    :param wanted: which runs.
    :param after: where it begins; ``None``: with the newest.
    """
    moment, parameter = queries.now(), queries.who_parameter()
    found: list[Summary] = []
    looked_at = 0
    for _ in range(READS):
        batch = handle.list_runs(READ, start_time_to=after.started if after else None)
        has_more = len(batch) == READ
        older = _older(batch, after)
        for left, run in zip(range(len(older) - 1, -1, -1), older, strict=True):
            looked_at += 1
            after = Place(run.start_time or 0, run.run_id or 0)
            summary = summaries.summary(run, moment, parameter)
            if wanted.lets(summary):
                found.append(summary)
            if len(found) == PAGE:
                return Page(found, looked_at, after, has_more or left > 0)
        if not has_more:
            break
    return Page(found, looked_at, after, has_more)


def _older(batch: list[BaseRun], after: Place | None) -> list[BaseRun]:
    """Those of a list that come after the one that was shown last."""
    ids = [run.run_id for run in batch]
    return batch[ids.index(after.run_id) + 1 :] if after and after.run_id in ids else batch
