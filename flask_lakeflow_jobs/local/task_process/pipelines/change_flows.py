"""Flows of changes (AUTO CDC), which Spark lacks: a log of each, and its target as a view of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..spark.language.sql_names import quote_part
from ..sql_statements import remove_comments, split_statements
from ..sql_syntax import split_name
from .change_sql import (
    DELETED,
    SEQUENCE,
    TRUNCATED,
    Flow,
    find_streams,
    find_target,
    name_log,
    read_flow,
    split_flow,
    write_query,
    write_view,
)
from .pipeline_sql import read_setting


@dataclass(frozen=True, slots=True)
class Target:
    """A streaming table that is not registered yet, as it may be the target of changes.

    :param register: registers it as it is.
    :param define: registers a materialized view of this query in its place.
    :param is_checked: whether its expectations drop rows or fail.
    """

    name: str
    register: Callable[[], None]
    define: Callable[[str], None]
    is_checked: bool


class ChangeFlows:
    """The flows of changes of a pipeline. Its files may name a target before they define it.

    :param schema: of names without one.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._targets: dict[str, list[Target]] = defaultdict(list)
        self._flows: dict[str, list[Flow]] = defaultdict(list)
        self._snapshots: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._streamed: set[str] = set()

    @property
    def targets(self) -> set[str]:
        """The names of all streaming tables without a query and of all targets of changes."""
        return {*self._targets, *self._names}

    def add_target(self, target: Target) -> None:
        """Add a streaming table without a query."""
        self._targets[self.path(target.name)].append(target)

    def note_streams(self, names: Iterable[str]) -> None:
        """Note the tables that the pipeline reads as streams."""
        self._streamed |= set(map(self.path, names))

    def add_flow(self, flow: Flow) -> None:
        """Add a flow of changes.

        :raises ValueError: the target has flows of changes of another kind.
        """
        target, path = flow.target, self.path(flow.target)
        if path in self._snapshots:
            raise ValueError(_name_one_flow(target))
        if any(flow.changes != other.changes for other in self._flows[path]):
            raise ValueError(
                f"Name the same keys, columns and SCD type in all flows of changes into {target}."
            )
        if flow.truncates is not None and flow.changes.has_history:
            raise ValueError(
                f"Leave out the changes that truncate {target}: SCD type 2 keeps the history of "
                "each key."
            )
        self._flows[path].append(flow)
        self._names[path] = target

    def add_snapshot(self, target: str, query: str) -> None:
        """Add a flow from snapshots.

        :param query: returns the rows of the last one.
        :raises ValueError: the target has another flow.
        """
        path = self.path(target)
        if path in self._names:
            raise ValueError(_name_one_flow(target))
        self._snapshots[path] = query
        self._names[path] = target

    def take(self, text: str, translated: str, register: Callable[[str], None], query: Any) -> str:
        """Take the targets and the flows of changes out of a text; lines keep their numbers.

        :param translated: the text as Spark takes it.
        :param register: registers statements.
        :param query: returns the rows of a statement.
        :raises ValueError: a flow says something that has no equal here.
        """
        kept: list[str] = []
        settings: list[str] = []
        self.note_streams(find_streams(translated))
        statements = split_statements(translated)
        for before, statement in zip(split_statements(text), statements, strict=True):
            *targets, flow = split_flow(statement) or (statement,)
            found = read_flow(flow)
            if found is None and find_target(statement):
                targets = [statement]
            is_checked = re.search(r"\bON\s+VIOLATION\b", remove_comments(before), re.IGNORECASE)
            for each in targets:
                self._add_statement(each, settings, register, is_checked=is_checked is not None)
            if found is not None:
                if any(re.match(r"\s*USE\b", each, re.IGNORECASE) for each in settings):
                    raise ValueError(
                        f"Write the schema in the names of tables in place of USE, as in the flow "
                        f"of changes into {found.target}."
                    )
                rows = f"SELECT * FROM {found.source}"  # noqa: S608 (the user's own query)
                name = found.name and split_name(found.name)[-1]
                self.add_flow(replace(found, name=name, source=partial(query, rows)))
            if setting := read_setting(statement):
                settings.append(setting)
            is_taken = targets or found is not None
            kept.append("\n" * statement.count("\n") if is_taken else statement)
        return ";".join(kept) if any(map(str.strip, kept)) else ""

    def finish(self, pipelines: Any) -> None:
        """Register the targets and the flows of all files.

        :param pipelines: Spark's own functions.
        :raises ValueError: a flow has no target, or one that checks its rows or is streamed.
        """
        for path, name in self._names.items():
            if path not in self._targets:
                raise ValueError(
                    f"Create the streaming table {name}, into which a flow writes changes, "
                    "with create_streaming_table or CREATE STREAMING TABLE."
                )
            if path in self._streamed:
                raise ValueError(
                    f"Read {name} as a table, or its source as a stream: a stream of {name} has "
                    "rows more than once here, as changes update and delete them."
                )
        for path, targets in self._targets.items():
            for target in targets:
                if path not in self._names:
                    target.register()
                elif target.is_checked:
                    raise ValueError(
                        f"Put the expectations of {target.name} on the table or view that its flow "
                        "of changes reads: it is not known which rows they drop after changes are "
                        "merged."
                    )
                elif path in self._snapshots:
                    target.define(self._snapshots[path])
                else:
                    self._register_changes(pipelines, target, self._flows[path])

    def add_logs(self, names: list[str]) -> list[str]:
        """Return the tables to refresh, and the logs of those that flows of changes write to."""
        logs = [name_log(name) for name in names if self.path(name) in self._flows]
        return [*names, *logs]

    def _register_changes(self, pipelines: Any, target: Target, flows: list[Flow]) -> None:
        log = name_log(target.name)
        pipelines.create_streaming_table(log)
        for flow in flows:
            append = pipelines.append_flow(target=log, name=flow.name or log)
            append(_read(target.name, flow))
        has_truncates = any(flow.truncates is not None for flow in flows)
        target.define(write_query(flows[0].changes, log, has_truncates=has_truncates))

    def _add_statement(
        self, text: str, settings: list[str], register: Any, *, is_checked: bool
    ) -> None:
        before = "".join(f"{each};" for each in settings)
        target = Target(
            find_target(text) or "",
            partial(register, before + text),
            lambda query: register(before + write_view(text, query)),
            is_checked,
        )
        self.add_target(target)

    def path(self, name: str) -> str:
        """Return a name with its schema, in lower case and without quotes."""
        return ".".join([self._schema, *split_name(name)][-2:]).lower()


def _name_one_flow(target: str) -> str:
    return f"Write one flow from snapshots into {target}, and no other flow of changes."


def _read(target: str, flow: Flow) -> Callable[[], Any]:
    """Return a function that returns the rows of a log."""

    def query() -> Any:
        from pyspark.sql import functions

        def column(value: Any) -> Any:
            return functions.expr(value) if isinstance(value, str) else value

        def condition(value: Any) -> Any:
            no = functions.lit(False)
            return no if value is None else functions.coalesce(column(value), no)

        sequence, truncates = column(flow.sequence), condition(flow.truncates)
        has_no_key = functions.lit(False)
        for key in flow.changes.keys:
            has_no_key |= functions.col(quote_part(key)).isNull()
        message = functions.lit(
            f"A change of {target} has NULL as its sequence or in a key. Filter such rows in the "
            "table or view that the flow of changes reads."
        )
        checked = functions.when(
            sequence.isNull() | (has_no_key & ~truncates), functions.raise_error(message)
        ).otherwise(sequence)
        return flow.source().select(
            "*",
            checked.alias(SEQUENCE),
            condition(flow.deletes).alias(DELETED),
            truncates.alias(TRUNCATED),
        )

    return query
