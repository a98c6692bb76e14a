"""``flask jobs local``: the local workspace of an app."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from ..config.jobs import build_env_name
from ..errors import ConfigurationError, UpstreamUnavailable
from .app import app_state
from .output import print_progress, print_result


@click.command(short_help="Start the local workspace of this app.")
@click.option("--stop", "action", flag_value="stop", help="Stop it; tasks that are going end.")
@click.option("--status", "action", flag_value="status", help="Say whether it runs, and where.")
@with_appcontext
def local(action: str | None) -> None:
    """Start the local workspace of this app, unless it runs, and print what to export.

    To use it from another program:

    \b
      eval "$(flask jobs local)"
    """
    from ..local import WorkspaceError

    try:
        _ACTIONS[action]()
    except WorkspaceError as error:
        raise UpstreamUnavailable(str(error)) from error


def _start() -> None:
    from ..local import ensure_workspace

    state = app_state()
    address = ensure_workspace(_folder(), _bundle())
    exports = {"DATABRICKS_HOST": address.host, "DATABRICKS_TOKEN": address.token}
    exports |= {build_env_name(key): str(job.job_id) for key, job in state.settings.jobs.items()}
    print_result("\n".join(export_lines(exports)))


def _stop() -> None:
    from ..local import stop_workspace

    _bundle()
    print_progress("Stopped." if stop_workspace(_folder()) else "It was not running.")


def _status() -> None:
    from ..local.home import WorkspaceFolder

    _bundle()
    folder = WorkspaceFolder(_folder())
    address = folder.read_address() if folder.is_served() else None
    print_result(
        f"Running at {address['host']} (process {address['pid']})." if address else "Not running."
    )


def is_at_hand() -> bool:
    """Whether the workspace of this app can be asked without starting one."""
    from ..local.home import WorkspaceFolder

    return app_state().settings.bundle is None or WorkspaceFolder(_folder()).is_served()


_ACTIONS = {None: _start, "stop": _stop, "status": _status}


def _folder() -> Path:
    return Path(current_app.instance_path) / "lakeflow"


def _bundle() -> Path:
    bundle = app_state().settings.bundle
    if bundle is None:
        raise ConfigurationError(
            "This app uses no local workspace. Set LAKEFLOW_JOBS_BUNDLE to the path of a"
            " databricks.yml, and leave DATABRICKS_HOST unset."
        )
    return bundle


def export_lines(variables: Mapping[str, str]) -> list[str]:
    """Lines for a shell.

    :param variables: names and values.
    """
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
