"""``flask jobs logs``: the output of the tasks of a run, also while it is running."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click
from flask.cli import with_appcontext

from ..errors import LakeflowJobsError
from ..runs.ids import validate_task_keys
from ..runs.outcome import has_ended, is_root_cause, select_last_attempts
from ..runs.output_parts import DEFAULT_PART_BYTES, LogPart
from ..watching.schedule import delay_after_failures
from .end_signals import interrupt_on_signals
from .exit_codes import ExitCode, exit_code_of, format_exit_codes
from .formatting import format_outcome
from .handles import get_handle, get_state
from .options import run_argument, task_option
from .printing import print_output, print_progress
from .task_outputs import format_task_log, read_loops, read_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..clock import Clock
    from ..handle import JobHandle
    from ..runs.outcome import RunStatus
    from ..sdk_types import Run, RunTask

#: Seconds between two polls of the logs of a run.
POLL_SECONDS = 0.5

#: Characters of a log that are kept to find a trace in them.
_KEPT_CHARS = 64 * 1024

T = TypeVar("T")


@click.command(epilog=format_exit_codes())
@with_appcontext
@run_argument
@click.option(
    "-f",
    "--follow",
    is_flag=True,
    help="Print the logs until the end of the run: line by line on the local workspace, elsewhere"
    " when a task ends.",
)
@click.option(
    "--failed",
    is_flag=True,
    help="Print the logs of the tasks and iterations that made the run fail.",
)
@task_option
def logs(key: str | None, run_id: int, follow: bool, failed: bool, tasks: Sequence[str]) -> None:
    """Print what the tasks of a run wrote, and their errors.

    The Jobs API has the log of a task only once the task has ended. The local workspace has it at
    once. The exit code is 0 for every outcome of the run; with --follow, it is that of the outcome.
    """
    handle = get_handle(key)
    run = handle.get_run(run_id)
    if tasks:
        validate_task_keys(tasks, [task.task_key for task in run.tasks or ()], handle.key)
    printer = LogPrinter(handle, run_id, only_failed=failed, only=tasks)
    if not follow:
        if not printer.print_ended(run):
            print_progress(describe_no_log(run, handle.key, only_failed=failed))
        return
    try:
        with interrupt_on_signals():
            for status in printer.follow():
                outlast_failures(partial(printer.print_ended, status.run))
    except KeyboardInterrupt:
        print_progress(f"Interrupted. Run {run_id} continues.")
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    print_progress(f"Run {run_id} of {handle.key}: {format_outcome(status.outcome)}.")
    if code := exit_code_of(status.outcome):
        raise click.exceptions.Exit(code)


def describe_no_log(run: Run, key: str, *, only_failed: bool) -> str:
    if not has_ended(run):
        return f"There is no log yet. Follow the run: flask jobs logs -f {key} {run.run_id}"
    return "No task made the run fail." if only_failed else "There is no log."


def outlast_failures(read: Callable[[], T]) -> T:
    """Return the result of a read, and repeat it while it fails temporarily."""
    state, failures = get_state(), 0
    while True:
        try:
            return read()
        except LakeflowJobsError as error:
            if not error.retryable:
                raise
            failures += 1
            delay = delay_after_failures(
                failures, error.retry_seconds, state.settings.poll_interval
            )
            state.clock.sleep(delay)


class LogPrinter:
    """Prints the log of each task once, after the task has ended or while it runs.

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
        self._is_following = False
        self._live = LiveLogs(handle, run_id, get_state().clock)

    def follow(self) -> Iterator[RunStatus]:
        """Yield the states of the run until its end, and print the logs that grow meanwhile."""
        self._is_following = True
        if self._only_failed or not outlast_failures(self._live.is_supported):
            yield from self._handle.watch(self._run_id, timeout=math.inf)
            return
        for status in self._live.poll():
            tasks = status.run.tasks or ()
            for task in filter(self._is_wanted, tasks):
                outlast_failures(partial(self._live.print_new, task, len(tasks)))
            yield status

    def print_ended(self, run: Run) -> bool:
        """Print the logs of the tasks that have ended since the last call.

        :return: whether there is any.
        """
        ended = [
            task
            for task in select_last_attempts(run.tasks)
            if has_ended(task) and task.run_id not in self._printed and self._is_wanted(task)
        ]
        if not ended:
            return False
        keys = [task.task_key for task in ended]
        outputs = read_outputs(self._handle, self._run_id, keys)
        loops = read_loops(self._handle, run, keys, only_failed=self._only_failed)
        for task in sorted(ended, key=lambda task: task.end_time or 0):
            self._printed.add(task.run_id or 0)
            output, printed = outputs[task.task_key], self._live.printed_of(task)
            if printed is not None:
                output = {**output, "logs": ""}
            loop = loops.get(task.task_key)
            text = "\n".join(format_task_log(task, output, loop, printed=printed or ""))
            print_output(text, needs_reader=self._is_following)
        return True

    def _is_wanted(self, task: RunTask) -> bool:
        if self._only and task.task_key not in self._only:
            return False
        return not self._only_failed or is_root_cause(task)


