"""Rules for files and streams: DuckDB has functions of its own, which read all rows each time.

Pure. Each rule changes the tree that sqlglot has parsed.
"""

from __future__ import annotations

import os
import re

from sqlglot import exp

from .databricks_sql import NodeRule, Tree, fill

_READERS = {
    "csv": "read_csv",
    "json": "read_json",
    "jsonl": "read_json",
    "ndjson": "read_json",
    "parquet": "read_parquet",
}
# The options of read_files by the ones of DuckDB; without one, they change nothing here.
_OPTIONS = {
    "delimiter": "delim",
    "header": "header",
    "sep": "delim",
}
_IGNORED = frozenset(
    ["format", "includeexistingfiles", "infercolumntypes", "inferschema", "mode", "multiline"]
)


def _read_streams_whole(node: exp.Stream) -> Tree:
    """A stream is read from its beginning."""
    source: Tree = node.this
    if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Table):
        table = source.this  # as in STREAM(t) AS s
        table.set("alias", source.args.get("alias"))
        return table
    return source


def _read_files(node: exp.Table) -> Tree:
    """Replace ``read_files`` by the function of DuckDB for its format, if that has its options."""
    call = node.this
    if not isinstance(call, exp.Anonymous) or call.name.lower() != "read_files":
        return node
    path, *options = call.expressions or [None]
    if not isinstance(path, exp.Literal) or not all(
        isinstance(each, exp.Kwarg) for each in options
    ):
        return node
    values = {each.this.name.lower(): each.expression for each in options}
    kind = values["format"].name if "format" in values else os.path.splitext(path.name)[1][1:]
    reader = _READERS.get(kind.lower())
    if reader is None or not values.keys() <= {*_OPTIONS, *_IGNORED}:
        return node
    arguments: list[Tree] = [exp.Literal.string(_match_files(path.name))]
    if reader == "read_csv":
        values.setdefault("header", exp.true())  # as without a schema, which is not among _OPTIONS
        if not values.keys() & {"sep", "delimiter"}:  # which DuckDB would guess
            values["sep"] = exp.Literal.string(",")
        arguments += [
            exp.EQ(this=exp.to_identifier(_OPTIONS[name]), expression=value.copy())
            for name, value in values.items()
            if name in _OPTIONS
        ]
    node.set("this", exp.Anonymous(this=reader, expressions=arguments))
    return node


def _read_paths(node: exp.Table) -> Tree:
    """Read the files at a path that is the name of a table, as in ``json.`/Volumes/…```."""
    if not node.args.get("db") or "/" not in node.name:
        return node
    reader = _READERS.get(node.db.lower())
    if reader is None:
        return node
    path = exp.Literal.string(_match_files(node.name)).sql("duckdb")
    query = f"SELECT * FROM {reader}({path})"  # noqa: S608 (a text)
    if reader == "read_csv":  # Its columns are texts with the names _c0 and so on.
        query = (
            r"SELECT COLUMNS('column0*(\d+)') AS '_c\1' FROM "  # noqa: S608 (a text)
            f"read_csv({path}, delim = ',', header = false, all_varchar = true)"
        )
    alias = exp.TableAlias(this=exp.to_identifier(node.alias or "files"))
    return exp.Subquery(this=fill(query), alias=alias)


def _name_files(node: exp.Column) -> Tree:
    """Replace ``_metadata.file_path`` and ``_metadata.file_name`` by DuckDB's name of the file."""
    if node.table.lower() != "_metadata":
        return node
    select = node.find_ancestor(exp.Select)
    calls = select.find_all(exp.Anonymous) if select else ()
    if not any(call.name.lower() in ("read_files", *_READERS.values()) for call in calls):
        return node
    if node.name.lower() == "file_name":
        found = fill("parse_filename(filename)")
    elif node.name.lower() == "file_path":
        # The path of volumes on this machine takes the place of '/Volumes/'.
        address = "'dbfs:' || chr(47) || 'Volumes' || chr(47)"
        found = fill(f"replace(filename, '/Volumes/', {address})")
    else:
        return node
    is_result = isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
    return exp.alias_(found, node.name) if is_result else found


def _match_files(path: str) -> str:
    """Return a pattern for the files at a path, which is a folder if it has no extension."""
    is_pattern = bool(re.search(r"[*?\[{]", path))
    is_file = bool(os.path.splitext(path)[1])
    return path if is_pattern or is_file else path.rstrip("/") + "/**"


FILE_RULES: tuple[NodeRule, ...] = (
    NodeRule(_read_paths, exp.Table),
    NodeRule(_name_files, exp.Column),
    NodeRule(_read_streams_whole, exp.Stream),
    NodeRule(_read_files, exp.Table),
)
