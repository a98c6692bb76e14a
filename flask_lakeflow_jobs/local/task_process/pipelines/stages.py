"""Arranges the definitions of a pipeline: each table has one flow, and Spark may need stages.

Spark resolves the input of some methods, such as ``drop`` and ``dropDuplicates``, while it
registers a flow. So their tables must exist, and Spark does not see that the flow waits for them.
Such a flow belongs to a later stage than the tables that it reads: a graph of its own after theirs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from .pipeline_sql import find_defined, find_query, read_setting

#: Relations of Spark Connect whose input is resolved at once.
_EAGER = frozenset(
    (
        "apply_in_pandas_with_state",
        "approx_quantile",
        "co_group_map",
        "corr",
        "cov",
        "crosstab",
        "deduplicate",
        "describe",
        "drop",
        "drop_na",
        "fill_na",
        "freq_items",
        "group_map",
        "replace",
        "sample_by",
        "summary",
        "to_schema",
        "transpose",
        "with_watermark",
    )
)


@dataclass(slots=True)
class Element:
    """An output, a flow or a statement of a pipeline.

    :param names: of the tables or views that it defines or writes to.
    :param register: registers it in a registry of Spark.
    :param flow: the name of a flow that writes to a table.
    :param plan: of a flow, a relation of Spark Connect.
    :param text: of a statement.
    """

    names: set[str]
    register: Callable[[Any], None]
    is_view: bool = False
    flow: str = ""
    plan: Any = None
    text: str = ""
    reads: set[str] = field(default_factory=set)
    waits: set[str] = field(default_factory=set)


class Stages:
    """The elements of a pipeline, in the order of their definition.

    :param path: returns a name with its schema.
    """

    def __init__(self, path: Callable[[str], str]) -> None:
        self._path = path
        self._elements: list[Element] = []

    def add_output(self, name: str, register: Callable[[Any], None], *, is_view: bool) -> None:
        """Add a table, a view or a sink."""
        self._elements.append(Element({self._path(name)}, register, is_view))

    def add_flow(
        self, name: str, target: str, plan: Any, register: Callable[[Any, Any], None]
    ) -> None:
        """Add a flow.

        :param register: registers it in a registry, with a function that returns its rows.
        """
        element = Element({self._path(target)}, lambda _: None, flow=name, plan=plan)
        element.register = lambda registry: register(registry, lambda: _Frame(element.plan))
        self._elements.append(element)

    def add_statements(self, statements: list[str], register: Callable[[Any, str], None]) -> None:
        """Add statements of one file, which keep the settings before them."""
        settings = ""
        for text in statements:
            if setting := read_setting(text):
                settings += f"{setting};"
                continue
            names, is_view = find_defined(text)
            whole = settings + text

            def add(registry: Any, whole: str = whole) -> None:
                register(registry, whole)

            self._elements.append(Element({*map(self._path, names)}, add, is_view, text=text))

    @property
    def names(self) -> set[str]:
        """The names of all tables and views."""
        return {name for each in self._elements for name in each.names}

    def list_plans(self) -> dict[str, Any]:
        """Return the plan of each table and view that plans fill, with the rows of all of them."""
        plans: dict[str, Any] = {}
        for each in self._elements:
            for name in each.names if each.plan is not None else ():
                plans[name] = _unite(plans[name], each.plan) if name in plans else each.plan
        return plans

    def arrange(self) -> list[list[Element]]:
        """Return the elements of each stage; views are in each from their first one on.

        :raises ValueError: a table has a query and flows besides.
        """
        self._join_flows()
        views = {name for each in self._elements if each.is_view for name in each.names}
        tables = self.names - views
        self._find_all_reads(views, tables)
        stages = self._number_stages(views | tables)
        if stages is None:  # tables read each other in a circle, as Spark is going to say
            return [self._elements]
        found = []
        for stage in range(max(stages.values(), default=0) + 1):
            elements = []
            for each in self._elements:
                first = max((stages[name] for name in each.names), default=0)
                if first == stage or (each.names and each.names <= views and first < stage):
                    elements.append(each)
            if not stage or any(not each.names <= views for each in elements):
                found.append(elements)
        return found

    def _find_all_reads(self, views: set[str], tables: set[str]) -> None:
        """Find what each element reads, also in the plans of views that it names."""
        filled = [each for each in self._elements if each.plan is not None]
        plans = {name: each.plan for each in filled for name in each.names & views}
        for each in self._elements:
            if each.plan is not None:
                each.plan = inline(each.plan, plans, self._path)
            self._find_reads(each, tables | views)
            each.waits &= tables

    def _number_stages(self, names: set[str]) -> dict[str, int] | None:
        """Return the stage of each table and view; ``None`` if they read each other."""
        stages = dict.fromkeys(names, 0)
        for _ in range(len(self._elements) + 1):
            before = dict(stages)
            for each in self._elements:
                least = [stages[name] for name in each.reads | each.names]
                least += [stages[name] + 1 for name in each.waits]
                stages |= dict.fromkeys(each.names, max(least, default=0))
            if stages == before:
                return stages
        return None

    def _join_flows(self) -> None:
        """Make one flow of all that write to one table.

        Spark numbers the batches of each flow from 0, and the files of a table keep one batch of
        each number. With several flows, rows would be lost. Their order, which a checkpoint keeps,
        is by name.
        """
        flows = defaultdict(list)
        for each in self._elements:
            is_table = find_defined(each.text)[0] and not each.is_view
            if each.flow or (is_table and find_query(each.text)):
                flows[next(iter(each.names))].append(each)
        for name, joined in flows.items():
            first, *rest = sorted(joined, key=lambda each: each.flow)
            if rest and not first.flow:
                raise ValueError(
                    f"Create the table {name} without a query, and write a flow for each of its "
                    "queries with append_flow or CREATE FLOW."
                )
            for each in rest:
                first.plan = _unite(first.plan, each.plan)
                self._elements.remove(each)

    def _find_reads(self, element: Element, known: set[str]) -> None:
        texts = [(element.text, False)]
        if element.plan is not None:
            for name, text, is_eager in iter_reads(element.plan):
                if text:
                    texts.append((text, is_eager))
                elif (path := self._path(name)) in known:
                    (element.waits if is_eager else element.reads).add(path)
        for text, is_eager in texts:
            # Which of the words are names is not known, so it may wait for more than it reads.
            words = set(re.findall(r"\w+", text.lower()))
            found = {name for name in known if name.rpartition(".")[2] in words}
            (element.waits if is_eager else element.reads).update(found)
        element.reads -= element.names
        element.waits -= element.names


class _Frame:
    """A DataFrame as far as a registry of Spark reads it."""

    def __init__(self, plan: Any) -> None:
        self._plan = SimpleNamespace(plan=lambda client: plan)


def iter_reads(message: Any, is_eager: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Yield the tables and the texts of SQL in a plan, and whether Spark resolves them at once."""
    for descriptor, value in message.ListFields():
        name = descriptor.name
        if name == "named_table":
            yield value.unparsed_identifier, "", is_eager
        elif name == "query" and isinstance(value, str):
            yield "", value, is_eager
        for each in value if hasattr(value, "add") else (value,):
            if hasattr(each, "ListFields"):
                yield from iter_reads(each, is_eager or name in _EAGER)


