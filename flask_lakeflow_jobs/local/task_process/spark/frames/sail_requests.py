"""Requests to Sail, in which frames and statements both end, as it has to read them.

Sail drops a sort if nothing needs its order, such as a file, the first row of a group, or a new
column. Spark keeps it there. A limit needs the order, so one above any number of rows keeps it.

Sail moves filters into the scan of a Delta table, which fails for functions of elements, such as
``exists``. It moves none below a limit, and none by a value that may be another one each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ...sql_syntax import LITERAL
from ..files.metadata_requests import read_file_metadata
from ..language.column_names import change_columns
from ..language.connect_plans import find_messages, list_messages, walk
from ..language.sql_corrections import NEVER, correct_results, try_casts
from ..language.sql_literals import escape_quotes
from ..language.sql_names import Prefix, lower_in_sql, lower_name, prefix_name
from .frame_calls import correct_frame_calls
from .frame_duplicates import read_below_duplicates
from .frame_elements import is_probe, name_frame_elements
from .frame_joins import expand_frame_stars, name_frame_keys
from .frame_texts import REFUSED, convert_frame_texts
from .frame_variants import REFUSED_VARIANT, read_frame_variants

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
_ALL_ROWS = 2**31 - 1
_LAMBDA = "->"
#: Types to which Sail has strict casts alone.
_STRICT = ("boolean", "decimal", "double", "float")
#: Sail reserves memory for all rows of a limit if it sorts groups directly below it.
_GROUPED = re.compile(r"\bGROUP\s+BY\b|\bDISTINCT\b", re.IGNORECASE)
_SORTED = re.compile(r"\b(?:ORDER|SORT)\s+BY\b", re.IGNORECASE)
#: Messages below which Sail keeps a sort, or the text is not only a query, or that sort again.
_DONE = ("Limit", "Plan", "Sort", "SqlCommand", "Tail", "WithRelations")


class RequestStub:
    """Changes the requests of a client."""

    def __init__(self, stub: Any, session: Any, see: Callable[[Any], None], prefix: Prefix) -> None:
        self._stub = stub
        self._session = session
        self._see = see
        self._prefix = prefix
        self._is_lenient = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._stub, name)
        if name not in _CHANGED:
            return method

        def call(request: Any, *arguments: Any, **named: Any) -> Any:
            self._see(request)
            if request.DESCRIPTOR.name == "ConfigRequest":
                self._see_settings(request.operation.set.pairs)
            correct_frame_calls(request)
            correct_texts(request, self._prefix, is_lenient=self._is_lenient)
            name_frame_elements(request, self._session, is_lenient=self._is_lenient)
            read_file_metadata(request, self._session)
            expand_frame_stars(request, self._session)
            name_frame_keys(request, self._session)
            keep_order(request)
            hold_frame_filters(request)
            send = partial(method, request, *arguments, **named)
            if name == "Config" or is_probe.get():
                return send()
            again = partial(self._change, request)
            return _stream(send, again) if name == "ExecutePlan" else _call(send, again)

        return call

    def _change(self, request: Any, error: Exception) -> bool:
        """Change what Sail has refused in a request; return whether it may take it now."""
        if REFUSED.search(str(error)):
            before = request.SerializeToString(deterministic=True)
            convert_frame_texts(request, self._session, is_lenient=self._is_lenient)
            if request.SerializeToString(deterministic=True) != before:
                return True
        if REFUSED_VARIANT.search(str(error)):
            read_frame_variants(request, self._session)
            return True
        return read_below_duplicates(request, self._session, error)

    def _see_settings(self, pairs: Any) -> None:
        for pair in pairs:
            if pair.key == "spark.sql.ansi.enabled":
                self._is_lenient = pair.value.lower() == "false"


def _call(send: Callable[[], Any], change: Callable[[Exception], bool]) -> Any:
    try:
        return send()
    except Exception as error:
        if not change(error):
            raise
    return send()


def _stream(send: Callable[[], Any], change: Callable[[Exception], bool]) -> Iterator[Any]:
    try:
        yield from send()
        return
    except Exception as error:  # before the first response
        if not change(error):
            raise
    yield from send()


def correct_texts(request: Any, prefix: Prefix, *, is_lenient: bool) -> None:
    """Change the names and the SQL in a request.

    :param is_lenient: whether a value that is not of a type is NULL in a cast to it.
    """
    for message in walk(request):
        kind = message.DESCRIPTOR
        if kind.name == "ExpressionString":
            expression = correct_expression(message.expression, prefix)
            message.expression = try_casts(expression) if is_lenient else expression
        elif kind.name == "Cast" and is_lenient and not message.eval_mode:
            if message.type_str.startswith(_STRICT) or message.type.WhichOneof("kind") in _STRICT:
                message.eval_mode = message.EVAL_MODE_TRY
        elif kind.name in _STATEMENT_FIELDS:
            field = _STATEMENT_FIELDS[kind.name]
            statement = lower_in_sql(getattr(message, field), prefix)
            statement = change_columns(statement, correct_results)
            setattr(message, field, try_casts(statement) if is_lenient else statement)
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
    return correct_results(statement.removeprefix("SELECT "))


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
        setattr(message, field, prefix_name(name, prefix, parts) if parts else name)


def keep_order(request: Any) -> None:
    """Let rows keep the order in which they are sorted, and filters of them their place."""
    for message in walk(request):
        if message.DESCRIPTOR.name in _DONE:
            continue
        for rows in list_messages(message):
            if rows.DESCRIPTOR.name == "Relation" and _needs_limit(rows):
                if rows.WhichOneof("rel_type") == "sort":
                    _limit(rows.sort.input)  # see _GROUPED
                _limit(rows)


def _limit(rows: Any) -> None:
    limited = type(rows)(common=rows.common)
    limited.limit.input.CopyFrom(rows)
    limited.limit.limit = _ALL_ROWS
    rows.CopyFrom(limited)


def _needs_limit(rows: Any) -> bool:
    kind = rows.WhichOneof("rel_type")
    if kind in ("project", "with_columns"):
        return _has_lambda(getattr(rows, kind))
    return _is_sorted(rows) or (kind == "sql" and _LAMBDA in rows.sql.query)


def _has_lambda(message: Any) -> bool:
    """Return whether a message calls a function of elements, as ``initcap`` does here."""
    kind = message.DESCRIPTOR.name
    if kind == "LambdaFunction" or (kind == "ExpressionString" and _LAMBDA in message.expression):
        return True
    return any(
        _has_lambda(each) for each in list_messages(message) if each.DESCRIPTOR.name != "Relation"
    )


def hold_frame_filters(request: Any) -> None:
    """Let no filter by a function of elements move into the scan of a table."""
    for rows in find_messages(request, "Filter"):
        if _has_lambda(rows) and not _is_held(rows.condition):
            either = type(rows.condition)()
            either.unresolved_function.function_name = "or"
            either.unresolved_function.arguments.add().CopyFrom(rows.condition)
            either.unresolved_function.arguments.add().expression_string.expression = NEVER
            rows.condition.CopyFrom(either)


def _is_held(condition: Any) -> bool:
    arguments = condition.unresolved_function.arguments
    return len(arguments) == 2 and arguments[1].expression_string.expression == NEVER


def _is_sorted(rows: Any) -> bool:
    kind = rows.WhichOneof("rel_type")
    if kind != "sql":
        return bool(kind == "sort")
    query = rows.sql.query
    return _SORTED.search(query) is not None and _GROUPED.search(query) is None