class LiveLogs:
    """Prints the lines that running tasks write, where the workspace has them: the local one."""

    def __init__(self, handle: JobHandle, run_id: int, clock: Clock) -> None:
        self._clock = clock
        self._handle = handle
        self._run_id = run_id
        self._offsets: dict[int, int] = {}
        self._printed: dict[int, str] = {}
        self._line_counts: dict[int, int] = {}
        self._finished: set[int] = set()

    def is_supported(self) -> bool:
        """Return whether the workspace has the logs of running tasks."""
        tasks = self._handle.get_run(self._run_id).tasks or ()
        first = next((task for task in tasks if task.run_id), None)
        if first is None:
            return False
        return self._handle.read_log(self._run_id, int(first.run_id or 0)).is_live

    def poll(self) -> Iterator[RunStatus]:
        """Yield the state of the run at intervals; the last one is terminal."""
        read = partial(self._handle.status, self._run_id)
        while not (status := outlast_failures(read)).is_terminal:
            yield status
            self._clock.sleep(POLL_SECONDS)
        yield status

    def printed_of(self, task: RunTask) -> str | None:
        """Return the part of a task's log that was printed last; ``None`` if none was."""
        return self._printed.get(task.run_id or 0)

    def print_new(self, task: RunTask, task_count: int) -> None:
        """Print the lines that a task has written since the last call.

        :param task_count: of the run. If it has several tasks, each line begins with the key.
        """
        if not task.run_id or task.run_id in self._finished:
            return
        prefix = f"{task.task_key} | " if task_count > 1 else ""
        offset = self._offsets.get(task.run_id, 0)
        while True:
            part = self._handle.read_log(
                self._run_id, task.run_id, offset=offset, limit=DEFAULT_PART_BYTES
            )
            if text := self._drop_printed(task.run_id, part):
                lines = text.removesuffix("\n").split("\n")
                print_output("\n".join(prefix + line for line in lines), needs_reader=True)
                before = self._printed.get(task.run_id, "")
                self._printed[task.run_id] = (before + text)[-_KEPT_CHARS:]
            self._offsets[task.run_id] = part.next_offset
            if part.is_final:
                self._finished.add(task.run_id)
            if part.next_offset <= offset or part.is_final:
                return
            offset = part.next_offset

    def _drop_printed(self, task_run_id: int, part: LogPart) -> str:
        """Return the text of a part without lines that were printed before.

        A log begins again after its end if redaction has moved its lines.
        """
        if part.line is None:
            return part.text
        before = self._line_counts.get(task_run_id, 0)
        self._line_counts[task_run_id] = max(before, part.line - 1 + part.text.count("\n"))
        repeated = max(0, before - (part.line - 1))
        lines = part.text.split("\n", repeated)
        return lines[repeated] if len(lines) > repeated else ""
