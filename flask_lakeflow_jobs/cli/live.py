"""A run as a picture on a terminal, drawn with rich: its tasks, how long it goes on, when it ends.

Only what fits on the screen is drawn: a picture that is higher cannot be drawn over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from ..runs.durations import age_of, format_duration
from ..runs.outcome import (
    ACTIVE,
    CONSEQUENCES,
    SUCCESSES,
    Outcome,
    RunStatus,
    has_ended,
    outcome_of,
    parse_state,
    select_last_attempts,
)
from .formatting import (
    COLOURS,
    clock_time,
    final_duration,
    iterations,
    one_line,
)
from .progress import Progress

if TYPE_CHECKING:
    from ..clock import Clock
    from ..runs.outcome import AnyRun
    from ..sdk_types import Run, RunTask

#: Lines that are no tasks: the run, why it waits, the heads of the columns, the tasks left out, and
#: the one that the cursor is on.
OTHER_LINES = 5

#: States that a task leaves by itself: it is doing something, or is about to.
GOING = frozenset(ACTIVE.values()) - {Outcome.BLOCKED}


def drawable_console() -> Console | None:
    """Standard error as rich has it, if a picture can be drawn over there, in Unicode."""
    console = Console(stderr=True)
    return console if console.is_interactive and not console.options.ascii_only else None


class Live(Progress):
    """The newest state of a run, drawn anew as time goes on; the last picture stays.

    :param key: the job's.
    :param clock: the time.
    :param console: where it is drawn.
    """

    def __init__(self, key: str, clock: Clock, console: Console) -> None:
        self._key = key
        self._clock = clock
        self._console = console
        self._status: RunStatus | None = None
        # rich would send what is printed to stdout to its own console, which is stderr
        self._screen = Screen(get_renderable=self._picture, console=console, redirect_stdout=False)

    def __exit__(self, *_: object) -> None:
        self._screen.stop()

    def tell(self, status: RunStatus) -> None:
        self._status = status
        self._screen.start()
        self._screen.refresh()

    def _picture(self) -> RenderableType:
        if self._status is None:
            return Text()
        room = max(1, self._console.height - OTHER_LINES)
        return picture(self._key, self._status, self._clock.now(), room)


def picture(key: str, status: RunStatus, now: float, room: int) -> RenderableType:
    """A run, and its tasks as a table.

    :param key: the job's.
    :param status: of the run.
    :param now: seconds since the epoch.
    :param room: how many tasks fit.
    """
    parts: list[RenderableType] = [_headline(key, status, now)]
    message = one_line(parse_state(status.run).message)
    if message and status.outcome is not Outcome.RUNNING and not status.is_terminal:
        parts.append(_line(message, "dim"))
    tasks = select_last_attempts(status.run.tasks)
    shown = most_telling(tasks, room)
    if shown:
        parts.append(_table(shown, now))
    if len(shown) < len(tasks):
        parts.append(_line(_left_out(tasks, shown), "dim"))
    return Group(*parts)


def most_telling(tasks: Sequence[RunTask], room: int) -> list[RunTask]:
    """The tasks that are shown where not all fit, in the order of the job: those that go on come
    first, then those that the run failed by, then those that ended last, then those that wait or
    never ran.

    :param tasks: each with its last attempt.
    :param room: how many fit.
    """
    chosen = {id(task) for task in sorted(tasks, key=_rank)[:room]}
    return [task for task in tasks if id(task) in chosen]


def _rank(task: RunTask) -> tuple[int, int]:
    outcome = outcome_of(task)
    if outcome in GOING:
        return 0, 0
    if not has_ended(task) or outcome in CONSEQUENCES:
        return 3, 0
    return (2 if outcome in SUCCESSES else 1), -(task.end_time or 0)


def _left_out(tasks: Iterable[RunTask], shown: Iterable[RunTask]) -> str:
    counts = Counter(map(outcome_of, tasks))
    counts.subtract(map(outcome_of, shown))
    told = ", ".join(f"{count} {outcome.name}" for outcome, count in counts.items() if count)
    return f"… and {told}"


def _headline(key: str, status: RunStatus, now: float) -> Text:
    line = Text.assemble(
        f"{key}: ",
        _state(status.run),
        f"  {_time_taken(status.run, now)}",
        _expected(status.eta, now) if not status.is_terminal else "",
        no_wrap=True,
        overflow="ellipsis",
    )
    line.rstrip()
    return line


def _expected(eta: int | None, now: float) -> str:
    if eta is None:
        return ""
    left = eta - round(now * 1000)
    if left < 1000:
        return ", ends any moment"
    return (
        f", ends in about {format_duration(left / 1000, whole_seconds=True)}, at {clock_time(eta)}"
    )


def _table(tasks: Iterable[RunTask], now: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("TASK", overflow="ellipsis")
    table.add_column("STATE", no_wrap=True)
    table.add_column("DURATION", no_wrap=True)
    table.add_column("", no_wrap=True)
    for task in tasks:
        table.add_row(
            Text(task.task_key, no_wrap=True, overflow="ellipsis"),
            _state(task),
            _time_taken(task, now),
            _more_of(task),
        )
    return table


def _state(run: AnyRun) -> Text:
    outcome = outcome_of(run)
    return Text(outcome.name, style=COLOURS.get(outcome, ""))


def _time_taken(run: Run | RunTask, now: float) -> str:
    if has_ended(run):
        return format_duration(final_duration(run))
    return format_duration(age_of(run, now), whole_seconds=True) if run.start_time else ""


def _more_of(task: RunTask) -> str:
    attempt = f"attempt {task.attempt_number + 1}" if task.attempt_number else ""
    return ", ".join(filter(None, [attempt, iterations(task)]))


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
