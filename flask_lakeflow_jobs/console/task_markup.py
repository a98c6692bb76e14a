"""The tasks of a run as its page shows them, kept from one update of the run to the next.

Most tasks are the same in the next update and for the next viewer. They are neither parsed, nor
placed, nor rendered again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import current_app, url_for
from markupsafe import Markup

from ..runs.outcome import select_last_attempts
from .tasks import Attempt, build_attempt

if TYPE_CHECKING:
    from ..memo import Memo
    from ..sdk_types import RunTask
    from .graph import Graph, Node, Sizes, Structure
    from .timeline import Timeline

#: Tasks that a process keeps, of all runs; about 4 KB each.
MAX_KEPT_TASKS = 5_000

Document = Mapping[str, Any]

#: The key and the number of an attempt. Its id may be missing.
AttemptId = tuple[Any, Any]


@dataclass(slots=True)
class KeptTask:
    """A task as it was last rendered.

    :param document: the task as the Jobs API has it.
    :param depends_on: the keys of the tasks that it waits for.
    :param axis: the start and the end of the timeline, and whether the attempt is the last.
    :param place: of its node.
    """

    document: Document
    task: RunTask
    depends_on: tuple[str, ...]
    axis: tuple[int, int, bool] | None = None
    attempt: Attempt | None = None
    row: Markup | None = None
    node: Markup | None = None
    place: tuple[float, float, Sizes] | None = None

    def copy(self) -> KeptTask:
        return KeptTask(
            self.document,
            self.task,
            self.depends_on,
            self.axis,
            self.attempt,
            self.row,
            self.node,
            self.place,
        )


class TaskMarkup:
    """The tasks of one state of a run.

    :param url: of the page of the task with the id 0; those of other tasks differ in the id.
    :param before: what was made of the tasks of an earlier state.
    :param script_updates_durations: durations that still grow may be those of an earlier page,
        since its script updates them.
    """

    def __init__(
        self,
        run_id: int,
        url: str,
        before: Mapping[AttemptId, KeptTask],
        *,
        script_updates_durations: bool = False,
    ) -> None:
        self._script_updates_durations = script_updates_durations
        self._run_id = run_id
        self._url = url.removesuffix("0")
        self._before = before
        self.kept: dict[AttemptId, KeptTask] = {}
        self._by_task: dict[int, KeptTask] = {}
        self._by_attempt: dict[int, KeptTask] = {}

    @classmethod
    def of(
        cls,
        key: str,
        run_id: int,
        documents: Iterable[Document],
        parse: Callable[[Document], RunTask],
        memo: Memo[str, Mapping[AttemptId, KeptTask]],
        *,
        script_updates_durations: bool = False,
    ) -> TaskMarkup:
        """Return the tasks of a run, with what is known of them from earlier states.

        :param key: of the job.
        :param parse: parses a task and redacts its secrets.
        """
        url = url_for("lakeflow_console.show_task", key=key, run_id=run_id, task_run_id=0)
        markup = cls(
            run_id,
            url,
            memo.get(url) or {},
            script_updates_durations=script_updates_durations,
        )
        for document in documents:
            markup._add(document, parse)
        memo.put(url, markup.kept, len(markup.kept))
        return markup

    def _add(self, document: Document, parse: Callable[[Document], RunTask]) -> None:
        attempt_id = (document.get("task_key"), document.get("attempt_number"))
        kept = self._before.get(attempt_id)
        if kept is None or kept.document != document:
            task = parse(document)
            depends_on = tuple(each.task_key for each in task.depends_on or ())
            kept = KeptTask(document, task, depends_on)
        else:  # another thread may place the task on another axis
            kept = kept.copy()
        self.kept[attempt_id] = self._by_task[id(kept.task)] = kept
        if kept.attempt is not None:
            self._by_attempt[id(kept.attempt)] = kept

    @property
    def tasks(self) -> list[RunTask]:
        return [kept.task for kept in self._by_task.values()]

    @property
    def structure(self) -> Structure:
        """The tasks, each with its dependencies, for the graph."""
        last = select_last_attempts(self.tasks)
        return tuple((task.task_key, self._by_task[id(task)].depends_on) for task in last)

    def build_attempt(
        self, task: RunTask, now: float, start: int, end: int, *, is_last: bool
    ) -> Attempt:
        """Build the row of an attempt, as :func:`.tasks.build_attempt` does."""
        kept, axis = self._by_task[id(task)], (start, end, is_last)
        is_outdated = kept.attempt is not None and (
            kept.attempt.is_going and not self._script_updates_durations
        )
        if kept.attempt is None or kept.axis != axis or is_outdated:
            kept.axis = axis
            kept.attempt = build_attempt(task, now, start, end, is_last=is_last)
            kept.row = kept.node = None
            self._by_attempt[id(kept.attempt)] = kept
        return kept.attempt

    def render_rows(self, line: Timeline) -> Markup:
        """Render the rows of the timeline."""
        return _join("\n  ", [self._render_row(row, line) for row in line.rows])

    def render_nodes(self, graph: Graph) -> Markup:
        """Render the tasks of the graph."""
        sizes = graph.layout.sizes
        return _join("\n      ", [self._render_node(node, sizes) for node in graph.nodes])

    def _render_row(self, attempt: Attempt, line: Timeline) -> Markup:
        kept = self._by_attempt[id(attempt)]
        if kept.row is None:
            url = f"{self._url}{attempt.run_id}" if attempt.run_id else ""
            kept.row = self._macros.row(attempt, line.marks, self._run_id, url)
        return kept.row

    def _render_node(self, node: Node, sizes: Sizes) -> Markup:
        kept, place = self._by_attempt[id(node.attempt)], (node.x, node.y, sizes)
        if kept.node is None or kept.place != place:
            kept.place = place
            kept.node = self._macros.node(node, sizes, self._run_id)
        return kept.node

    @cached_property
    def _macros(self) -> Any:
        return current_app.jinja_env.get_template("lakeflow_jobs/_tasks.html").module


def _join(separator: str, parts: Sequence[Markup]) -> Markup:
    """Join parts as they are: ``Markup.join`` would check each of them again."""
    return Markup(separator.join(parts))  # noqa: S704
