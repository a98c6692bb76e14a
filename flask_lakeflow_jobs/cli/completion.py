"""What the shell offers on TAB: soon or not at all, and never an error in the middle of a line."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import wraps
from threading import Thread
from typing import TYPE_CHECKING

import click
from flask.cli import ScriptInfo

from .app import app_state, chosen_job
from .local import is_at_hand

if TYPE_CHECKING:
    from ..handle import JobHandle

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

#: Seconds that the workspace may take to tell the parameters of a job.
SOON = 3.0


def _quietly(complete: Complete) -> Complete:
    @wraps(complete)
    def quiet(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        said = io.StringIO()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                app = ctx.ensure_object(ScriptInfo).load_app()
                with app.app_context():
                    return complete(ctx, param, incomplete)
        except Exception:  # whatever the app raises: the command itself will tell
            return []

    return quiet


@_quietly
def complete_key(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The job keys that begin so.

    :param incomplete: what is typed so far.
    """
    return [key for key in app_state().settings.jobs if key.startswith(incomplete)]


@_quietly
def complete_parameter(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The parameters of the job that is named on the line, each with its ``=``.

    :param incomplete: what is typed so far.
    """
    # while an option lacks its value, click leaves what stands before it unread
    key = ctx.params.get("key") or next(iter(ctx.args), None)
    names = parameter_names(chosen_job(key))
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def parameter_names(handle: JobHandle) -> list[str]:
    """The parameters that a job is known to take: by its settings, else by its definition.

    :param handle: the job's.
    """
    if names := list(handle.job.params_schema.get("properties", {})):
        return names
    return declared_names(handle) if handle.job.task_type == "job" and is_at_hand() else []


def declared_names(handle: JobHandle) -> list[str]:
    """The parameters that a job declares, if the workspace tells them soon.

    :param handle: the job's.
    """
    names: list[str] = []

    def ask() -> None:
        with suppress(Exception):  # threads tell theirs on stderr
            settings = handle.get_job().settings
            names.extend(each.name for each in (settings and settings.parameters) or [])

    asking = Thread(target=ask, daemon=True)  # the process ends whether it is answered or not
    asking.start()
    asking.join(SOON)
    return list(names)
