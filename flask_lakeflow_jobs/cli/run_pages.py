"""The page of a run: in the console if the app serves it, otherwise in the workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from flask import current_app

from ..pages import find_run_page, normalize_page_url
from .printing import print_progress, print_warning

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..sdk_types import BaseRun, Run
    from ..state import AppState

#: Where ``flask run`` serves by default.
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", "5000"


def find_run_url(state: AppState, job: Job, run: Run | BaseRun) -> str | None:
    """Return the address of a run's page; ``None`` if it has none."""
    app, base_url = current_app._get_current_object(), job.notify.base_url  # type: ignore[attr-defined]
    if base_url is None and not app.config.get("SERVER_NAME") and state.settings.bundle is not None:
        base_url = development_url()
    page = find_run_page(app, job.key, run.run_id or 0, base_url)
    return page or normalize_page_url(run.run_page_url)


def development_url() -> str:
    """Return the address at which ``flask run`` serves, by its options in the environment."""
    host = os.environ.get("FLASK_RUN_HOST") or DEFAULT_HOST
    if host in ("0.0.0.0", "::"):  # noqa: S104  # all addresses of this machine
        host = DEFAULT_HOST
    scheme = "https" if os.environ.get("FLASK_RUN_CERT") else "http"
    port = os.environ.get("FLASK_RUN_PORT") or DEFAULT_PORT
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def print_run_url(state: AppState, job: Job, run: Run | BaseRun) -> str | None:
    """Print the address of a run's page, if it has one, and return it."""
    if url := find_run_url(state, job, run):
        print_progress(f"Run URL: {url}")
    return url


def open_run_page(state: AppState, job: Job, run: Run | BaseRun) -> None:
    """Print the address of a run's page, and open it in a browser."""
    if url := print_run_url(state, job, run):
        click.launch(url)
    else:
        print_warning("The run has no page.")
