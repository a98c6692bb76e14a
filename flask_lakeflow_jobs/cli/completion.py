"""Shell completion, which is quick, prints nothing and never fails."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial, wraps
from threading import Thread
from typing import TYPE_CHECKING

import click
from flask.cli import ScriptInfo

from .handles import find_handle, get_state
from .local import is_workspace_available

if TYPE_CHECKING:
    from ..handle import JobHandle

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]

#: The longest wait for a response of the workspace.
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
    return _start_with(incomplete, get_state().settings.jobs)


@_in_app_context
def complete_words(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete ``[KEY] RUN``: first the key of a job, then one of its newest runs."""
    words = ctx.params.get("words") or ()
    if words:
        return _start_with(incomplete, _fetch(partial(_list_runs, find_handle(words[0]))))
    keys = list(get_state().settings.jobs)
    runs = _fetch(partial(_list_runs, find_handle(None))) if len(keys) == 1 else []
    return _start_with(incomplete, keys + runs)


@_in_app_context
def complete_tasks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the last of several task keys that are separated by commas."""
    words = ctx.params.get("words") or [ctx.params.get("key") or next(iter(ctx.args), None)]
    *before, typed = incomplete.split(",")
    tasks = _fetch(partial(_list_tasks, find_handle(words[0])))
    return [",".join([*before, task]) for task in _start_with(typed, tasks) if task not in before]


@_in_app_context
def complete_parameter(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete ``name=`` for the parameters of the job on the command line."""
    # while an option lacks its value, click does not parse the arguments before it
    key = ctx.params.get("key") or next(iter(ctx.args), None)
    names = list_parameters(find_handle(key))
    return [f"{name}=" for name in _start_with(incomplete, names)]


def list_parameters(handle: JobHandle) -> list[str]:
    """List the parameters of a job, from the app's settings or else from the workspace."""
    if names := list(handle.job.params_schema.get("properties", {})):
        return names
    return _fetch(partial(_list_job_parameters, handle)) if handle.job.task_type == "job" else []


def _start_with(incomplete: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _list_job_parameters(handle: JobHandle) -> list[str]:
    settings = handle.get_job().settings
    return [parameter.name for parameter in (settings and settings.parameters) or []]


def _list_tasks(handle: JobHandle) -> list[str]:
    settings = handle.get_job().settings
    return [task.task_key for task in (settings and settings.tasks) or []]


def _list_runs(handle: JobHandle) -> list[str]:
    return [str(run.run_id) for run in handle.list_runs()]


def _fetch(read: Callable[[], list[str]]) -> list[str]:
    """Return words that are read from the workspace; none if it takes too long or fails."""
    if not is_workspace_available():
        return []
    words: list[str] = []

    def fetch() -> None:
        with suppress(Exception):  # a thread would print it
            # The shell prints them as they are, and a terminal would obey an escape.
            words.extend(word for word in read() if word.isprintable())

    thread = Thread(target=fetch, daemon=True)  # so that it does not delay the end of the process
    thread.start()
    thread.join(LOOKUP_TIMEOUT_SECONDS)
    return list(words)
