"""Shell completion, which is quick, prints nothing and never fails."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial, wraps
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem
from flask.cli import ScriptInfo

from ..concurrency import load_module, start_thread
from ..runs.ids import parse_id
from ..runs.job_definition import defined_parameters, defined_tasks
from ..runs.outcome import outcome_of
from ..text import join_lines
from .formatting import format_datetime
from .handles import find_handle, get_state
from .local import is_workspace_available

if TYPE_CHECKING:
    from ..handle import JobHandle

    Item = CompletionItem[str]
    Complete = Callable[[click.Context, click.Parameter, str], list[Item]]

#: The longest wait for a response of the workspace.
LOOKUP_TIMEOUT_SECONDS = 3.0


def _in_app_context(complete: Complete) -> Complete:
    """Run a completion in the context of the app, without its output and its errors."""

    @wraps(complete)
    def quiet(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Item]:
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
def complete_key(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    return _start_with(incomplete, _list_keys())


@_in_app_context
def complete_words(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Complete ``[KEY] RUN``: first the key of a job, then one of its newest runs."""
    if words := ctx.params.get("words"):
        runs = _fetch(partial(_list_runs, _find_named_handle(ctx)))
        return _start_with(incomplete, [run for run in runs if run.value not in words])
    keys = _list_keys()
    runs = _fetch(partial(_list_runs, find_handle(None))) if len(keys) == 1 else []
    return _start_with(incomplete, keys + runs)


@_in_app_context
def complete_tasks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Complete the last of several task keys that are separated by commas."""
    *before, typed = incomplete.split(",")
    tasks = _start_with(typed, _fetch(partial(_list_tasks, _find_named_handle(ctx))))
    keys = [task.value for task in tasks if task.value not in before]
    return [CompletionItem(",".join([*before, key])) for key in keys]


@_in_app_context
def complete_parameter(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Item]:
    """Complete ``name=`` for the parameters of the job on the command line."""
    return _start_with(incomplete, list_parameters(_find_named_handle(ctx)))


def _find_named_handle(ctx: click.Context) -> JobHandle:
    """Find the job that the command line names so far, or else the only job of the app."""
    # while an option lacks its value, click does not parse the arguments before it
    word, *_ = ctx.params.get("words") or [ctx.params.get("key") or next(iter(ctx.args), None)]
    is_run = word not in get_state().settings.jobs and parse_id(word) is not None
    return find_handle(None if is_run else word)


def list_parameters(handle: JobHandle) -> list[Item]:
    """List the parameters of a job, from the app's settings or else from the workspace."""
    if names := handle.job.params_schema.get("properties", {}):
        return [CompletionItem(f"{name}=") for name in names]
    return _fetch(partial(_list_job_parameters, handle)) if handle.job.task_type == "job" else []


def _start_with(incomplete: str, items: Iterable[Item]) -> list[Item]:
    return [item for item in items if item.value.startswith(incomplete)]


def _list_keys() -> list[Item]:
    jobs = get_state().settings.jobs.values()
    return [CompletionItem(job.key, help=join_lines(job.description)) for job in jobs]


def _list_job_parameters(handle: JobHandle) -> list[Item]:
    return [CompletionItem(f"{each.name}=") for each in defined_parameters(handle.get_job())]


def _list_tasks(handle: JobHandle) -> list[Item]:
    return [CompletionItem(task.task_key) for task in defined_tasks(handle.get_job())]


def _list_runs(handle: JobHandle) -> list[Item]:
    """List the newest runs. zsh and fish show what distinguishes their ids."""
    return [
        CompletionItem(
            str(run.run_id), help=f"{outcome_of(run).label} {format_datetime(run.start_time)}"
        )
        for run in handle.list_runs()
    ]


def _fetch(read: Callable[[], list[Item]]) -> list[Item]:
    """Return items that are read from the workspace; none if it takes too long or fails."""
    if not is_workspace_available():
        return []
    # It imports the SDK: on a busy machine, that alone may take longer than the workspace may.
    load_module("flask_lakeflow_jobs.upstream.gateway")
    items: list[Item] = []

    def fetch() -> None:
        with suppress(Exception):  # a thread would print it
            # The shell prints them as they are, and a terminal would obey an escape.
            items.extend(item for item in read() if item.value.isprintable())

    # A daemon does not delay the end of the process.
    start_thread(fetch).join(LOOKUP_TIMEOUT_SECONDS)
    return list(items)
