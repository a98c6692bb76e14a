"""Rules for files and streams: DuckDB has functions of its own, which read all rows each time.

Pure. Each rule changes the tree that sqlglot has parsed.
"""

from __future__ import annotations

import os
import re

from sqlglot import exp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Tree = exp.Expr

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


def _read_streams_whole(node: Tree) -> Tree:
    """A stream is read from its beginning."""
    if isinstance(node, exp.Stream):
        source: Tree = node.this
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Table):
            table = source.this  # as in STREAM(t) AS s
            table.set("alias", source.args.get("alias"))
            return table
        return source
    if isinstance(node, exp.Create) and node.kind == "TABLE" and node.args.get("refresh"):
        node.set("refresh", False)
        node.set("replace", True)
    return node


def _read_files(node: Tree) -> Tree:
    """Replace ``read_files`` by the function of DuckDB for its format, if that has its options."""
    call = node.this if isinstance(node, exp.Table) else None
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
        values.setdefault("header", exp.false())
        arguments += [
            exp.EQ(this=exp.to_identifier(_OPTIONS[name]), expression=value.copy())
            for name, value in values.items()
            if name in _OPTIONS
        ]
    node.set("this", exp.Anonymous(this=reader, expressions=arguments))
    return node


def _match_files(path: str) -> str:
    """Return a pattern for the files at a path, which is a folder if it has no extension."""
    is_pattern = bool(re.search(r"[*?\[{]", path))
    is_file = bool(os.path.splitext(path)[1])
    return path if is_pattern or is_file else path.rstrip("/") + "/**"


FILE_RULES: tuple[Callable[[Tree], Tree | None], ...] = (_read_streams_whole, _read_files)
