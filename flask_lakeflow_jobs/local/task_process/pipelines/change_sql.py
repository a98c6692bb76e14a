"""Flows of changes (AUTO CDC): what a statement says, and the table that its changes make. Pure.

A flow appends the changes to a log, each with its place in the sequence. Its target is a query over
the whole log, so changes that arrive late or in several updates count as on Databricks.

Apache Spark's Scd1BatchProcessor and Scd2BatchProcessor have the rules. Changes of one key follow
their sequence, and a delete wins over other changes of the same one. Changes in a row that leave
the tracked columns as they are make one version.
"""

# ruff: noqa: S608  # names are quoted, and expressions are the user's own

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..spark.language.sql_literals import write_text
from ..spark.language.sql_names import quote_part
from ..spark.tables.spark_catalog import CHANGE_LOG
from ..sql_syntax import NAME, NAME_PART, match_syntax, split_name
from .pipeline_sql import blank_nested, find_query

#: Columns of the log: the place in the sequence, and whether a change deletes its key or all rows.
SEQUENCE, DELETED, TRUNCATED = "__change_sequence", "__change_deleted", "__change_truncated"

_HELPERS = (SEQUENCE, DELETED, TRUNCATED)
_FLOW = "[CREATE FLOW <name> [COMMENT <text>] AS] (APPLY CHANGES | AUTO CDC) INTO <target> FROM"
_TARGET = "CREATE STREAMING TABLE [IF NOT EXISTS] <target>"
_STREAM = re.compile(rf"\bSTREAM(?:\s*\(\s*|\s+(?!FROM\b))(?P<name>{NAME})", re.IGNORECASE)
_FLOW_OF_TABLE = re.compile(r"\bFLOW\s+AUTO\s+CDC\s+(?=FROM\b)", re.IGNORECASE)
_CLAUSES = (
    "FROM",
    "KEYS",
    "IGNORE NULL UPDATES",
    "WHERE",
    "APPLY AS DELETE WHEN",
    "APPLY AS TRUNCATE WHEN",
    "SEQUENCE BY",
    "SYSTEM SEQUENCE BY",
    "COLUMNS TO UPDATE",
    "COLUMNS",
    "STORED AS",
    "TRACK HISTORY ON",
)
_CLAUSE = re.compile(
    r"(?<![\w.`])(?:" + "|".join(each.replace(" ", r"\s+") for each in _CLAUSES) + r")(?![\w.])",
    re.IGNORECASE,
)
_COLUMNS = re.compile(
    r"(?P<all>\*\s*(?:EXCEPT\s*(?=\())?)?(?:\((?P<names>.*)\)|(?P<plain>[^()*]*))",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(rf"\s*{NAME_PART}\s*")
_REFUSED = {
    "IGNORE NULL UPDATES": "Fill in NULL in the query that the flow reads",
    "WHERE": "Filter the rows in the query that the flow reads",
    "SYSTEM SEQUENCE BY": "Leave it out",
    "COLUMNS TO UPDATE": "Leave it out",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """The rows and columns that changes make of their target.

    :param keys: columns that identify a row.
    :param has_history: whether the target keeps earlier versions (SCD type 2).
    :param columns: those of the target; ``None`` for all of the source.
    :param except_columns: those that it does not have.
    :param tracked: the columns whose change makes a version; ``None`` for all of the target.
    """

    keys: tuple[str, ...]
    has_history: bool = False
    columns: tuple[str, ...] | None = None
    except_columns: tuple[str, ...] = ()
    tracked: tuple[str, ...] | None = None
    except_tracked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("Name at least one key of the changes.")
        for names, others, what in (
            (self.columns, self.except_columns, "columns"),
            (self.tracked, self.except_tracked, "tracked columns"),
        ):
            if names is not None and others:
                raise ValueError(
                    f"Name the {what} of the changes, or those to leave out, not both."
                )
        if not self.has_history and (self.tracked is not None or self.except_tracked):
            raise ValueError("Store the changes as SCD type 2, or track no history of columns.")


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow of changes.

    :param source: in SQL, or a function that returns the stream of changes.
    :param sequence: as SQL or a column, like the conditions.
    """

    name: str | None
    target: str
    source: Any
    sequence: Any
    deletes: Any
    truncates: Any
    changes: Changes


def find_streams(text: str) -> list[str]:
    """Return the names of the tables that a text reads as streams."""
    return [match["name"] for match in _STREAM.finditer(text)]


def find_target(statement: str) -> str | None:
    """Return the name of the streaming table that a statement creates without a query."""
    match = match_syntax(_TARGET, statement)
    return None if match is None or find_query(statement) else match["target"]


def write_view(statement: str, query: str) -> str:
    """Return the materialized view of a query in place of a streaming table."""
    return re.sub(r"STREAMING\s+TABLE", "MATERIALIZED VIEW", statement, count=1, flags=re.I) + (
        f"\nAS {query}"
    )


def split_flow(statement: str) -> tuple[str, str] | None:
    """Split ``CREATE STREAMING TABLE … FLOW AUTO CDC …`` into the table and its flow."""
    outer = blank_nested(statement)
    table, flow = match_syntax(_TARGET, outer), _FLOW_OF_TABLE.search(outer)
    if table is None or flow is None:
        return None
    return statement[: flow.start()], f"AUTO CDC INTO {table['target']} {statement[flow.end() :]}"


def read_flow(statement: str) -> Flow | None:
    """Return what a flow of changes says; ``None`` for another statement.

    :raises ValueError: it says something that has no equal here.
    """
    if (match := match_syntax(_FLOW, statement)) is None:
        return None
    target = match["target"]
    clauses = _split_clauses(target, statement[match.end("target") :])
    for name, advice in _REFUSED.items():
        if name in clauses:
            raise ValueError(_refuse(target, name, advice))
    for name in ("KEYS", "SEQUENCE BY"):
        if not clauses.get(name):
            raise ValueError(f"Write {name} in the flow of changes into {target}.")
    source = clauses["FROM"]
    if re.match(r"SNAPSHOT\b", source, re.IGNORECASE):
        raise ValueError(_refuse(target, "FROM SNAPSHOT", "Read a stream of changes"))
    if not re.search(r"\bSTREAM\b", source, re.IGNORECASE):
        raise ValueError(f"Read the source of the changes into {target} as STREAM({source}).")
    stored = re.sub(r"\s+", " ", clauses.get("STORED AS", "SCD TYPE 1")).upper()
    if stored not in ("SCD TYPE 1", "SCD TYPE 2"):
        raise ValueError(_refuse(target, f"STORED AS {stored}", "Write SCD TYPE 1 or SCD TYPE 2"))
    keys, _ = _read_columns(clauses["KEYS"])
    columns, except_columns = _read_columns(clauses.get("COLUMNS", "*"))
    tracked, except_tracked = _read_columns(clauses.get("TRACK HISTORY ON", "*"))
    return Flow(
        name=match["name"],
        target=target,
        source=source,
        sequence=clauses["SEQUENCE BY"],
        deletes=clauses.get("APPLY AS DELETE WHEN"),
        truncates=clauses.get("APPLY AS TRUNCATE WHEN"),
        changes=Changes(
            keys or (),
            has_history=stored.endswith("2"),
            columns=columns,
            except_columns=except_columns,
            tracked=tracked,
            except_tracked=except_tracked,
        ),
    )


def name_log(target: str) -> str:
    """Return the quoted name of the log of a target."""
    *schema, table = split_name(target)
    return ".".join(map(quote_part, [*schema, CHANGE_LOG + table]))


def write_query(changes: Changes, log: str, *, has_truncates: bool = False) -> str:
    """Return the query of a target over the log of its changes.

    :param log: a quoted name, or a query in parentheses.
    :param has_truncates: whether a change may delete all rows of an earlier sequence.
    """
    relation = _cut(log) if has_truncates else log
    return (_write_versions if changes.has_history else _write_latest)(changes, relation)


def write_snapshot(keys: tuple[str, ...], source: str, target: str) -> str:
    """Return the query of a target that has the rows of its source, the last snapshot."""
    message = write_text(
        f"The snapshot for {target} has a key more than once. Name all keys, or leave rows out of "
        "the table or view that its flow reads."
    )
    count = f"count(*) OVER (PARTITION BY {_list(keys)}) AS __count"
    return (
        f"SELECT * EXCEPT (__count) FROM (SELECT *, {count} FROM {source}) "
        f"WHERE CASE WHEN __count > 1 THEN raise_error({message}) ELSE true END"
    )


def _write_latest(changes: Changes, log: str) -> str:
    columns = _select(changes.columns, (*changes.except_columns, *_HELPERS, "__text", "__rank"))
    latest = _rank(log, _list(changes.keys))
    return f"SELECT {columns} FROM {latest} WHERE __rank = 1 AND NOT {DELETED}"


def _write_versions(changes: Changes, log: str) -> str:
    names, left_out = changes.columns, changes.except_columns
    if changes.tracked is not None:
        tracked = _select(changes.tracked, ())
    elif names is not None:
        lowered = {each.lower() for each in changes.except_tracked}
        tracked = _select([each for each in names if each.lower() not in lowered], ())
    else:
        tracked = _select(None, (*left_out, *changes.except_tracked, *_HELPERS))
    added = ("__text", "__rank", "__tracked", "__starts", "__started", "__ends", "__is_last")
    keys = _list(changes.keys)
    by_key = f"PARTITION BY {keys} ORDER BY {SEQUENCE}"
    changed = f"lag({DELETED}) OVER w OR NOT (lag(__tracked) OVER w <=> __tracked)"
    events = _rank(f"(SELECT *, struct({tracked}) AS __tracked FROM {log})", f"{keys}, {SEQUENCE}")
    started = f"max(CASE WHEN __starts THEN {SEQUENCE} END) OVER w AS __started"
    return (
        f"SELECT {_select(names, (*left_out, *_HELPERS, *added))}, "
        "__started AS __START_AT, __ends AS __END_AT FROM ("
        f"SELECT *, {started}, lead({DELETED} OR __starts) OVER w AS __is_last FROM ("
        f"SELECT *, coalesce({changed}, true) AS __starts, lead({SEQUENCE}) OVER w AS __ends "
        f"FROM {events} WHERE __rank = 1 WINDOW w AS ({by_key})) WINDOW w AS ({by_key})) "
        f"WHERE NOT {DELETED} AND coalesce(__is_last, true)"
    )


def _rank(log: str, by: str) -> str:
    """Number the changes of each group, the one that counts first.

    Databricks leaves the choice between changes of one sequence open. This one is always the same.
    """
    order = f"PARTITION BY {by} ORDER BY {SEQUENCE} DESC, {DELETED} DESC, __text DESC"
    return (
        f"(SELECT *, row_number() OVER ({order}) AS __rank "
        f"FROM (SELECT *, to_json(struct(*)) AS __text FROM {log}))"
    )


def _cut(log: str) -> str:
    """Leave out the changes up to the last one that deletes all rows."""
    cut = f"max(CASE WHEN {TRUNCATED} THEN {SEQUENCE} END) OVER () AS __cut"
    return (
        f"(SELECT * EXCEPT (__cut) FROM (SELECT *, {cut} FROM {log}) "
        f"WHERE coalesce({SEQUENCE} > __cut, true))"
    )


def _select(names: Iterable[str] | None, left_out: Iterable[str]) -> str:
    if names is not None:
        return _list(names)
    return f"* EXCEPT ({_list({each.lower(): each for each in left_out}.values())})"


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(quote_part, names))


def _split_clauses(target: str, text: str) -> dict[str, str]:
    outer = blank_nested(text)
    found = [*_CLAUSE.finditer(outer)]
    names = [re.sub(r"\s+", " ", match[0]).upper() for match in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Write each clause of the flow of changes into {target} once, and quote columns that "
            "have the name of one, such as `columns`."
        )
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts = (text[each.end() : end].strip() for each, end in zip(found, ends, strict=True))
    return dict(zip(names, parts, strict=True))


def _read_columns(text: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the columns of a list, and those that it leaves out."""
    match = _COLUMNS.fullmatch(text)
    listed = "" if match is None else match["names"] or match["plain"] or ""
    if match is None or not all(_COLUMN.fullmatch(each) for each in listed.split(",") if listed):
        raise ValueError(f"Write a list of columns in place of {text!r} in the flow of changes.")
    names = tuple(split_name(each)[0] for each in listed.split(",") if listed)
    return (None, names) if match["all"] else (names, ())


def _refuse(target: str, what: str, advice: str) -> str:
    return (
        f"The local workspace has no {what} in a flow of changes, such as the one into {target}. "
        f"{advice}, or simulate the job (tag 'local_simulation')."
    )
