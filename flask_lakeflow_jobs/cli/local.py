"""``flask jobs local``: start and stop the local workspace of an app."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from ..config.jobs import build_env_name
from ..config.settings import LOCAL_FOLDER
from ..errors import ConfigurationError, UpstreamUnavailable
from .handles import get_state
from .printing import print_progress, print_result

# ``..local`` is imported in functions, because it needs the extra ``local``; completion and the
# error of an app without a bundle do not.


@click.command(short_help="Start the local workspace of this app.")
@click.option("--stop", "action", flag_value="stop", help="Stop it and its active tasks.")
@click.option("--status", "action", flag_value="status", help="Show whether and where it runs.")
@with_appcontext
def local(action: str | None) -> None:
    """Start the local workspace of this app if it is not running, and print its settings.

    To use it from another program:

    \b
      eval "$(flask jobs local)"
    """
    bundle = get_state().settings.bundle
    if bundle is None:
        raise ConfigurationError(
            "This app does not use a local workspace. Unset DATABRICKS_HOST if it is set, and set"
            " LAKEFLOW_JOBS_BUNDLE to the path of a databricks.yml."
        )
    from ..local import WorkspaceError

    try:
        if action == "stop":
            _stop()
        elif action == "status":
            _show_status()
        else:
            _start(bundle)
    except WorkspaceError as error:
        raise UpstreamUnavailable(str(error)) from error


def _start(bundle: Path) -> None:
    from ..local import ensure_workspace

    address = ensure_workspace(_folder(), bundle, install=get_state().settings.local_install)
    variables = {"DATABRICKS_HOST": address.host, "DATABRICKS_TOKEN": address.token}
    variables |= {
        build_env_name(key): str(job.job_id) for key, job in get_state().settings.jobs.items()
    }
    for name, value in variables.items():
        print_result(f"export {name}={shlex.quote(value)}")


def _stop() -> None:
    from ..local import stop_workspace

    print_progress("Stopped." if stop_workspace(_folder()) else "It was not running.")


def _show_status() -> None:
    from ..local.folder import WorkspaceFolder

    folder = WorkspaceFolder(_folder())
    address = folder.read_address() if folder.is_served() else None
    print_result(
        f"Running at {address['host']} (process {address['pid']})." if address else "Not running."
    )


def is_workspace_available() -> bool:
    """Return whether the app's workspace can be called without starting a local one."""
    if get_state().settings.bundle is None:
        return True
    from ..local.folder import WorkspaceFolder

    return WorkspaceFolder(_folder()).is_served()


def _folder() -> Path:
    return Path(current_app.instance_path) / LOCAL_FOLDER
