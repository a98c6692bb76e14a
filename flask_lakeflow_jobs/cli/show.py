"""The commands that show jobs and runs and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from ..config.jobs import NO_JOBS_MESSAGE
from ..errors import JobNotFound, LakeflowJobsError, NotAllowed
from ..reader import cached_reads_of
from ..runs.outcome import SUCCESSES, has_ended, outcome_of
from ..runs.redaction import redact, redact_outputs, summarize_newest_run
from .follow import open_run_page
from .formatting import format_explanation, format_jobs, format_outputs, format_run, format_runs
from .handles import get_handle, get_state
from .local import is_workspace_available
from .options import (
    key_argument,
    limit_option,
    output_option,
    run_argument,
    table_option,
    task_option,
)
from .output import (
    print_document,
    print_output,
    print_progress,
    print_result,
    print_warning,
    table_width,
)

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import BaseRun


@click.command("list")
@with_appcontext
@table_option
def list_jobs(as_json: bool, is_wide: bool) -> None:
    """List the jobs of this app, each with its newest run."""
    jobs = list(get_state().settings.jobs.values())
    if as_json:
        print_document({"jobs": [job.to_dict() for job in jobs]})
    elif not jobs:
        print_progress(NO_JOBS_MESSAGE)
    else:
        newest = read_newest_runs(jobs)
        print_result("\n".join(format_jobs(jobs, newest, is_wide=is_wide, width=table_width())))


def read_newest_runs(jobs: Sequence[Job]) -> dict[str, BaseRun]:
    """Read the newest run of each job; of none if the workspace does not respond."""
    if not is_workspace_available():
        return {}
    handles = [get_handle(job.key) for job in jobs]
    try:
        runs = cached_reads_of(handles[0]).run_concurrently(_read_newest_run, handles)
    except LakeflowJobsError as error:
        print_warning(f"Cannot read the newest runs: {error.detail}")
        return {}
    return {job.key: run for job, run in zip(jobs, runs, strict=True) if run is not None}


def _read_newest_run(handle: JobHandle) -> BaseRun | None:
    try:
        return handle.last_run()
    except (JobNotFound, NotAllowed):  # the others have theirs
        return None


@click.command()
@with_appcontext
@key_argument
@output_option
def status(key: str | None, as_json: bool) -> None:
    """Show the newest run of a job.

    The exit code is 0 for every outcome of the run.
    """
    handle = get_handle(key)
    if as_json:
        documents = cached_reads_of(handle).list_runs(1).value
        print_document(summarize_newest_run(documents, handle.job.secret_overrides))
    elif (newest := handle.last_run()) is None:
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(format_run(handle.key, newest)))


@click.command()
@with_appcontext
@key_argument
@limit_option
@table_option
def runs(key: str | None, limit: int, as_json: bool, is_wide: bool) -> None:
    """List the runs of a job, newest first."""
    handle = get_handle(key)
    if as_json:
        documents = cached_reads_of(handle).list_runs(limit).value
        print_document({"runs": [redact(run, handle.job.secret_overrides) for run in documents]})
    elif not (newest := handle.list_runs(limit)):
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(format_runs(newest, is_wide=is_wide, width=table_width())))


@click.command()
@with_appcontext
@run_argument
@click.option("--web", is_flag=True, help="Open the run's page in a browser instead.")
@output_option
def show(key: str | None, run_id: int, web: bool, as_json: bool) -> None:
    """Show a run, its tasks and why it failed.

    The exit code is 0 for every outcome of the run.
    """
    handle = get_handle(key)
    if web:
        open_run_page(handle.get_run(run_id))
        return
    if as_json:
        document = cached_reads_of(handle).get_run(run_id).value
        print_document(redact(document, handle.job.secret_overrides))
        return
    run = handle.get_run(run_id)
    lines = format_run(handle.key, run)
    if has_ended(run) and outcome_of(run) not in SUCCESSES:
        lines += ["", *format_explanation(handle.explain(run_id))]
    print_result("\n".join(lines))


@click.command()
@with_appcontext
@run_argument
@task_option
@output_option
def output(key: str | None, run_id: int, tasks: Sequence[str], as_json: bool) -> None:
    """Print the output of a run's tasks.

    This is the result of a notebook, or the logs of a script.
    """
    handle = get_handle(key)
    if as_json:
        documents = cached_reads_of(handle).get_outputs(run_id, tasks)
        print_document(redact_outputs(documents, handle.job.secret_overrides))
        return
    outputs = handle.get_outputs(run_id, tasks=tasks)
    for text in format_outputs(handle.get_run(run_id).tasks, outputs):
        print_output(text)