def _unite(left: Any, right: Any) -> Any:
    """Return the plan of all rows of two plans, with the columns of both."""
    united = type(left)()
    union = united.set_op
    union.left_input.CopyFrom(left)
    union.right_input.CopyFrom(right)
    union.set_op_type = type(union).SET_OP_TYPE_UNION
    union.is_all = union.by_name = union.allow_missing_columns = True
    return united


def inline(
    message: Any, plans: dict[str, Any], path: Callable[[str], str], is_eager: bool = False
) -> Any:
    """Return a plan that has the plans of views in place of those that Spark resolves at once."""
    if is_eager and (view := _find_view(message, plans, path)):
        return inline(plans[view], plans, path, is_eager=True)
    copy = type(message)()
    copy.CopyFrom(message)
    _replace(copy, plans, path, is_eager)
    return copy


def _replace(
    message: Any, plans: dict[str, Any], path: Callable[[str], str], is_eager: bool
) -> None:
    for descriptor, value in message.ListFields():
        for each in value if hasattr(value, "add") else (value,):
            if not hasattr(each, "ListFields"):
                continue
            eager = is_eager or descriptor.name in _EAGER
            if eager and _find_view(each, plans, path):
                each.CopyFrom(inline(each, plans, path, is_eager=True))
            else:
                _replace(each, plans, path, eager)


def _find_view(message: Any, plans: dict[str, Any], path: Callable[[str], str]) -> str:
    """Return the path of the view that a relation reads; empty for another one."""
    table = getattr(getattr(message, "read", None), "named_table", None)
    name = "" if table is None else table.unparsed_identifier
    return path(name) if name and path(name) in plans else ""
