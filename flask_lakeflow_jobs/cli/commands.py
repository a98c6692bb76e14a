"""``flask jobs``"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..errors import LakeflowJobsError
from ..masking import masked
from ..outcome import SUCCESSES, has_ended, life_cycle_of, outcome_of
from . import workspace
from .arguments import (
    duration,
    filled_key,
    given_params,
    json_object,
    key_argument,
    named_value,
    output_option,
    run_argument,
    task_keys,
)
from .choose import app_state, chosen_job
from .display import (
    failure_lines,
    job_lines,
    output_lines,
    run_lines,
    run_rows,
    shown_outputs,
)
from .doctor import doctor
from .exits import Exit, help_table
from .follow import Follower, Result, say_where
from .group import command_group
from .printing import print_document, print_error, print_progress, print_result
from .progress import progress_of

if TYPE_CHECKING:
    from ..handle import JobHandle

timeout_option = click.option(
    "--timeout",
    type=duration,
    help="Wait no longer than this: seconds, or 10m, or 1h. The run goes on.  [default: the job's]",
)
strict_option = click.option(
    "--strict", is_flag=True, help="A run that succeeded with failures has failed (exit code 1)."
)


@command_group.command("list")
@output_option
def list_jobs(as_json: bool) -> None:
    """Show the jobs of this app."""
    jobs = [handle.job for handle in app_state().jobs.values()]
    if as_json:
        print_document(
            {
                "jobs": [
                    {
                        "key": job.key,
                        "jobId": job.job_id,
                        "taskType": job.task_type,
                        "description": job.description,
                        "runAs": job.run_as,
                    }
                    for job in jobs
                ]
            }
        )
    else:
        print_result("\n".join(job_lines(jobs)))


@command_group.command(epilog=help_table())
@key_argument
@click.option(
    "-p",
    "--param",
    "named",
    type=named_value,
    multiple=True,
    help="""A parameter, as text; the job's schema makes of it what it needs. Given several times, a
    name makes a list, and so does a name given once where the job takes a list.""",
)
@click.option(
    "--params-file",
    "from_file",
    type=click.File("rb"),
    callback=json_object,
    help="A JSON object with parameters, from a file or ('-') from stdin. -p wins over it.",
)
@click.option(
    "--only",
    type=task_keys,
    help="Run these tasks only; +a: and what a depends on, a+: and what depends on a.",
)
@click.option(
    "--idempotency-key",
    type=filled_key,
    help="Names what you intend: the same key again starts nothing, and follows the same run.",
)
@click.option("--no-wait", is_flag=True, help="Print the run's id and end.")
@timeout_option
@strict_option
@output_option
def run(
    key: str | None,
    named: tuple[tuple[str, str], ...],
    from_file: dict[str, Any] | None,
    only: list[str] | None,
    idempotency_key: str | None,
    no_wait: bool,
    timeout: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Start a run, follow it to its end, and print what came out.

    Interrupted (Ctrl-C), it stops following; the run goes on.
    """
    handle = chosen_job(key)
    params = given_params(handle.job, from_file, named)
    try:
        triggered = handle.run_now(params, only=only, idempotency_key=idempotency_key)
    except KeyboardInterrupt:
        print_error(
            "Interrupted while the run was being started; it may have been. Look:"
            f" flask jobs runs {handle.key}"
        )
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None
    if triggered.replayed:
        print_progress(
            f"This idempotency key started run {triggered.run_id} before; nothing new was started."
        )
    if not no_wait:
        _follow(handle, triggered.run_id, Result.JSON if as_json else Result.TEXT, strict, timeout)
    if as_json:
        print_document({"runId": triggered.run_id, "replayed": triggered.replayed})
    else:
        print_result(str(triggered.run_id))
    with suppress(LakeflowJobsError):  # the run is started, whether its page is known or not
        say_where(handle.get_run(triggered.run_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {triggered.run_id}")


@command_group.command(epilog=help_table())
@run_argument
@timeout_option
@strict_option
@output_option
def watch(key: str | None, run_id: int, timeout: float | None, strict: bool, as_json: bool) -> None:
    """Follow a run that exists to its end, and print what came out.

    With --output json, each change is a line of JSON on stdout.
    """
    handle = chosen_job(key)
    handle.get_run(run_id)  # with the workspace out of reach, say so now and not after the wait
    _follow(handle, run_id, Result.JSON_LINES if as_json else Result.TEXT, strict, timeout)


def _follow(
    handle: JobHandle, run_id: int, result: Result, strict: bool, timeout: float | None
) -> NoReturn:
    """Follow a run, and end the command as the run ends."""
    progress = progress_of(handle.key, app_state().jobs.clock, for_people=result is Result.TEXT)
    raise click.exceptions.Exit(Follower(handle, run_id, result, strict, progress).follow(timeout))


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
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most runs."
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


@command_group.command()
@run_argument
def cancel(key: str | None, run_id: int) -> None:
    """Ask for the end of a run; it comes a little later."""
    handle = chosen_job(key)
    handle.cancel_run(run_id)
    print_progress(f"Asked for its end. Watch it end: flask jobs watch {handle.key} {run_id}")


@command_group.command()
@run_argument
@output_option
def repair(key: str | None, run_id: int, as_json: bool) -> None:
    """Run the failed tasks of a run again.

    The run must have ended. The id of the repair is printed.
    """
    handle = chosen_job(key)
    repair_id = handle.repair_run(run_id)
    if as_json:
        print_document({"repairId": repair_id})
    else:
        print_result(str(repair_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {run_id}")


command_group.add_command(workspace.local)
command_group.add_command(doctor)
