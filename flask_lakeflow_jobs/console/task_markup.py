"""The tasks of a run as its page shows them, kept from one update of the run to the next.

Most tasks are the same in the next update and for the next viewer. They are neither parsed, nor
placed, nor rendered again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import url_for
from markupsafe import escape

from ..runs.outcome import select_last_attempts
from .parts import SPAN, TaskPart, bucket_of
from .rendering import template_environment
from .tasks import Attempt, build_attempt, without_growth

if TYPE_CHECKING:
    from ..memo import Memo
    from ..sdk_types import RunTask
    from .axis import Axis, Fold
    from .graph import Graph, GraphNode, Sizes, Structure
    from .tasks import TaskGroup

#: Tasks that a process keeps, of all runs; about 4 KB each.
MAX_KEPT_TASKS = 5_000

Document = Mapping[str, Any]

#: Takes the place of the start of a task that has none, after all starts of 13 digits.
NOT_STARTED = 9_999_999_999_999

#: The key and the number of an attempt. Its id may be missing.
AttemptId = tuple[Any, Any]


@dataclass(slots=True)
class KeptTask:
    """A task as it was last rendered.

    :param document: the task as the Jobs API has it.
    :param depends_on: the keys of the tasks that it waits for.
    :param order: its number in the run.
    :param built_for: the start and the folds of the timeline, whether the attempt is the last, and
        whether the page's script updates durations.
    :param group: the kind of the group that its row is in.
    """

    document: Document
    task: RunTask
    depends_on: tuple[str, ...]
    order: int
    built_for: tuple[int, tuple[Fold, ...], bool, bool] | None = None
    attempt: Attempt | None = None
    group: str = ""
    row: TaskPart | None = None
    node: TaskPart | None = None
    place: tuple[float, float, Sizes] | None = None


class TaskMarkup:
    """The tasks of one state of a run, with what was made of them in earlier states.

    :param parse: parses a task and redacts its secrets.
    :param memo: the tasks of earlier states, by the address of their pages.
    :param script_updates_durations: durations that still grow may be those of an earlier page,
        since its script updates them.
    """

    def __init__(
        self,
        key: str,
        run_id: int,
        documents: Iterable[Document],
        parse: Callable[[Document], RunTask],
        memo: Memo[str, Mapping[AttemptId, KeptTask]],
        *,
        script_updates_durations: bool = False,
    ) -> None:
        self._run_id = run_id
        self._memo = memo
        self._script_updates_durations = script_updates_durations
        # Of the page of the task with the id 0; those of other tasks differ in the id.
        url = url_for("lakeflow_console.show_task", key=key, run_id=run_id, task_run_id=0)
        self._page_url = url.partition("?")[0]  # the app's url_defaults may add a query
        self._url = self._page_url.removesuffix("0")
        self._kept: dict[AttemptId, KeptTask] = {}
        self._by_task: dict[int, KeptTask] = {}
        self._by_attempt: dict[int, KeptTask] = {}
        before = memo.get(self._page_url) or {}
        for order, document in enumerate(documents):
            attempt_id = (document.get("task_key"), document.get("attempt_number"))
            kept = _reuse(before.get(attempt_id), document, order, parse)
            self._kept[attempt_id] = self._by_task[id(kept.task)] = kept
            if kept.attempt is not None:
                self._by_attempt[id(kept.attempt)] = kept

    def keep(self) -> None:
        """Keep the rendered tasks for the next update.

        Call it once all are rendered, because other threads copy them.
        """
        self._memo.put(self._page_url, self._kept, len(self._kept))

    @property
    def tasks(self) -> list[RunTask]:
        return [kept.task for kept in self._by_task.values()]

    @property
    def structure(self) -> Structure:
        """The tasks, each with its dependencies, for the graph."""
        last = select_last_attempts(self.tasks)
        return tuple((task.task_key, self._by_task[id(task)].depends_on) for task in last)

    def build_attempt(self, task: RunTask, now: float, axis: Axis, *, is_last: bool) -> Attempt:
        """Build the row of an attempt, as :func:`.tasks.build_attempt` does."""
        kept, is_live = self._by_task[id(task)], self._script_updates_durations
        built_for = (axis.start, tuple(axis.folds), is_last, is_live)
        is_outdated = kept.attempt is not None and kept.attempt.is_going and not is_live
        if kept.attempt is None or kept.built_for != built_for or is_outdated:
            kept.built_for = built_for
            kept.attempt = build_attempt(task, now, axis, is_last=is_last)
            if is_live and kept.attempt.is_going:
                kept.attempt = without_growth(kept.attempt)
            kept.row = kept.node = None
            self._by_attempt[id(kept.attempt)] = kept
        return kept.attempt

    def render_rows(self, groups: Iterable[TaskGroup]) -> dict[str, list[TaskPart]]:
        """Render the rows of the timeline, by the kind of their group."""
        return {
            group.kind: [self._render_row(row, group.kind) for row in group.rows]
            for group in groups
        }

    def render_nodes(self, graph: Graph) -> list[TaskPart]:
        sizes = graph.layout.sizes
        return [self._render_node(node, sizes) for node in graph.nodes]

    def render_edges(self, graph: Graph) -> list[TaskPart]:
        """Render the edges of the graph. A template would take longer than all else."""
        parts = []
        for edges in graph.edges:
            name = f"edges-{escape(edges.key)}"
            html = f'<path data-part="{name}" d="{edges.path}" data-kind="{edges.kind}"/>'
            parts.append(TaskPart(edges.key, f"edges-{edges.key}", html))
        return parts

    def _render_row(self, attempt: Attempt, kind: str) -> TaskPart:
        kept = self._by_attempt[id(attempt)]
        if kept.row is None or kept.group != kind:
            kept.group = kind
            url = f"{self._url}{attempt.run_id}" if attempt.run_id else ""
            order = f"{kept.task.start_time or NOT_STARTED}.{kept.order:04}"
            place = {"kind": kind, "order": order, "bucket": bucket_of(attempt.key)}
            html = self._macros.row(attempt, SPAN, self._run_id, url, place)
            kept.row = TaskPart(attempt.key, f"row-{attempt.anchor}", html)
        return kept.row

    def _render_node(self, node: GraphNode, sizes: Sizes) -> TaskPart:
        kept, place = self._by_attempt[id(node.attempt)], (node.x, node.y, sizes)
        if kept.node is None or kept.place != place:
            kept.place = place
            key = node.attempt.key
            kept.node = TaskPart(key, f"node-{key}", self._macros.node(node, sizes, self._run_id))
        return kept.node

    @cached_property
    def _macros(self) -> Any:
        return template_environment().get_template("lakeflow_jobs/_tasks.html").module


def _reuse(
    kept: KeptTask | None, document: Document, order: int, parse: Callable[[Document], RunTask]
) -> KeptTask:
    """Return a task as it was last rendered, if it has not changed since."""
    if kept is None or kept.document != document:
        task = parse(document)
        depends_on = tuple(each.task_key for each in task.depends_on or ())
        return KeptTask(document, task, depends_on, order)
    kept = replace(kept)  # another thread may place the task on another axis
    if kept.order != order:
        kept.order, kept.row = order, None
    return kept
