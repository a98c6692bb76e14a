"""The commands that start, follow and stop runs."""
# MERGED """Before a run is started anew: the end of those that go on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask.cli import with_appcontext

from ..errors import InvalidParameters, LakeflowJobsError, RunNotFound, RunTimeout
from .app import app_state, chosen_job
from .completion import complete_parameter
from .exit_codes import Exit, help_table
from .follow import Follower, Result, say_where
from .formatting import error_lines, format_outcome
from .options import (
    duration,
    filled_key,
    given_params,
    json_object,
    key_argument,
    named_value,
    output_option,
    run_argument,
    takes_object,
    task_keys,
)
from .output import print_document, print_error, print_progress, print_result
from .progress import progress_of

if TYPE_CHECKING:
    from ..clock import Clock
    from ..config.jobs import Job
    from ..handle import JobHandle
    from ..idempotency import Triggered

timeout_option = click.option(
    "--timeout",
    type=duration,
    help="Wait no longer than this: seconds, or 10m, or 1h. The run goes on.  [default: the job's]",
)

strict_option = click.option(
    "--strict", is_flag=True, help="A run that succeeded with failures has failed (exit code 1)."
)


@click.command(epilog=help_table())
@with_appcontext
@key_argument
@click.option(
    "-p",
    "--param",
    "named",
    type=named_value,
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=complete_parameter,
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
    metavar="TASKS",
    help="Run these tasks only, with commas between them; +a: and what a depends on, a+: and what"
    " depends on a.",
)
@click.option(
    "--idempotency-key",
    type=filled_key,
    metavar="KEY",
    help="Names what you intend: the same key again starts nothing, and follows the same run.",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Cancel the runs of the job that go on, and wait for their ends, before this one starts.",
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
    restart: bool,
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
    if restart:
        if idempotency_key is not None:
            raise click.UsageError(
                "--restart asks for a new run, and --idempotency-key for the one that there may be"
                " already: use one of them."
            )
        handle.check(params, only=only)
        make_way(handle, app_state().clock, timeout)
    triggered = start(handle, params, only=only, idempotency_key=idempotency_key)
    if triggered.replayed:
        print_progress(
            f"This idempotency key started run {triggered.run_id} before; nothing new was started."
        )
    if not no_wait:
        result = Result.JSON if as_json else Result.TEXT
        end_with(Follower(handle, triggered.run_id, result, strict), timeout)
    if as_json:
        print_document({"runId": triggered.run_id, "replayed": triggered.replayed})
    else:
        print_result(str(triggered.run_id))
    with suppress(LakeflowJobsError):  # the run is started, whether its page is known or not
        say_where(handle.get_run(triggered.run_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {triggered.run_id}")


@click.command(epilog=help_table())
@with_appcontext
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
    result = Result.JSON_LINES if as_json else Result.TEXT
    end_with(Follower(handle, run_id, result, strict), timeout)


@click.command()
@with_appcontext
@run_argument
def cancel(key: str | None, run_id: int) -> None:
    """Ask for the end of a run; it comes a little later."""
    handle = chosen_job(key)
    handle.cancel_run(run_id)
    print_progress(f"Asked for its end. Watch it end: flask jobs watch {handle.key} {run_id}")


@click.command(
    short_help="Run the failed tasks of a run again, and follow it.", epilog=help_table()
)
@with_appcontext
@run_argument
@click.option(
    "--only",
    type=task_keys,
    metavar="TASKS",
    help="Run these tasks again, with commas between them, in place of all that failed.",
)
@click.option(
    "--dependents",
    is_flag=True,
    help="Run what depends on those tasks again too, even if it has succeeded.",
)
@click.option("--no-wait", is_flag=True, help="Print the repair's id and end.")
@timeout_option
@strict_option
@output_option
def repair(
    key: str | None,
    run_id: int,
    only: list[str] | None,
    dependents: bool,
    no_wait: bool,
    timeout: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Run the failed tasks of a run again, follow it to its end, and print what came out.

    The run must have ended; it keeps its id, its parameters and what has succeeded.
    """
    handle = chosen_job(key)
    repair_id = handle.repair_run(
        run_id, rerun_tasks=only, rerun_dependent_tasks=True if dependents else None
    )
    named = {"repairId": repair_id}
    if not no_wait:
        result = Result.JSON if as_json else Result.TEXT
        end_with(Follower(handle, run_id, result, strict, named), timeout)
    if as_json:
        print_document(named)
    else:
        print_result(str(repair_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {run_id}")


def start(handle: JobHandle, params: Mapping[str, Any], **choices: Any) -> Triggered:
    """Start a run.

    :param handle: the job's.
    :param params: of the run.
    :param choices: as :meth:`JobHandle.run_now` takes them.
    """
    try:
        return handle.run_now(params, **choices)
    except InvalidParameters:
        _hint_at_files(handle.job, params)
        raise
    except KeyboardInterrupt:
        print_error(
            "Interrupted while the run was being started; it may have been. Look:"
            f" flask jobs runs {handle.key}"
        )
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None


def _hint_at_files(job: Job, params: Mapping[str, Any]) -> None:
    for name, value in params.items():
        if isinstance(value, str) and takes_object(job, name):
            print_progress(f"{name} is an object: give it in a JSON file, by --params-file.")


def end_with(follower: Follower, timeout: float | None) -> NoReturn:
    """Follow a run, and end the command as the run ends.

    :param follower: of the run.
    :param timeout: seconds; ``None``: the job's ``wait_timeout``.
    """
    clock = app_state().clock
    for_people = follower.result is Result.TEXT
    progress = progress_of(follower.handle.key, clock, for_people=for_people)
    raise click.exceptions.Exit(follower.follow(timeout, progress))


#: The most runs that are ended: as many as a job can have at once.
#: Source: Jobs API, ``max_concurrent_runs``.
MOST = 1000


def make_way(handle: JobHandle, clock: Clock, timeout: float | None) -> None:
    """Cancel all runs of a job that go on, and wait for their ends.

    :param handle: the job's.
    :param clock: the time.
    :param timeout: seconds for all of it; ``None``: the job's ``wait_timeout``.
    :raises click.exceptions.Exit: they have not ended, for a reason that was printed.
    """
    try:
        _end_active_runs(handle, clock, handle.job.wait_timeout if timeout is None else timeout)
    except LakeflowJobsError as error:
        print_error("\n".join([*error_lines(error), "No new run was started."]))
        raise click.exceptions.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print_error("Interrupted. No new run was started.")
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None


def _end_active_runs(handle: JobHandle, clock: Clock, seconds: float) -> None:
    deadline = clock.monotonic() + seconds
    # newest first: a queued run whose predecessor ends would start
    active = [int(run.run_id or 0) for run in handle.list_runs(MOST, active_only=True)]
    if not active:
        print_progress(f"No run of {handle.key} goes on.")
    for run_id in active:
        print_progress(f"Canceling run {run_id} of {handle.key}.")
        with suppress(RunNotFound):
            handle.cancel_run(run_id)
    for run_id in active:
        left = max(0.0, deadline - clock.monotonic())
        try:
            end = handle.wait(run_id, timeout=left)
        except RunNotFound:
            continue
        except RunTimeout as late:
            raise RunTimeout(run_id, seconds, last_error=late.last_error) from None
        print_progress(f"Run {run_id} of {handle.key}: {format_outcome(end.outcome)}.")
