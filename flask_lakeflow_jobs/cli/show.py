"""The commands that show jobs and runs and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from ..config.jobs import NO_JOBS_MESSAGE
from ..errors import JobNotFound, LakeflowJobsError, NotAllowed
from ..reader import cached_reads_of, read_efforts
from ..runs.durations import counts_from_of_efforts, duration_of
from ..runs.outcome import SUCCESSES, has_ended, outcome_of
from ..runs.redaction import redact, summarize_newest_run
from ..runs.run_parameters import parameters_of
from ..upstream.concurrent_reads import read_each
from .formatting import (
    format_comparison,
    format_explanation,
    format_jobs,
    format_run,
    format_runs,
)
from .handles import MAX_TABLE_READ_SECONDS, get_handle, get_state
from .local import is_workspace_available
from .options import (
    document_option,
    key_argument,
    limit_option,
    output_option,
    pair_argument,
    run_argument,
    table_option,
    task_option,
)
from .printing import (
    chosen_fields,
    print_document,
    print_output,
    print_progress,
    print_result,
    print_warning,
    table_width,
)
from .run_pages import find_run_url, open_run_page
from .task_outputs import format_loop, format_outputs, list_loops, read_loops, read_outputs

if TYPE_CHECKING:
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..sdk_types import BaseRun, Run


@click.command("list")
@with_appcontext
@table_option
def list_jobs(as_json: bool, is_wide: bool) -> None:
    """List the jobs of this app, each with its newest run.

    Descriptions are the app's or its bundle's: to read those of the workspace takes a call per job.
    """
    jobs = list(get_state().settings.jobs.values())
    if as_json:
        print_document({"jobs": [job.to_dict() for job in jobs]})
    elif not jobs:
        print_progress(NO_JOBS_MESSAGE)
    else:
        newest, now = read_newest_runs(jobs), get_state().clock.now()
        width = None if is_wide else table_width()
        print_result(format_jobs(jobs, newest, now, is_wide=is_wide, width=width))


def read_newest_runs(jobs: Sequence[Job]) -> dict[str, BaseRun]:
    """Read the newest run of each job that has one and can be read in time."""
    if not is_workspace_available():
        print_progress("For the newest runs, start the local workspace: flask jobs local")
        return {}
    runs = read_each(
        lambda job: _read_newest_run(get_handle(job.key)), jobs, MAX_TABLE_READ_SECONDS
    )
    errors = [run for run in runs if isinstance(run, LakeflowJobsError)]
    if errors:
        print_warning(
            f"Cannot read the newest runs of {len(errors)} of {len(jobs)} jobs: {errors[0].detail}"
        )
    found = zip(jobs, runs, strict=True)
    return {job.key: run for job, run in found if run and not isinstance(run, LakeflowJobsError)}


def _read_newest_run(handle: JobHandle) -> BaseRun | None:
    try:
        return handle.last_run()
    except (JobNotFound, NotAllowed):  # the others have theirs
        return None


@click.command()
@with_appcontext
@key_argument
@document_option
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
        print_result(_format_run(handle, newest))


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
        described = [_describe_run(handle, document) for document in documents]
        print_document({"runs": described}, _run_fields(documents))
    elif not (newest := handle.list_runs(limit)):
        print_progress(f"{handle.key} has no runs yet.")
    else:
        state, run_ids = get_state(), [run.run_id or 0 for run in newest]
        actions = state.requesters.read(handle.job.job_id, run_ids)
        details = [
            (_read_parameters(handle, run), find_run_url(state, handle.job, run) or "")
            for run in (newest if is_wide else ())
        ]
        width = None if is_wide else table_width()
        table = format_runs(newest, actions, state.clock.now(), details, width=width)
        print_result(table)


@click.command()
@with_appcontext
@run_argument
@click.option("--web", is_flag=True, help="Open the run's page in a browser instead.")
@document_option
def show(key: str | None, run_id: int, web: bool, as_json: bool) -> None:
    """Show a run, its tasks and why it failed.

    The exit code is 0 for every outcome of the run.
    """
    handle = get_handle(key)
    if web:
        open_run_page(get_state(), handle.job, handle.get_run(run_id))
        return
    if as_json:
        document = cached_reads_of(handle).get_run(run_id).value
        print_document(_describe_run(handle, document), _run_fields([document]))
        return
    run = handle.get_run(run_id)
    lines = _format_run(handle, run)
    for task_key, iterations in list_loops(handle, run).items():
        lines += ["", f"Iterations of {task_key}:", *format_loop(iterations, table_width())]
    if has_ended(run) and outcome_of(run) not in SUCCESSES:
        explained = format_explanation(handle.explain(run_id))
        lines += ["", *explained] if explained else []
    print_result(lines)


def _describe_run(handle: JobHandle, document: dict[str, Any]) -> dict[str, Any]:
    """Return a run as the HTTP API has it, with more facts if the user chooses what to print."""
    described: dict[str, Any] = redact(document, handle.job.secret_overrides)
    if chosen_fields() is None:
        return described
    state = get_state()
    run = state.upstream.parse_base_run(document)
    actions = state.requesters.read_one(handle.job.job_id, run.run_id or 0)
    return described | {
        "outcome": outcome_of(run).value,
        "duration": duration_of(run),
        "requested_by": actions.started_by or run.creator_user_name,
        "url": find_run_url(state, handle.job, run),
    }


def _run_fields(documents: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names of the members that a run of the Jobs API may have."""
    parsed = map(get_state().upstream.parse_base_run, documents[:1])
    return [field.name for run in parsed for field in fields(run)]


def _format_run(handle: JobHandle, run: Run | BaseRun) -> list[str]:
    state = get_state()
    actions = state.requesters.read_one(handle.job.job_id, run.run_id or 0)
    url, now = find_run_url(state, handle.job, run), state.clock.now()
    counts_from = None
    if not has_ended(run):
        with suppress(LakeflowJobsError):  # the run is useful without
            efforts = read_efforts(handle, run.run_id or 0)
            counts_from = counts_from_of_efforts(efforts, now * 1000)
    return format_run(
        handle.key,
        run,
        actions,
        now,
        url,
        counts_from=counts_from,
        parameters=_read_parameters(handle, run),
        width=table_width(),
    )


def _read_parameters(handle: JobHandle, run: Run | BaseRun) -> dict[str, str]:
    """Return the parameters of a run by name, without the values of secrets."""
    redacted = redact(run.as_dict(), handle.job.secret_overrides)
    return parameters_of(get_state().upstream.parse_base_run(redacted))


@click.command()
@with_appcontext
@pair_argument
@output_option
def compare(key: str | None, run_ids: tuple[int, int], as_json: bool) -> None:
    """Compare two runs: parameters, tasks, durations and errors."""
    compared = get_handle(key).compare(*run_ids)
    if as_json:
        print_document(compared.to_dict())
    else:
        print_result(format_comparison(compared, table_width()))


@click.command()
@with_appcontext
@run_argument
@task_option
@output_option
def output(key: str | None, run_id: int, tasks: Sequence[str], as_json: bool) -> None:
    """Print what a run's tasks printed and returned.

    A notebook has its printed text and its exit value, a script its log, and a SQL file its rows.
    A for-each task has all of that for 200 iterations, first for those that failed.
    """
    handle = get_handle(key)
    documents = read_outputs(handle, run_id, tasks)
    if as_json:
        print_document(documents)
        return
    run = handle.get_run(run_id)
    texts = format_outputs(run.tasks, documents, read_loops(handle, run, documents))
    if not texts:
        print_progress("There is no output." if has_ended(run) else "There is no output yet.")
    for text in texts:
        print_output(text)
