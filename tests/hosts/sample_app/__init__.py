"""An app of ten views, written as its users write theirs. It runs on Databricks Apps.

1. ``forms``: a form that starts a run and redirects to its page.
2. ``live``: HTMX follows a run.
3. ``background``: a thread waits for a run.
4. ``admin``: Flask-Admin frames cards and runs.
5. ``dashboard``: Dash starts a run and shows its state.
6. ``create_app``: a factory with blueprints.
7. ``async_views``: coroutines start and follow a run.
8. ``on_behalf``: a job runs with the token of the user.
9. ``schedule``: APScheduler starts a run every night.
10. ``tests/hosts/test_sample_app.py``: tests with the pytest plugin.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from . import admin, async_views, background, dashboard, forms, live, on_behalf
from .jobs import lakeflow_jobs

BUNDLE = Path(__file__).parent / "databricks.yml"


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Create the app.

    :param config: settings over those of the app, such as those of a test.
    """
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY=os.environ.get("SECRET_KEY"),
        LAKEFLOW_JOBS_BUNDLE=str(BUNDLE),
        LAKEFLOW_JOBS_CONSOLE=True,
        LAKEFLOW_JOBS_TRUST_PROXY_HEADERS=True,  # only behind the proxy of Databricks Apps
    )
    app.config.from_mapping(config or {})
    lakeflow_jobs.init_app(app)
    for module in (forms, live, background, async_views, on_behalf):
        app.register_blueprint(module.blueprint)
    admin.init_app(app)
    dashboard.init_app(app)
    return app
