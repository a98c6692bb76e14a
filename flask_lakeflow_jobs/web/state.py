"""What the HTTP interface keeps for one app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from .responses import ResponseTexts
from .sse.handoff.writer import SocketWriter
from .sse.limits import StreamLimiter

#: The key of the state in ``app.extensions``.
EXTENSION = "lakeflow_jobs.web"


@dataclass(frozen=True)
class WebState:
    """The streams of this process and the cached texts of responses."""

    stream_limiter: StreamLimiter
    socket_writer: SocketWriter
    response_texts: ResponseTexts


def web_state() -> WebState:
    """Return the HTTP interface's state of the current app."""
    return cast("WebState", current_app.extensions[EXTENSION])
