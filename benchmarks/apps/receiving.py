"""An app whose receiver of ends writes down each call, and that follows runs without viewers."""

from __future__ import annotations

import os
import time
from typing import Any

import databricks.sdk.service.jobs  # noqa: F401  # with --preload, workers start with it loaded
from flask import Flask

from flask_lakeflow_jobs import run_finished

from . import ours

#: Seconds that the receiver takes, so that kills may interrupt it.
SECONDS = 0.02


def create_app() -> Flask:
    """Create the app. ``RECEIVED`` is the file of the calls."""
    app = ours.create_app()
    calls = os.open(os.environ["RECEIVED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(what: str, delivery_id: str, run_id: int) -> None:
        line = f"{what} {delivery_id} {run_id} {os.getpid()} {time.time()}\n"
        os.write(calls, line.encode())

    def receive(sender: Flask, *, run_id: int, delivery_id: str, **_: Any) -> None:
        write("began", delivery_id, run_id)
        time.sleep(SECONDS)
        write("ended", delivery_id, run_id)

    run_finished.connect(receive, app, weak=False)
    return app
