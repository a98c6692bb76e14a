"""``flask jobs logs``: the output of the tasks of a run, also while it is running."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from ..runs.outcome import is_root_cause, select_last_attempts
from ..runs.params import validate_task_keys
from .exit_codes import ExitCode, exit_code_of, format_exit_codes
from .formatting import format_outcome, format_task_log
from .handles import get_handle
from .options import run_argument, task_option
from .output import print_output, print_progress

if TYPE_CHECKING:
    from ..handle import JobHandle
    from ..sdk_types import RunTask


@click.command(epilog=format_exit_codes())
@with_appcontext
@run_argument
@click.option(
    "-f",
    "--follow",
    is_flag=True,
    help="Wait for the end of the run, and print the log of each task when the task ends.",
)
@click.option("--failed", is_flag=True, help="Print the logs of the tasks that made the run fail.")
@task_option
def logs(key: str | None, run_id: int, follow: bool, failed: bool, tasks: Sequence[str]) -> None:
    """Print what the ended tasks of a run wrote, with their errors and traces.

    The Jobs API has the log of a task only once the task has ended. The exit code is 0 for every
    outcome of the run; with --follow, it is that of the outcome.
    """
    handle = get_handle(key)
    printer = LogPrinter(handle, run_id, only_failed=failed, only=tasks)
    run = handle.get_run(run_id)
    if tasks:
        validate_task_keys(tasks, [task.task_key for task in run.tasks or ()], handle.key)
    if not follow:
        printer.print_ended(run.tasks)
        return
    try:
        for status in handle.watch(run_id):
            printer.print_ended(status.run.tasks)
    except KeyboardInterrupt:
        print_progress(f"Interrupted. Run {run_id} continues.")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    print_progress(f"Run {run_id} of {handle.key}: {format_outcome(status.outcome)}.")
    raise click.exceptions.Exit(exit_code_of(status.outcome))


class LogPrinter:
    """Prints the log of each task once, after the task has ended.

    :param only: the keys of the tasks to print; by default all.
    """

    def __init__(
        self, handle: JobHandle, run_id: int, *, only_failed: bool, only: Sequence[str]
    ) -> None:
        self._handle = handle
        self._run_id = run_id
        self._only_failed = only_failed
        self._only = only
        self._printed: set[int] = set()

    def print_ended(self, tasks: Iterable[RunTask] | None) -> None:
        """Print the logs of the tasks that have ended since the last call."""
        ended = [
            task
            for task in select_last_attempts(tasks)
            if task.end_time and task.run_id not in self._printed and self._is_wanted(task)
        ]
        if not ended:
            return
        outputs = self._handle.get_outputs(self._run_id, tasks=[task.task_key for task in ended])
        for task in sorted(ended, key=lambda task: task.end_time or 0):
            self._printed.add(task.run_id or 0)
            print_output("\n".join(format_task_log(task, outputs[task.task_key])))

    def _is_wanted(self, task: RunTask) -> bool:
        if self._only and task.task_key not in self._only:
            return False
        return not self._only_failed or is_root_cause(task)
