"""The commands that show jobs and runs, and change nothing."""

from __future__ import annotations

import click

from ..json_schema import described
from ..masking import masked
from ..outcome import SUCCESSES, has_ended, life_cycle_of, outcome_of
from .arguments import key_argument, output_option, run_argument
from .choose import app_state, chosen_job
from .display import (
    failure_lines,
    job_lines,
    output_lines,
    run_lines,
    run_rows,
    shown_outputs,
)
from .group import command_group
from .printing import print_document, print_progress, print_result


@command_group.command("list")
@output_option
def list_jobs(as_json: bool) -> None:
    """Show the jobs of this app."""
    jobs = [handle.job for handle in app_state().jobs.values()]
    if as_json:
        print_document({"jobs": [described(job) for job in jobs]})
    else:
        print_result("\n".join(job_lines(jobs)))


@command_group.command()
@key_argument
@output_option
def status(key: str | None, as_json: bool) -> None:
    """Show the newest run of a job.

    The exit code is 0 whatever became of the run.
    """
    handle = chosen_job(key)
    newest = handle.last_run()
    if as_json:
        print_document(
            {
                "status": life_cycle_of(newest) if newest else None,
                "outcome": outcome_of(newest).value if newest else None,
                "run": masked(newest.as_dict(), handle.job.secrets) if newest else None,
            }
        )
    elif newest is None:
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(run_lines(handle.key, newest)))


@command_group.command()
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
    newest = handle.list_runs(limit)
    if as_json:
        print_document({"runs": [masked(run.as_dict(), handle.job.secrets) for run in newest]})
    elif not newest:
        print_progress(f"{handle.key} has no runs yet.")
    else:
        print_result("\n".join(run_rows(newest)))


@command_group.command()
@run_argument
@output_option
def show(key: str | None, run_id: int, as_json: bool) -> None:
    """Show a run with its tasks, and why it failed.

    The exit code is 0 whatever became of the run.
    """
    handle = chosen_job(key)
    found = handle.get_run(run_id)
    if as_json:
        print_document(masked(found.as_dict(), handle.job.secrets))
        return
    lines = run_lines(handle.key, found)
    if has_ended(found) and outcome_of(found) not in SUCCESSES:
        lines += ["", *failure_lines(handle.explain(run_id))]
    print_result("\n".join(lines))


@command_group.command()
@run_argument
@output_option
def output(key: str | None, run_id: int, as_json: bool) -> None:
    """Print what the tasks of a run left.

    That is the result of a notebook, and the logs of a script.
    """
    handle = chosen_job(key)
    outputs = handle.get_outputs(run_id)
    if as_json:
        print_document(shown_outputs(handle.job, outputs))
        return
    for text in output_lines(handle.get_run(run_id).tasks, outputs):
        print_result(text)
