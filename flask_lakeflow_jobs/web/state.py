"""The state of the HTTP interface for one app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from .sse.open import StreamOpener

#: The key of the state in ``app.extensions``.
EXTENSION = "lakeflow_jobs.web"


@dataclass(frozen=True)
class WebState:
    streams: StreamOpener


def web_state() -> WebState:
    """Return the state of the current app."""
    return cast("WebState", current_app.extensions[EXTENSION])
