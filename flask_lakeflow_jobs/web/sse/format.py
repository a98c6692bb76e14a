"""The wire format of server-sent events, and the types of events in a stream. Pure.

Source: WHATWG HTML, section 9.2. Only CR, LF and CRLF end a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

EVENT_STREAM = "text/event-stream"

#: They keep proxies from buffering, compressing or storing a stream, and browsers from guessing.
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

#: No empty line follows it, and no retry field: at an empty line, some clients pass an event
#: without data to the app, whose JSON parser then fails.
HEARTBEAT_COMMENT = b": still here\n"
_LINE_END = re.compile(r"\r\n|\r|\n")


def format_event(data: str, *, name: str | None = None, id: str | None = None) -> bytes:  # noqa: A002
    """Format one event.

    :param data: the payload; it may have several lines.
    :param name: the event type; ``None`` for events that ``onmessage`` receives.
    :param id: what a client sends back as ``Last-Event-ID``.
    :raises ValueError: the name or the id would break the format.
    """
    lines = []
    if name is not None:
        lines.append(f"event: {_one_line(name)}")
    if id is not None:
        lines.append(f"id: {_one_line(id)}")
    lines += [f"data: {line}" for line in _LINE_END.split(data)]
    return ("\n".join(lines) + "\n\n").encode()


def format_retry(milliseconds: int) -> bytes:
    """Format the delay after which a client reconnects."""
    return f"retry: {milliseconds:d}\n".encode()


def _one_line(text: str) -> str:
    if _LINE_END.search(text) or "\0" in text:
        raise ValueError(f"An event's name or id must be one line without NUL, not {text!r}.")
    return text


@dataclass(frozen=True)
class EventType:
    """One type of event; the docs list all of them.

    :param name: the ``event:`` field; ``None`` if the event has none.
    :param data: the content of ``data:``, in Markdown.
    :param meaning: in Markdown.
    """

    name: str | None
    data: str
    meaning: str


STATUS = EventType(
    None,
    "`status`, `outcome`, `timestamp`, `eta` if it can be estimated, `progress` if the run reports"
    " it, and the `run` as the Jobs API spells it",
    "The run has a new state or progress. The first event is sent immediately. Only these events"
    " have an `id:`, which identifies the state, so that a client that reconnects gets only newer"
    " states.",
)

STALE = EventType(
    "stale",
    "a problem document",
    "The workspace cannot be polled at the moment, so the last state may be outdated. The stream"
    " continues.",
)

FRESH = EventType("fresh", "an empty object", "The workspace responds again. No update was missed.")

ERROR = EventType(
    "error",
    "a problem document",
    "The run can no longer be followed, for example because it was deleted or the permission was"
    " withdrawn. `end` follows.",
)

END = EventType("end", "`runs`, the run ids", "No more events follow. Close the stream.")

#: In a stream of several runs, the data of all but ``end`` also has ``job`` and ``runId``.
EVENT_TYPES = (STATUS, STALE, FRESH, ERROR, END)
