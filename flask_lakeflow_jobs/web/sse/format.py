"""The wire format of server-sent events. Pure.

Source: WHATWG HTML, section 9.2. Only CR, LF and CRLF end a line, so only they are split at.
"""
# MERGED """The types of events in a stream of runs: the one list, of which the docs' table is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

EVENT_STREAM = "text/event-stream"

#: No proxy may buffer, compress or keep a stream.
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

HEARTBEAT = b": still here\n\n"
_LINE_END = re.compile(r"\r\n|\r|\n")


def format_event(data: str, *, name: str | None = None, id: str | None = None) -> bytes:  # noqa: A002
    """One event.

    :param data: the payload, of any lines.
    :param name: its type; none for what ``onmessage`` gets.
    :param id: what a client sends back as ``Last-Event-ID``.
    :raises ValueError: a name or id that would break the format.
    """
    lines = []
    if name is not None:
        lines.append(f"event: {_one_line(name)}")
    if id is not None:
        lines.append(f"id: {_one_line(id)}")
    lines += [f"data: {line}" for line in _LINE_END.split(data)]
    return ("\n".join(lines) + "\n\n").encode()


def format_retry(milliseconds: int) -> bytes:
    """How long a client waits before it comes back.

    :param milliseconds: the time.
    """
    return f"retry: {milliseconds:d}\n\n".encode()


def _one_line(text: str) -> str:
    if _LINE_END.search(text) or "\0" in text:
        raise ValueError(f"An event's name or id must be one line without NUL, not {text!r}.")
    return text


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
