"""An app that streams as it is usually written: a generator that reads and sleeps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

from databricks.sdk import WorkspaceClient
from flask import Flask, Response

INTERVAL = float(os.environ.get("LAKEFLOW_JOBS_POLL_INTERVAL", "5"))


def create_app() -> Flask:
    """Create the app."""
    app = Flask(__name__)
    workspace = WorkspaceClient()

    @app.get("/ping")
    def ping() -> str:
        return "pong"

    @app.get("/runs/<int:run_id>/stream")
    def stream(run_id: int) -> Response:
        def events() -> Iterator[str]:
            while True:
                run = workspace.jobs.get_run(run_id)
                ended = run.state is not None and run.state.result_state is not None
                event = {"status": "TERMINATED" if ended else "RUNNING", "run": run.as_dict()}
                yield f"data: {json.dumps(event)}\n\n"
                if ended:
                    yield "event: end\ndata: {}\n\n"
                    return
                time.sleep(INTERVAL)

        return Response(events(), mimetype="text/event-stream")

    return app
