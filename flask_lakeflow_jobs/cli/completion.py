"""Shell completion, which is quick, prints nothing and never fails."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import wraps
from threading import Thread
from typing import TYPE_CHECKING

import click
from flask.cli import ScriptInfo

from .handles import get_handle, get_state
from .local import is_workspace_available

if TYPE_CHECKING:
    from ..handle import JobHandle

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

#: The longest wait for the workspace to list the parameters of a job.
LOOKUP_TIMEOUT_SECONDS = 3.0


def _in_app_context(complete: Complete) -> Complete:
    """Run a completion in the context of the app, without its output and its errors."""

    @wraps(complete)
    def quiet(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        discarded = io.StringIO()
        try:
            with redirect_stdout(discarded), redirect_stderr(discarded):
                app = ctx.ensure_object(ScriptInfo).load_app()
                with app.app_context():
                    return complete(ctx, param, incomplete)
        except Exception:  # the command itself reports it
            return []

    return quiet


@_in_app_context
def complete_key(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the key of a job."""
    return [key for key in get_state().settings.jobs if key.startswith(incomplete)]


@_in_app_context
def complete_parameter(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete ``name=`` for the parameters of the job on the command line."""
    # while an option lacks its value, click does not parse the arguments before it
    key = ctx.params.get("key") or next(iter(ctx.args), None)
    names = list_parameters(get_handle(key))
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def list_parameters(handle: JobHandle) -> list[str]:
    """List the parameters of a job, from the app's settings or else from the workspace."""
    if names := list(handle.job.params_schema.get("properties", {})):
        return names
    if handle.job.task_type == "job" and is_workspace_available():
        return _fetch_parameters(handle)
    return []


def _fetch_parameters(handle: JobHandle) -> list[str]:
    names: list[str] = []

    def fetch() -> None:
        with suppress(Exception):  # a thread would print it
            settings = handle.get_job().settings
            parameters = (settings and settings.parameters) or []
            # The shell prints them as they are, and a terminal would obey an escape.
            names.extend(each.name for each in parameters if each.name.isprintable())

    thread = Thread(target=fetch, daemon=True)  # so that it does not delay the end of the process
    thread.start()
    thread.join(LOOKUP_TIMEOUT_SECONDS)
    return list(names)
