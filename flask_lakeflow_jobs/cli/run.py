"""The commands that start, follow, cancel and repair runs, and pause jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask.cli import with_appcontext

from ..errors import InvalidParameters, LakeflowJobsError, RunNotFound, RunTimeout, suggest
from ..reader import cached_reads_of
from ..runs.job_definition import defined_parameters
from ..runs.outcome import has_ended, outcome_of
from ..runs.repair import plan_repair
from ..runs.triggers import triggers_of
from .completion import complete_parameter, complete_tasks
from .end_signals import interrupt_on_signals
from .exit_codes import ExitCode, format_exit_codes
from .formatting import format_error, format_moment, format_outcome
from .handles import get_handle, get_state
from .options import (
    key_argument,
    merge_params,
    no_words_argument,
    output_option,
    parse_duration,
    parse_idempotency_key,
    parse_names,
    parse_param,
    read_json_object,
    run_argument,
    takes_object,
)
from .printing import print_document, print_error, print_progress, print_result
from .run_pages import print_run_url
from .run_printer import ResultFormat, RunPrinter, choose_display

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..idempotency import Triggered

#: As many as a job can have at once. Source: Jobs API, ``max_concurrent_runs``.
MAX_ACTIVE_RUNS = 1000

timeout_option = click.option(
    "--timeout",
    type=parse_duration,
    metavar="DURATION",
    help="Stop waiting after this time: 90 (seconds), 10m or 1h. The run continues."
    "  [default: the job's]",
)

param_option = click.option(
    "-p",
    "--param",
    "params",
    type=parse_param,
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=complete_parameter,
    help="Set a parameter. The job's schema converts the value from text. Repeat a name to pass a"
    " list; for a parameter that is a list, one value is enough.",
)

params_file_option = click.option(
    "--params-file",
    type=click.File("rb"),
    callback=read_json_object,
    help="Read parameters from a JSON object in a file, or in stdin ('-'). -p takes precedence.",
)

strict_option = click.option(
    "--strict", is_flag=True, help="Exit with 1 if the run succeeded with failures."
)


@click.command(epilog=format_exit_codes())
@with_appcontext
@key_argument
@no_words_argument
@param_option
@params_file_option
@click.option(
    "--only",
    type=parse_names,
    metavar="TASKS",
    shell_complete=complete_tasks,
    help="Run only these tasks, separated by commas. +a adds the tasks that a depends on, a+ those"
    " that depend on a.",
)
@click.option(
    "--idempotency-key",
    type=parse_idempotency_key,
    metavar="KEY",
    help="Start at most one run per key; the same key again follows the same run.",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Cancel the active runs of the job, and wait until they end, before the new run starts.",
)
@click.option("--no-wait", is_flag=True, help="Print the run id and exit.")
@timeout_option
@strict_option
@output_option
def run(
    key: str | None,
    params: tuple[tuple[str, str], ...],
    params_file: dict[str, Any] | None,
    only: list[str] | None,
    idempotency_key: str | None,
    restart: bool,
    no_wait: bool,
    timeout: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Start a run, follow it to its end and print its output.

    Ctrl-C stops following; the run continues.
    """
    handle = get_handle(key)
    merged = merge_params(handle.job, params_file, params)
    if restart:
        if idempotency_key is not None:
            raise click.UsageError(
                "--restart starts a new run, and --idempotency-key may return an existing one. Use"
                " one of them."
            )
        handle.check(merged, only=only)
        cancel_active_runs(handle, timeout)
    triggered = trigger_run(handle, merged, only=only, idempotency_key=idempotency_key)
    if triggered.replayed:
        print_progress(
            f"This idempotency key started run {triggered.run_id} before. No new run was started."
        )
    if not no_wait:
        result_format = ResultFormat.JSON if as_json else ResultFormat.TEXT
        follow_and_exit(RunPrinter(handle, triggered.run_id, result_format, strict), timeout)
    if as_json:
        print_document({"runId": triggered.run_id, "replayed": triggered.replayed})
    else:
        print_result(str(triggered.run_id))
    with suppress(LakeflowJobsError):  # the run was started, even if its page cannot be read
        print_run_url(get_state(), handle.job, handle.get_run(triggered.run_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {triggered.run_id}")


@click.command(epilog=format_exit_codes())
@with_appcontext
@run_argument
@timeout_option
@strict_option
@output_option
def watch(key: str | None, run_id: int, timeout: float | None, strict: bool, as_json: bool) -> None:
    """Follow an existing run to its end and print its output.

    With --output json, each update is one line of JSON.
    """
    handle = get_handle(key)
    handle.get_run(run_id)  # report an unreachable workspace now, not after the wait
    result_format = ResultFormat.JSON_LINES if as_json else ResultFormat.TEXT
    follow_and_exit(RunPrinter(handle, run_id, result_format, strict), timeout)


@click.command()
@with_appcontext
@run_argument
def cancel(key: str | None, run_id: int) -> None:
    """Request the cancellation of a run, which ends a little later.

    A run that has ended stays as it is, and the exit code is 0.
    """
    handle = get_handle(key)
    run = handle.get_run(run_id)
    if has_ended(run):
        print_progress(f"Run {run_id} had already ended: {format_outcome(outcome_of(run))}.")
        return
    handle.cancel_run(run_id)
    print_progress(f"Cancellation requested. Watch it end: flask jobs watch {handle.key} {run_id}")


@click.command(
    short_help="Rerun the failed tasks of a run and follow it.", epilog=format_exit_codes()
)
@with_appcontext
@run_argument
@click.option(
    "--only",
    type=parse_names,
    metavar="TASKS",
    shell_complete=complete_tasks,
    help="Rerun these tasks, separated by commas, instead of all that failed.",
)
@click.option(
    "--dependents",
    is_flag=True,
    help="Also rerun the tasks that depend on them, even if they succeeded.",
)
@param_option
@params_file_option
@click.option("--no-wait", is_flag=True, help="Print the repair id and exit.")
@timeout_option
@strict_option
@output_option
def repair(
    key: str | None,
    run_id: int,
    only: list[str] | None,
    dependents: bool,
    params: tuple[tuple[str, str], ...],
    params_file: dict[str, Any] | None,
    no_wait: bool,
    timeout: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Rerun the failed tasks of a run, follow it to its end and print its output.

    The run must have ended. It keeps its id, the tasks that succeeded, and its parameters except
    those that you set.
    """
    handle = get_handle(key)
    plan = plan_repair(handle.get_run(run_id), only, dependents=dependents)
    merged = merge_params(handle.job, params_file, params)
    with advise_if_interrupted(
        "repair was being requested", f"flask jobs show {handle.key} {run_id}"
    ):
        repair_id = handle.repair_run(
            run_id,
            rerun_tasks=only,
            rerun_dependent_tasks=True if dependents else None,
            params=merged,
        )
    if tasks := [f"{task.key} ({task.reason})" for task in plan if task.reason]:
        print_progress(f"Rerunning {', '.join(tasks)}.")
    extra = {"repairId": repair_id}
    if not no_wait:
        result_format = ResultFormat.JSON if as_json else ResultFormat.TEXT
        follow_and_exit(RunPrinter(handle, run_id, result_format, strict, extra), timeout)
    if as_json:
        print_document(extra)
    else:
        print_result(str(repair_id))
    print_progress(f"Watch it: flask jobs watch {handle.key} {run_id}")


@click.command()
@with_appcontext
@key_argument
def pause(key: str | None) -> None:
    """Pause the schedule and all triggers of a job.

    Active runs continue, and you can still start runs yourself.
    """
    handle = get_handle(key)
    handle.pause()
    print_progress(f"{handle.key} is paused. Resume it: flask jobs resume {handle.key}")


@click.command()
@with_appcontext
@key_argument
def resume(key: str | None) -> None:
    """Resume the schedule and all triggers of a job.

    A continuous job starts at once.
    """
    handle = get_handle(key)
    handle.resume()
    job = cached_reads_of(handle).get_job().value
    print_progress(f"{handle.key} is no longer paused. It starts:")
    for trigger in triggers_of(job, get_state().clock.now() * 1000):
        when = f", next {format_moment(trigger.next_start)}" if trigger.next_start else ""
        print_progress(f"  {trigger.label}{when}")


def trigger_run(handle: JobHandle, params: Mapping[str, Any], **options: Any) -> Triggered:
    """Start a run, and print advice if that fails.

    :param options: as for :meth:`JobHandle.run_now`.
    """
    try:
        with advise_if_interrupted("run was being started", f"flask jobs runs {handle.key}"):
            triggered = handle.run_now(params, **options)
            warn_of_unknown_parameters(handle, params)
            return triggered
    except InvalidParameters:
        for name, value in params.items():
            if isinstance(value, str) and takes_object(handle.job, name):
                print_progress(f"{name} is an object. Pass it in a JSON file, with --params-file.")
        raise


def warn_of_unknown_parameters(handle: JobHandle, params: Mapping[str, Any]) -> None:
    """Name the job parameters that the job does not define, which the workspace may ignore."""
    if not params or handle.job.task_type != "job" or handle.job.schema is not None:
        return
    with suppress(LakeflowJobsError):  # the run was started
        defined = [each.name for each in defined_parameters(handle.get_job())]
        for name in sorted(params.keys() - defined):
            print_progress(f"{handle.key} defines no parameter {name!r}.{suggest(name, defined)}")


@contextmanager
def advise_if_interrupted(what: str, command: str) -> Iterator[None]:
    """Exit if the block is interrupted, and print how to see whether it was carried out."""
    try:
        with interrupt_on_signals():
            yield
    except KeyboardInterrupt:
        print_progress(f"Interrupted while the {what}. Check whether it was: {command}")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None


def follow_and_exit(printer: RunPrinter, timeout: float | None) -> NoReturn:
    """Follow a run, and exit with the code of its outcome.

    :param timeout: seconds; ``None``: the job's ``wait_timeout``.
    """
    display = choose_display(printer.handle.key, get_state().clock, printer.result_format)
    raise click.exceptions.Exit(printer.follow(timeout, display))


def cancel_active_runs(handle: JobHandle, timeout: float | None) -> None:
    """Cancel the active runs of a job and wait until they end.

    :param timeout: seconds for all of it; ``None``: the job's ``wait_timeout``.
    :raises click.exceptions.Exit: they have not ended, for a reason that was printed.
    """
    try:
        with interrupt_on_signals():
            _cancel_active_runs(handle, handle.job.wait_timeout if timeout is None else timeout)
    except LakeflowJobsError as error:
        print_error(f"{format_error(error)}\nNo new run was started.")
        raise click.exceptions.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print_progress("Interrupted. No new run was started.")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None


def _cancel_active_runs(handle: JobHandle, seconds: float) -> None:
    clock = get_state().clock
    deadline = clock.monotonic() + seconds
    # newest first: a queued run starts when the one before it ends
    run_ids = [int(run.run_id or 0) for run in handle.list_runs(MAX_ACTIVE_RUNS, active_only=True)]
    if not run_ids:
        print_progress(f"{handle.key} has no active runs.")
    for run_id in run_ids:
        print_progress(f"Canceling run {run_id} of {handle.key}.")
        with suppress(RunNotFound):
            handle.cancel_run(run_id)
    for run_id in run_ids:
        remaining = max(0.0, deadline - clock.monotonic())
        try:
            end = handle.wait(run_id, timeout=remaining)
        except RunNotFound:
            continue
        except RunTimeout as error:
            raise RunTimeout(run_id, seconds, last_error=error.last_error) from None
        print_progress(f"Run {run_id} of {handle.key}: {format_outcome(end.outcome)}.")
