"""The commands that show jobs and runs, and change nothing."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from ..config.jobs import NO_JOBS_MESSAGE
from ..handle import cached_reads_of, outputs_of
from ..runs.outcome import SUCCESSES, has_ended, outcome_of
from ..runs.redaction import redact, redact_outputs, summarize_newest_run
from .app import app_state, chosen_job
from .formatting import failure_lines, job_lines, output_lines, run_lines, run_rows
from .options import key_argument, output_option, run_argument
from .output import print_document, print_progress, print_result


@click.command("list")
@with_appcontext
@output_option
def list_jobs(as_json: bool) -> None:
    """Show the jobs of this app."""
    jobs = list(app_state().settings.jobs.values())
    if as_json:
        print_document({"jobs": [job.to_dict() for job in jobs]})
    elif not jobs:
        print_progress(NO_JOBS_MESSAGE)
    else:
        print_result("\n".join(job_lines(jobs)))


@click.command()
@with_appcontext
@key_argument
@output_option
def status(key: str | None, as_json: bool) -> None:
    """Show the newest run of a job.

    The exit code is 0 whatever became of the run.
    """
    handle = chosen_job(key)
    if as_json:
        print_document(
            summarize_newest_run(
                cached_reads_of(handle).list_runs(1).value, handle.job.secret_overrides
            )
        )
    elif (newest := handle.last_run()) is None:
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(run_lines(handle.key, newest)))


@click.command()
@with_appcontext
@key_argument
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    default=20,
    show_default=True,
    help="The most runs.",
)
@output_option
def runs(key: str | None, limit: int, as_json: bool) -> None:
    """List the newest runs of a job, newest first."""
    handle = chosen_job(key)
    if as_json:
        seen = cached_reads_of(handle).list_runs(limit)
        print_document({"runs": [redact(run, handle.job.secret_overrides) for run in seen.value]})
    elif not (newest := handle.list_runs(limit)):
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(run_rows(newest)))


@click.command()
@with_appcontext
@run_argument
@output_option
def show(key: str | None, run_id: int, as_json: bool) -> None:
    """Show a run with its tasks, and why it failed.

    The exit code is 0 whatever became of the run.
    """
    handle = chosen_job(key)
    if as_json:
        print_document(
            redact(cached_reads_of(handle).get_run(run_id).value, handle.job.secret_overrides)
        )
        return
    found = handle.get_run(run_id)
    lines = run_lines(handle.key, found)
    if has_ended(found) and outcome_of(found) not in SUCCESSES:
        lines += ["", *failure_lines(handle.explain(run_id))]
    print_result("\n".join(lines))


@click.command()
@with_appcontext
@run_argument
@output_option
def output(key: str | None, run_id: int, as_json: bool) -> None:
    """Print what the tasks of a run left.

    That is the result of a notebook, and the logs of a script.
    """
    handle = chosen_job(key)
    if as_json:
        print_document(
            redact_outputs(cached_reads_of(handle).get_outputs(run_id), handle.job.secret_overrides)
        )
        return
    outputs = outputs_of(handle, run_id)
    for text in output_lines(handle.get_run(run_id).tasks, outputs):
        print_result(text)
