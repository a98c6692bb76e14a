"""A live display of a run on a terminal, drawn with rich.

It draws only what fits on the screen, because a taller display cannot be drawn over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ..runs.durations import format_duration
from ..runs.outcome import (
    ACTIVE_OUTCOMES,
    NEVER_STARTED,
    SUCCESSES,
    Outcome,
    RunStatus,
    has_ended,
    outcome_of,
    select_last_attempts,
)
from .formatting import (
    COLORS,
    format_attempt,
    format_elapsed,
    format_iterations,
    format_progress,
    format_time_of_day,
    format_wait_reason,
)
from .printing import clean

if TYPE_CHECKING:
    from ..clock import Clock
    from ..runs.outcome import AnyRun
    from ..runs.progress import Progress
    from ..sdk_types import RunTask

#: Lines without a task: the run, why it waits, the table's header, the omitted tasks, the cursor.
OTHER_LINES = 5

#: Characters of a full bar.
BAR_WIDTH = 20

#: Outcomes of tasks that make progress.
IN_PROGRESS = frozenset(ACTIVE_OUTCOMES.values()) - {Outcome.BLOCKED}


def open_console() -> Console | None:
    """Return a console on stderr if it is a terminal that can be drawn over, with Unicode."""
    console = Console(stderr=True)
    return console if console.is_interactive and not console.options.ascii_only else None


class LiveDisplay:
    """The newest state of a run, redrawn as time passes; the last one stays on the screen."""

    def __init__(self, key: str, clock: Clock, console: Console) -> None:
        self._key = key
        self._clock = clock
        self._console = console
        self._status: RunStatus | None = None
        # by default rich sends what is printed to stdout to its own console, which is stderr
        self._live = Live(get_renderable=self._render, console=console, redirect_stdout=False)

    def __enter__(self) -> LiveDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, status: RunStatus) -> None:
        self._status = status
        self._live.start()
        self._live.refresh()

    def _render(self) -> RenderableType:
        if self._status is None:
            return Text()
        max_tasks = max(1, self._console.height - OTHER_LINES)
        return render_live_run(self._key, self._status, self._clock.now(), max_tasks)


def render_live_run(key: str, status: RunStatus, now: float, max_tasks: int) -> RenderableType:
    """Render a run and a table of its tasks.

    :param now: seconds since the epoch.
    """
    parts: list[RenderableType] = [_render_headline(key, status, now)]
    if reason := format_wait_reason(status):
        parts.append(_render_line(reason))
    progress = status.progress
    if progress is not None and progress.task is None:
        parts.append(_render_bar(progress))
        max_tasks = max(1, max_tasks - 1)
    tasks = select_last_attempts(status.run.tasks)
    selected = select_tasks(tasks, max_tasks)
    if selected:
        parts.append(_render_tasks(selected, now, {} if progress is None else progress.tasks))
    if len(selected) < len(tasks):
        omitted = Counter(map(outcome_of, tasks))
        omitted.subtract(map(outcome_of, selected))
        counts = ", ".join(f"{n} {outcome.name}" for outcome, n in omitted.items() if n)
        parts.append(_render_line(f"… and {counts}"))
    return _Cleaned(Group(*parts))


class _Cleaned:
    """A renderable without the escapes in its text; those of rich are not part of it yet."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._inner, options):
            yield Segment(text if control else clean(text), style, control)


def select_tasks(tasks: Sequence[RunTask], max_tasks: int) -> list[RunTask]:
    """Select the most important tasks, in the order of the job.

    Tasks in progress come first, then those that made the run fail, then those that ended last,
    then those that wait or did not run.

    :param tasks: the last attempt of each.
    """
    selected = {id(task) for task in sorted(tasks, key=_rank_of)[:max_tasks]}
    return [task for task in tasks if id(task) in selected]


def _rank_of(task: RunTask) -> tuple[int, int]:
    outcome = outcome_of(task)
    if outcome in IN_PROGRESS:
        return 0, 0
    if not has_ended(task) or outcome in NEVER_STARTED:
        return 3, 0
    return (2 if outcome in SUCCESSES else 1), -(task.end_time or 0)


def _render_headline(key: str, status: RunStatus, now: float) -> Text:
    line = Text.assemble(
        f"{key}: ",
        _render_outcome(status.run),
        f"  {format_elapsed(status.run, now)}",
        _format_eta(status.eta, now) if not status.is_terminal else "",
        no_wrap=True,
        overflow="ellipsis",
    )
    line.rstrip()
    return line


def _format_eta(eta: int | None, now: float) -> str:
    if eta is None:
        return ""
    seconds = (eta - round(now * 1000)) / 1000
    if seconds < 1:
        return ", ends any moment"
    duration = format_duration(seconds, whole_seconds=True)
    return f", ends in about {duration}, at {format_time_of_day(eta)}"


def _render_bar(report: Progress) -> Text:
    filled = int(report.percent * BAR_WIDTH / 100)
    bar = "━" * filled + " " * (BAR_WIDTH - filled)
    return Text(f"{bar} {format_progress(report)}", no_wrap=True, overflow="ellipsis")


def _render_tasks(tasks: Iterable[RunTask], now: float, progress: Mapping[str, Progress]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("TASK", overflow="ellipsis")
    table.add_column("STATE", no_wrap=True)
    table.add_column("DURATION", no_wrap=True)
    table.add_column("")  # the wider of the two columns that wrap is narrowed first
    for task in tasks:
        table.add_row(
            Text(task.task_key, no_wrap=True, overflow="ellipsis"),
            _render_outcome(task),
            format_elapsed(task, now),
            _render_details(task, progress.get(task.task_key)),
        )
    return table


def _render_details(task: RunTask, report: Progress | None) -> Text:
    details = ", ".join(filter(None, [format_attempt(task), format_iterations(task)]))
    bar = Text() if report is None else _render_bar(report)
    gap = "  " if details and report is not None else ""
    return Text.assemble(details, gap, bar, no_wrap=True, overflow="ellipsis")


def _render_outcome(run: AnyRun) -> Text:
    outcome = outcome_of(run)
    return Text(outcome.name, style=COLORS.get(outcome, ""))


def _render_line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
