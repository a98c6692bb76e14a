"""The page of all jobs: which ones it shows, in which order, and how many are in which state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from ..config.jobs import NO_JOBS_MESSAGE
from ..globals import current_state
from ..pages import page_url
from ..web.authorization import current_authorizer
from .cards import CARDS_PER_PAGE, Card, read_cards
from .rendering import render_page

if TYPE_CHECKING:
    from ..config.jobs import Job

#: From this number of jobs on, the page shows a table unless the reader chooses cards.
MIN_TABLE_ROWS = 25

VIEWS = ("cards", "table")

#: The states by which the page counts and filters jobs.
STATES: Mapping[str, Callable[[Card], bool]] = {
    "failing": lambda card: card.is_failing,
    "running": lambda card: card.is_running,
    "paused": lambda card: card.is_paused,
    "unreadable": lambda card: card.error is not None,
}


@dataclass(frozen=True)
class Wanted:
    """The jobs that the reader wants to see.

    :param text: in the key, the name or the description.
    :param state: one of :data:`STATES`; empty for all.
    :param view: one of :data:`VIEWS`; empty to choose one by the number of jobs.
    """

    text: str = ""
    state: str = ""
    view: str = ""

    @classmethod
    def of(cls, args: Mapping[str, str]) -> Wanted:
        """Read the query of a page; unknown values count as empty."""
        state, view = args.get("state", ""), args.get("view", "")
        return cls(
            args.get("q", "").strip(),
            state if state in STATES else "",
            view if view in VIEWS else "",
        )

    def url(self, **changes: str | int | None) -> str:
        """Return the URL of the page with other values; ``None`` leaves one out."""
        query = {"q": self.text, "state": self.state, "view": self.view, **changes}
        given = {name: value for name, value in query.items() if value}
        return page_url("lakeflow_console.show_jobs", **given)


def matches(text: str, *texts: str | None) -> bool:
    """Return whether all words of a text are in the others, in any case and order."""
    found = " ".join(filter(None, texts)).casefold()
    return all(word in found for word in text.casefold().split())


def sort_cards(cards: Iterable[Card]) -> list[Card]:
    """Sort cards: failing jobs first, then unreadable and active ones, then the rest as given."""
    return sorted(
        cards, key=lambda card: (not card.is_failing, card.error is None, not card.is_running)
    )


def count_states(cards: Sequence[Card]) -> dict[str, int]:
    """Count the jobs in each state that has any."""
    counts = {state: sum(map(is_in, cards)) for state, is_in in STATES.items()}
    return {state: count for state, count in counts.items() if count}


def _preselect(jobs: Sequence[Job], text: str) -> list[Job]:
    """Return the jobs to read: those of one page, or those that match by what the app knows.

    Names are in the definitions, and more than one page of them would take too many calls.
    """
    if len(jobs) <= CARDS_PER_PAGE:
        return [*jobs]
    return [job for job in jobs if matches(text, job.key, job.description)]


def _has_text(card: Card, text: str) -> bool:
    return matches(text, card.job.key, card.title.name, card.title.description)


def show_jobs() -> str:
    """Show the jobs, failing ones first; ``q``, ``state``, ``view`` and ``page`` select them.

    ``bare`` is for the script of pages with cards, and ``key`` selects their jobs.
    """
    authorizer = current_authorizer()
    jobs = list(authorizer.viewable_jobs())
    if "bare" in request.args:
        some = request.args.getlist("key")
        keys = [job.key for job in jobs if not some or job.key in some]
        return render_page("_cards.html", cards=read_cards(authorizer, keys[:CARDS_PER_PAGE]))
    wanted = Wanted.of(request.args)
    found = _preselect(jobs, wanted.text)
    last = max(1, math.ceil(len(found) / CARDS_PER_PAGE))
    number = min(last, max(1, request.args.get("page", 1, int)))
    first = (number - 1) * CARDS_PER_PAGE
    keys = [job.key for job in found[first : first + CARDS_PER_PAGE]]
    cards = [card for card in read_cards(authorizer, keys) if _has_text(card, wanted.text)]
    is_in = STATES.get(wanted.state)
    all_jobs = current_state().settings.jobs.values()
    may_audit = current_state().record is not None and any(
        authorizer.allows("audit", job) for job in all_jobs
    )
    return render_page(
        "jobs.html",
        cards=sort_cards(card for card in cards if is_in is None or is_in(card)),
        counts=count_states(cards),
        wanted=wanted,
        view=wanted.view or VIEWS[len(cards) >= MIN_TABLE_ROWS],
        may_audit=may_audit,
        page=number,
        last=last,
        first=first,
        on_page=len(cards),
        count=len(found),
        has_jobs=bool(jobs),
        if_none="There is no job here that you may view." if all_jobs else NO_JOBS_MESSAGE,
    )
