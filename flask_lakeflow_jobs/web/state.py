"""What the HTTP interface keeps for one app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from .responses import Answers
from .sse.handoff.writer import Pusher
from .sse.limits import StreamSlots

#: The key of the state in ``app.extensions``.
EXTENSION = "lakeflow_jobs.web"


@dataclass(frozen=True)
class WebState:
    """The streams of this process and the cached texts of responses."""

    stream_slots: StreamSlots
    pusher: Pusher
    answers: Answers


def web_state() -> WebState:
    """Return the HTTP interface's state of the current app."""
    return cast("WebState", current_app.extensions[EXTENSION])
