"""The logs of running tasks, printed line by line where the workspace has them: the local one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..runs.logs import DEFAULT_PART_BYTES
from .output import print_output

if TYPE_CHECKING:
    from ..clock import Clock
    from ..handle import JobHandle
    from ..runs.outcome import RunStatus
    from ..sdk_types import RunTask

#: Seconds between two polls of the logs of a run.
POLL_SECONDS = 0.5

#: Characters of a log that are kept to find a trace in them.
_KEPT_CHARS = 64 * 1024


class LiveLogs:
    """The logs of a run's tasks, each printed from where it was printed to."""

    def __init__(self, handle: JobHandle, run_id: int, clock: Clock) -> None:
        self._clock = clock
        self._handle = handle
        self._run_id = run_id
        self._offsets: dict[int, int] = {}
        self._printed: dict[int, str] = {}
        self._finished: set[int] = set()

    def is_supported(self) -> bool:
        """Return whether the workspace has the logs of running tasks."""
        tasks = self._handle.get_run(self._run_id).tasks or ()
        first = next((task for task in tasks if task.run_id), None)
        if first is None:
            return False
        return self._handle.read_log(self._run_id, int(first.run_id or 0)).is_live

    def poll(self) -> Iterator[RunStatus]:
        """Yield the state of the run now and then, the last time after its end."""
        while not (status := self._handle.status(self._run_id)).is_terminal:
            yield status
            self._clock.sleep(POLL_SECONDS)
        yield status

    def printed_of(self, task: RunTask) -> str | None:
        """Return the last part of what was printed of a task; ``None``: nothing was."""
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
            if part.text:
                lines = part.text.removesuffix("\n").split("\n")
                print_output("\n".join(prefix + line for line in lines), needs_reader=True)
                before = self._printed.get(task.run_id, "")
                self._printed[task.run_id] = (before + part.text)[-_KEPT_CHARS:]
            self._offsets[task.run_id] = part.next_offset
            if part.is_final:
                self._finished.add(task.run_id)
            if part.next_offset <= offset or part.is_final:
                return
            offset = part.next_offset
