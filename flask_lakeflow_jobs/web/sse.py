"""The wire format of server-sent events. Pure.

Source: WHATWG HTML, section 9.2. Only CR, LF and CRLF end a line, so only they are split at.
"""

from __future__ import annotations

import re

MEDIA_TYPE = "text/event-stream"

#: No proxy may buffer, compress or keep a stream.
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}

HEARTBEAT = b": still here\n\n"

_LINE_END = re.compile(r"\r\n|\r|\n")


def event(data: str, *, name: str | None = None, id: str | None = None) -> bytes:  # noqa: A002
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


def retry(milliseconds: int) -> bytes:
    """How long a client waits before it comes back.

    :param milliseconds: the time.
    """
    return f"retry: {milliseconds:d}\n\n".encode()


def _one_line(text: str) -> str:
    if _LINE_END.search(text) or "\0" in text:
        raise ValueError(f"An event's name or id must be one line without NUL, not {text!r}.")
    return text
