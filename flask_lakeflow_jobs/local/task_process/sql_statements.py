"""SQL statements of a file or a cell. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .function_calls import find_arguments
from .sql_syntax import match_syntax

_BRACED = re.compile(r"\{\{\s*(?P<braced>[A-Za-z_]\w*)\s*\}\}")
# The parts of SQL that are translated. Texts, quoted names, comments and casts come first: colons,
# braces and semicolons in them mean nothing. Apache Spark, SqlBaseLexer.g4, has their rules.
_TOKENS = re.compile(
    r"\b[rR](?:'[^']*'|\"[^\"]*\")"
    r"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
    r"|(?<![\w:`)\]]):`(?P<quoted>[A-Za-z_]\w*)`"
    r"|`(?:[^`]|``)+`"
    r"|(?P<dollars>\$[A-Za-z]*\$).*?(?P=dollars)"
    r"|(?P<comment>--(?:\\\n|[^\n])*|/\*)|::"
    r"|(?<![\w:]):(?P<named>[A-Za-z_]\w*)"
    rf"|{_BRACED.pattern}"
    r"|(?P<mark>\?)"
    r"|(?P<identifier>\b(?i:IDENTIFIER)\s*\()"
    r"|(?P<end>;)",
    re.DOTALL,
)
# These change permissions, statistics, caches or the layout of files, and no result.
_SKIPPED = (
    "<what: ANALYZE | CACHE | CLEAR CACHE | DENY | FSCK | GRANT | MSCK | OPTIMIZE | REFRESH>",
    "<what: REORG | RESET | REVOKE | SET TAG | UNCACHE | UNSET TAG | VACUUM>",
    "ALTER … <what: OWNER TO | PREDICTIVE OPTIMIZATION | SET TAGS>",
    "ALTER … <what: UNSET TAGS | UNSET TBLPROPERTIES>",
)
_CACHED_VIEW = "CACHE [LAZY] TABLE … (AS | SELECT)"
_QUERY = re.compile(
    r"[\s(]*(SELECT|WITH|SHOW|DESCRIBE|DESC|EXPLAIN|VALUES|TABLE|FROM|LIST|PRAGMA|SUMMARIZE)\b",
    re.IGNORECASE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
SIMULATE = "simulate the job (its tag 'local_simulation')"
NO_SYSTEM_TABLES = (
    "The local workspace has no system tables. Read a table that an earlier task creates, or "
    f"{SIMULATE}."
)
NO_METRICS = f"{{}} has no metric views. Write a plain view for a local run, or {SIMULATE}."
NO_ENGINE = (
    "{} needs DuckDB or Spark here. Install one of them: "
    "pip install 'flask-lakeflow-jobs[sql]' or 'flask-lakeflow-jobs[spark]'."
)


def replace_tokens(text: str, replacement: Callable[[re.Match[str]], str]) -> str:
    """Replace the tokens of SQL, except for comments.

    :param replacement: returns the text in place of a token. Its groups ``named``, ``quoted``,
        ``braced``, ``mark`` and ``end`` name its kind; a text has none of them.
    """
    return _replace(text, lambda token, part: part if token["comment"] else replacement(token))


def _replace(text: str, write: Callable[[re.Match[str], str], str]) -> str:
    """Replace tokens by what a function returns, from their matches and their whole texts."""
    pieces, start = [], 0
    for token, end in _iter_tokens(text):
        pieces += [text[start : token.start()], write(token, text[token.start() : end])]
        start = end
    return "".join([*pieces, text[start:]])


def split_statements(text: str) -> list[str]:
    """Split a text at the semicolons that end statements; drop empty statements."""
    statements = []
    start = 0
    for token, end in _iter_tokens(text):
        if token["end"]:
            statements.append(text[start : token.start()])
            start = end
    return [each for each in (*statements, text[start:]) if remove_comments(each).strip()]


def remove_comments(statement: str) -> str:
    """Replace comments by spaces, as they part words, so that all else keeps its place."""
    return _replace(
        statement, lambda token, part: re.sub(r"\S", " ", part) if token["comment"] else part
    )


def is_query(statement: str) -> bool:
    """Return whether a statement returns rows to show."""
    return bool(_QUERY.match(remove_comments(statement)))


def find_skipped(statement: str) -> str | None:
    """Return the name of a statement that changes no result here, such as ``OPTIMIZE``."""
    bare = remove_comments(statement)
    for syntax in () if match_syntax(_CACHED_VIEW, bare) else _SKIPPED:
        if match := match_syntax(syntax, bare):
            return " ".join(match["what"].upper().split())
    return None


def describe_skipped(name: str) -> str:
    return f"{name} is skipped: it changes no result in the local workspace."


def replace_braces(text: str, parameters: Mapping[str, Any]) -> str:
    """Replace parameters such as ``{{name}}`` by ``:name``.

    In a name between backticks, they become their values. Source: the template ``default-sql`` of
    the Databricks CLI.
    """

    def replace(token: re.Match[str]) -> str:
        if token["braced"]:
            return f":{token['braced']}"
        return _BRACED.sub(insert, token[0]) if token[0].startswith("`") else token[0]

    def insert(braced: re.Match[str]) -> str:
        name = braced["braced"]
        return str(parameters[name]).replace("`", "``") if name in parameters else braced[0]

    return replace_tokens(text, replace)


def replace_identifiers(statement: str, evaluate: Callable[[str], Any]) -> str:
    """Replace each ``IDENTIFIER(…)`` by the name that the expression inside evaluates to."""
    pieces, start = [], 0
    for token, end in _iter_tokens(statement):
        is_outer = token["identifier"] is not None and token.start() >= start
        if is_outer and (found := find_arguments(statement, end)):
            close = found[-1][1]
            parts = str(evaluate(statement[end:close])).split(".")
            name = ".".join("`" + each.strip("`").replace("`", "``") + "`" for each in parts)
            pieces += [statement[start : token.start()], name]
            start = close + 1
    return "".join([*pieces, statement[start:]])


def matches_show_pattern(name: str, pattern: str | None) -> bool:
    """Return whether a name matches a pattern of ``SHOW``.

    ``*`` or ``%`` stands for any text, and ``|`` is between several patterns.
    """
    choices = (pattern or "*").lower().replace("%", "*").split("|")
    return any(fnmatch.fnmatchcase(name.lower(), each.strip()) for each in choices)


def _iter_tokens(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yield each token and its end. The match of a ``/*`` comment is only its beginning."""
    position = 0
    while (token := _TOKENS.search(text, position)) is not None:
        position = token.end()
        if token["comment"] == "/*":
            position = _find_comment_end(text, position)
        yield token, position


def _find_comment_end(text: str, position: int) -> int:
    """Return the end of a comment, which may have others in it."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)
