"""Requests to Sail, in which frames and statements both end, as it has to read them.

Sail tells upper and lower case apart in names of tables, views, schemas and catalogs. So all
requests write them in lower case. Databricks, documentation of names: Unity Catalog stores them so,
and they are not sensitive to case.

A name of two parts is one of the current catalog. Sail takes its schema for a catalog if there is
one of this name, so that the current catalog is written before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..sql_statements import LITERAL
from ..sql_syntax import NAME_PART, match_syntax
from .connect_plans import walk
from .file_metadata import read_file_metadata
from .frame_joins import expand_stars, name_keys
from .row_order import keep_order
from .sql_corrections import correct_results
from .sql_text import escape_quotes
from .whole_decimals import write_whole_decimals

#: Returns what to write before the name of a schema.
Prefix = Callable[[str], str]

_CHANGED = ("AnalyzePlan", "Config", "ExecutePlan")
#: The fields with names, by the types of messages, and the parts of these below a catalog; 0 for
#: names that no catalog has.
_NAME_FIELDS = {
    "CreateDataFrameViewCommand": ("name", 0),
    "NamedTable": ("unparsed_identifier", 2),
    "SaveTable": ("table_name", 2),
    "SubqueryAlias": ("alias", 0),
    "UnresolvedStar": ("unparsed_target", 0),
    "WriteOperationV2": ("table_name", 2),
}
#: The same of requests to the catalog, whatever their type.
_CATALOG_FIELDS = {"catalog_name": 0, "db_name": 1, "pattern": 0, "table_name": 2, "view_name": 2}
#: The fields with statements.
_STATEMENT_FIELDS = {"SQL": "query", "SqlCommand": "sql"}
_ALL_COLUMNS = re.compile(r"[\s\w.`]+\.\s*\*\s*")

# A value in a text of JSON, such as tags:page.name. A type such as STRUCT<a: INT> looks alike.
_PATH = re.compile(
    rf"{LITERAL}|(?<![\w:`])(?P<column>(?:`[^`]+`|[^\W\d]\w*)(?:\.(?:`[^`]+`|\w+))*):"
    r"(?P<path>(?:(?P<key>[^\W\d]\w*)|\['[^']*'\])(?:\.(?P<last>[^\W\d]\w*)|\['[^']*'\]|\[\d+\])*)",
    re.DOTALL,
)
_TYPE = re.compile(r"\bstruct\s*<", re.IGNORECASE)
_PART = re.compile(NAME_PART)
_NAME = rf"{NAME_PART}(?:\s*\.\s*{NAME_PART})*"
_LIST = rf"\s*{NAME_PART}(?:\s*,\s*{NAME_PART})*\s*"
_STAR = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})\s*\.\s*\*", re.DOTALL)
_WORD = re.compile(rf"{LITERAL}|(?P<name>{NAME_PART})", re.DOTALL)
# What may stand in the parentheses of a call: calls in calls.
_NESTED = r"[^()]|\((?:[^()]|\([^()]*\))*\)"
_OF_QUERY = "FROM|JOIN|STREAM|TABLE"
_OF_COMMAND = (
    r"CATALOG|CLONE|DATABASE|DESC|DESCRIBE|DETAIL|EXTENDED|FORMATTED|FROM|HISTORY|INTO|JOIN|LIKE"
    r"|OVERWRITE|RENAME\s+TO|RESTORE|SCHEMA|STREAM|TABLE|UPDATE|USE|USING|VIEW"
)


def _build_pattern(words: str) -> re.Pattern[str]:
    """Return a pattern of the places where SQL names tables: after words, and before AS (…)."""
    before = rf"(?<![\w.:$-])(?:(?:{words})\s+)+"
    return re.compile(
        rf"{LITERAL}|`[^`]*`|\bDISTINCT\s+FROM\b"
        rf"|(?P<columns>\b(?:INTO|OVERWRITE)\s+(?:TABLE\s+)?{_NAME}\s*\({_LIST}\))"
        rf"|(?P<call>{before}IDENTIFIER\s*\()(?P<inner>(?:{_NESTED})*)\)"
        rf"|(?P<names>{before}(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{_NAME}"
        rf"(?:(?:\s+(?:AS\s+)?{NAME_PART})?\s*,\s*{_NAME})*"
        rf"|(?:\bWITH\s+|,\s*){NAME_PART}(?=\s*(?:\([^()]*\)\s*)?\bAS\s*\())",
        re.IGNORECASE | re.DOTALL,
    )


_IN_QUERY, _IN_COMMAND = map(_build_pattern, (_OF_QUERY, _OF_COMMAND))
_TABLE = re.compile(_NAME)
# USE takes the name for one of the current catalog.
_OF_SCHEMA = re.compile(
    rf"(?!use\b).*\b(?:schema|database)\s+(?:if\s+(?:not\s+)?exists\s+)?(?P<name>{_NAME})$",
    re.DOTALL,
)
# As in extract(YEAR FROM …), where a column follows.
_FUNCTION = re.compile(r"\(\s*\w+\s+$")
_QUERY = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|FROM)\b", re.IGNORECASE)


class RequestStub:
    """Changes the requests of a client.

    :param stub: of the client.
    :param session: to which the client belongs.
    :param see: is called with each request.
    :param prefix: see :func:`lower_in_sql`.
    """

    def __init__(self, stub: Any, session: Any, see: Callable[[Any], None], prefix: Prefix) -> None:
        self._stub = stub
        self._session = session
        self._see = see
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stub, name)
        if name not in _CHANGED:
            return method

        def call(request: Any, *arguments: Any, **named: Any) -> Any:
            self._see(request)
            correct_texts(request, self._prefix)
            read_file_metadata(request, self._session)
            expand_stars(request, self._session)
            name_keys(request, self._session)
            keep_order(request)
            return method(request, *arguments, **named)

        return call


def correct_texts(request: Any, prefix: Prefix) -> None:
    """Change the names and the SQL in a request.

    :param prefix: see :func:`lower_in_sql`.
    """
    for message in walk(request):
        kind = message.DESCRIPTOR
        if kind.name == "ExpressionString":
            message.expression = correct_expression(message.expression, prefix)
        elif kind.name in _STATEMENT_FIELDS:
            field = _STATEMENT_FIELDS[kind.name]
            statement = lower_in_sql(getattr(message, field), prefix)
            setattr(message, field, correct_results(write_whole_decimals(statement)))
        elif kind.file.name.endswith("/catalog.proto"):
            is_use = kind.name == "SetCurrentDatabase"  # of the current catalog
            for field, parts in _CATALOG_FIELDS.items():
                _correct(message, field, prefix, 0 if is_use else parts)
        elif kind.name in _NAME_FIELDS:
            field, parts = _NAME_FIELDS[kind.name]
            _correct(message, field, prefix, parts)


def correct_expression(expression: str, prefix: Prefix) -> str:
    """Return the SQL of a column with quotes and calls as Sail reads them, and names of tables."""
    if _ALL_COLUMNS.fullmatch(expression):
        return expression.lower()
    expression = _read_paths(escape_quotes(expression))
    statement = lower_in_sql(f"SELECT {expression}", prefix)
    return correct_results(write_whole_decimals(statement.removeprefix("SELECT ")))


def _read_paths(expression: str) -> str:
    """Read values in texts of JSON by a function. A value that is selected alone gets a name."""
    if _TYPE.search(expression):
        return expression

    def replace(match: re.Match[str]) -> str:
        if (path := match["path"]) is None:
            return match[0]
        dot = "." if match["key"] else ""
        return f'get_json_object({match["column"]}, "${dot}{path}")'

    read = _PATH.sub(replace, expression)
    whole = _PATH.match(expression.strip())
    is_alone = whole and re.fullmatch(r"(::\w+)?", expression.strip()[whole.end() :])
    name = (whole["last"] or whole["key"]) if whole and is_alone else None
    return f"{read} AS `{name}`" if name else read


def _correct(message: Any, field: str, prefix: Prefix, parts: int) -> None:
    if field in message.DESCRIPTOR.fields_by_name and (name := getattr(message, field)):
        name = lower_name(name)
        setattr(message, field, qualify(name, prefix, parts) if parts else name)


def lower_in_sql(statement: str, prefix: Prefix = lambda _: "") -> str:
    """Return a statement with the names of tables in lower case.

    :param prefix: of tables whose name has two parts, and of schemas.
    """
    if match_syntax("SHOW", statement):
        statement = statement.lower()
        if (match := match_syntax("SHOW (TABLES | VIEWS) (FROM | IN) <name>", statement)) is None:
            return statement
        start, end = match.span("name")
        return statement[:start] + qualify(match["name"], prefix, 1) + statement[end:]

    def replace(match: re.Match[str]) -> str:
        if match["call"]:
            return f"{match['call']}lower({match['inner']}))"
        is_named = match["names"] or match["columns"]  # Sail finds capital letters in neither
        if not is_named:
            return match[0]
        name = lower_name(match[0])
        is_column = _FUNCTION.search(match.string, 0, match.start()) is not None
        return name if is_column else _qualify_all(name, prefix)

    pattern = _IN_QUERY if _QUERY.match(statement) else _IN_COMMAND
    return _unite_stars(pattern.sub(replace, statement))


def lower_name(name: str) -> str:
    """Return a name in lower case, except for paths in it, as in ``delta.`/Volumes/A```."""
    return _PART.sub(lambda part: part[0] if "/" in part[0] else part[0].lower(), name)


def qualify(name: str, prefix: Prefix, parts: int = 2) -> str:
    """Write a prefix before a name.

    :param parts: those that the name has without its catalog: 1 for schemas.
    """
    schema, *others = _PART.findall(name)
    return prefix(schema.strip("`")) + name if len(others) == parts - 1 else name


def _qualify_all(text: str, prefix: Prefix) -> str:
    if match := _OF_SCHEMA.match(text):
        return text[: match.start("name")] + qualify(match["name"], prefix, 1)
    return _TABLE.sub(lambda table: qualify(table[0], prefix), text)


def _unite_stars(statement: str) -> str:
    """Write a table in one way if ``Name.*`` has its columns: else, Sail finds none of them."""
    stars = {match["name"].lower() for match in _STAR.finditer(statement) if match["name"]}
    if not stars:
        return statement
    words = {match["name"] for match in _WORD.finditer(statement) if match["name"]}
    several = {name for name in stars if sum(word.lower() == name for word in words) > 1}

    def replace(match: re.Match[str]) -> str:
        is_one = match["name"] is not None and match["name"].lower() in several
        return match[0].lower() if is_one else match[0]

    return _WORD.sub(replace, statement)
