"""An app with the extension, set up by its environment alone."""

from __future__ import annotations

import os

from flask import Flask, Response

from flask_lakeflow_jobs import LakeflowJobs


def create_app() -> Flask:
    """Create the app."""
    app = Flask(__name__)
    LakeflowJobs(app)

    @app.get("/ping")
    def ping() -> str:
        return "pong"

    @app.after_request
    def name_worker(response: Response) -> Response:
        response.headers["X-Worker"] = str(os.getpid())
        return response

    return app
