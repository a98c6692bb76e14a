"""The types of events in a stream of runs: the one list, of which the docs' table is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EventType:
    """One type of event.

    :param name: its ``event:`` field; ``None``: it has none, so that ``onmessage`` gets it.
    :param data: what its ``data:`` holds, in Markdown.
    :param meaning: what it tells, in Markdown.
    """

    name: str | None
    data: str
    meaning: str


STATUS = EventType(
    None,
    "`status`, `outcome`, `timestamp`, `eta` where it is known, and the `run` as the Jobs API"
    " spells it",
    "The run is in a new state. The first comes at once. It alone has an `id:`, which names the"
    " state, so that a viewer who comes back is sent what is new to them.",
)
STALE = EventType(
    "stale",
    "a problem document",
    "The workspace cannot be asked just now, so what was shown may be old. The stream goes on.",
)
FRESH = EventType("fresh", "an empty object", "The workspace answers again; nothing was missed.")
ERROR = EventType(
    "error",
    "a problem document",
    "The run can be followed no more, because it was deleted, say, or may not be seen. `end`"
    " follows.",
)
END = EventType("end", "`runs`, the ids", "Nothing more will come: close the stream.")

#: All of them. In a stream of several runs their data also have ``job`` and ``runId``.
EVENT_TYPES = (STATUS, STALE, FRESH, ERROR, END)
