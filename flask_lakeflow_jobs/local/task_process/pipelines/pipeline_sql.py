"""Definitions of pipelines in the SQL of Databricks, as Spark takes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..function_calls import FunctionCall, find_argument_end, read_arguments, replace_calls
from ..sql_statements import remove_comments, split_statements
from ..sql_syntax import NAME, NAME_PART, TEXT, match_syntax
from .expectations import fail_unless

_UNCHANGED = rf"(?P<unchanged>{TEXT})"
_CREATE = r"CREATE\s+(?:OR\s+(?:REFRESH|REPLACE)\s+)?(?:(?:PRIVATE|TEMPORARY)\s+)?"
# From the longest to the shortest.
_FORMS = {
    _CREATE + r"STREAMING\s+(?:LIVE\s+)?TABLE": "CREATE STREAMING TABLE",
    _CREATE + r"(?:STREAMING\s+)?LIVE\s+VIEW": "CREATE TEMPORARY VIEW",
    _CREATE + r"(?:LIVE\s+TABLE|MATERIALIZED\s+VIEW)": "CREATE MATERIALIZED VIEW",
    r"CLUSTER\s+BY\s*(?:\bAUTO\b|\([^()]*\))": "",  # Spark refuses it in SQL
    r"\bUSING\s+DELTA\b": "",  # the one format of Databricks, which Spark lacks here
    r"\bLIVE\.": "",
}
_CONSTRAINT = re.compile(
    _UNCHANGED + rf"|\bCONSTRAINT\s+(?P<name>{NAME_PART})\s+"
    r"(?:(?P<key>(?:PRIMARY|FOREIGN)\s+KEY)|EXPECT)\s*(?=\()",
    re.IGNORECASE | re.DOTALL,
)
_KEY_OF_COLUMN = re.compile(_UNCHANGED + r"|\bPRIMARY\s+KEY\b(?!\s*\()", re.IGNORECASE | re.DOTALL)
_TABLE = re.compile(
    _UNCHANGED
    + r"|\bCREATE\s+(?:STREAMING\s+TABLE|MATERIALIZED\s+VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    + rf"(?P<name>{NAME})",
    re.IGNORECASE | re.DOTALL,
)
_OF_TABLE = re.compile(
    _UNCHANGED + r"|\b(?:FROM|INTO|JOIN|STREAM|TABLE|VIEW)\b[\s(]*(?:IF\s+NOT\s+EXISTS\s+)?"
    r"`?(?P<catalog>[\w-]+)`?(?:\.(?:`[^`]+`|\w+)){2}(?![\w`.])",
    re.IGNORECASE | re.DOTALL,
)
_QUOTES = "'\""
_VIEW = "CREATE [OR REPLACE] [TEMPORARY] VIEW [IF NOT EXISTS] <name>"
_INSERT = "CREATE FLOW <flow> [COMMENT <text>] AS INSERT INTO <name> [BY NAME]"
_VIOLATION = re.compile(r"\s*ON\s+VIOLATION\s+(DROP|FAIL)\s+(?:ROW|UPDATE)", re.IGNORECASE)
_LITERAL = re.compile(r"\s*(?:(['\"])(.*)\1|(\w+))\s*", re.DOTALL)
_SETTING = re.compile(r"\$\{([^{}]+)\}")


def to_spark(text: str, catalogs: Iterable[str]) -> tuple[str, list[str]]:
    """Translate definitions, and blank their comments; lines keep their numbers.

    :param catalogs: names of catalogs, which are dropped: Spark has one catalog here.
    :return: the translation, and the names of expectations that are lost in it.
    """
    statements, lost = [], []
    for statement in split_statements(remove_comments(text)):
        statement, expectations = _take_constraints(statement)
        filtered = _filter(statement, [each[1] for each in expectations if each[1]])
        statements.append(filtered or statement)
        lost += [name for name, condition in expectations if not (filtered and condition)]
    written = _replace_forms(";".join(statements))
    written = replace_calls(written, ["cloud_files"], _write_read_files)
    return drop_catalogs(written, catalogs), lost


def _write_read_files(call: FunctionCall) -> str | None:
    """Write ``cloud_files(path, format, map(…))`` as ``read_files``, which has more options."""
    if len(call.arguments) < 2:
        return None
    path, file_format, *more = call.arguments
    start = re.match(r"map\s*\(", more[0], re.IGNORECASE) if more else None
    pairs = read_arguments(more[0], start.end()) if start else None
    settings = pairs[0] if pairs else []
    options = [
        f"{name.strip(_QUOTES).removeprefix('cloudFiles.')} => {value}"
        for name, value in zip(settings[::2], settings[1::2], strict=False)
    ]
    arguments = ", ".join([path, f"format => {file_format}", *options])
    stream = "" if call.is_stream else "STREAM "
    lines = call.text.count("\n", len(call.before), call.end) - arguments.count("\n")
    return f"{stream}read_files({arguments}{chr(10) * lines})"


def drop_catalogs(text: str, catalogs: Iterable[str]) -> str:
    """Drop the catalog from each name of three parts in SQL.

    :param catalogs: those that are known. The first part of a table's name is one too.
    """
    known = {*catalogs, *(match["catalog"] for match in _OF_TABLE.finditer(text))} - {None}
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    dot = r"\s*\.\s*"  # Sail keeps the texts of views with spaces
    pattern = rf"{_UNCHANGED}|(?<![\w.`])`?(?:{names})`?{dot}(?=(?:`[^`]+`|\w+){dot}[`\w])"
    flags = re.DOTALL | re.IGNORECASE
    return re.sub(pattern, lambda match: match["unchanged"] or "", text, flags=flags)


def insert_configuration(text: str, configuration: Mapping[str, str]) -> str:
    """Replace ``${name}`` by the pipeline's setting of this name, also in names and texts."""
    return _SETTING.sub(lambda each: configuration.get(each[1], each[0]), text)


def read_literal(text: str) -> str:
    """Return the value of a literal of SQL.

    :raises ValueError: it is another expression.
    """
    if (match := _LITERAL.fullmatch(text)) is None:
        raise ValueError(
            f"Write a text in place of {text.strip()}, or read the files in Python: the local "
            "workspace takes only texts in read_files of a pipeline."
        )
    return match[2] if match[1] else match[3].lower()


def drop_keys(columns: str) -> str:
    """Leave the keys out of the columns of a table: Spark has none, and Databricks checks none."""
    return _take_constraints(remove_comments(columns))[0]


def find_tables(text: str) -> list[str]:
    """Return the names of the tables that a translated text defines."""
    return [match["name"] for match in _TABLE.finditer(text) if match["name"]]


def find_defined(text: str) -> tuple[list[str], bool]:
    """Return the names that a translated statement defines or writes to, and if it is a view."""
    if match := match_syntax(_VIEW, text):
        return [match["name"]], True
    if match := match_syntax(_INSERT, text):
        return [match["name"]], False
    return find_tables(text), False


def find_query(text: str) -> re.Match[str] | None:
    """Return the ``AS`` before the query by which a statement defines a table."""
    return re.search(r"\bAS\b", blank_nested(text), re.IGNORECASE)


def read_insert(text: str) -> tuple[str, str, str] | None:
    """Return the name, the target and the query of a flow that appends rows to a table."""
    if (match := match_syntax(_INSERT, text)) is None:
        return None
    return match["flow"], match["name"], text[match.end() :]


def read_setting(text: str) -> str | None:
    """Return a statement that others after it depend on."""
    return text if match_syntax("(SET | USE)", text) else None


def blank_nested(text: str) -> str:
    """Replace texts and what is in parentheses by spaces; positions stay."""
    pieces, depth, start = [], 0, 0
    for token in re.finditer(_UNCHANGED + r"|[()]", text, re.DOTALL):
        if not depth:
            pieces.append(text[start : token.start()])
            start = token.start()
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            pieces.append(" " * (token.end() - start))
            start = token.end()
    return "".join([*pieces, " " * (len(text) - start) if depth else text[start:]])


def _replace_forms(text: str) -> str:
    pattern = "|".join(f"(?P<f{number}>{form})" for number, form in enumerate(_FORMS))

    def replacement(match: re.Match[str]) -> str:
        if match["unchanged"]:
            return match[0]
        form = list(_FORMS.values())[int((match.lastgroup or "f0")[1:])]
        return form + "\n" * match[0].count("\n")

    flags = re.DOTALL | re.IGNORECASE
    return re.sub(f"{_UNCHANGED}|{pattern}", replacement, text, flags=flags)


def _take_constraints(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Take the expectations and the keys out of a statement.

    :return: the rest, and the name of each with the condition that rows meet; empty for one that
        only counts rows.
    """
    expectations: list[tuple[str, str]] = []
    text, start = _KEY_OF_COLUMN.sub(lambda each: each["unchanged"] or "", text), 0
    while (match := _CONSTRAINT.search(text, start)) is not None:
        if not match["name"]:
            start = match.end()
            continue
        found = read_arguments(text, match.end() + 1)
        end = found[1] if found else len(text)
        name, condition = match["name"].strip("`"), text[match.end() : end]
        violation = _VIOLATION.match(text, end)
        if match["key"]:
            end = find_argument_end(text, end) or len(text)
        else:
            expectations.append((name, _write_condition(name, condition, violation)))
            end = violation.end() if violation else end
        before, after = text[: match.start()], text[end:]
        lines = "\n" * text[match.start() : end].count("\n")
        if re.match(r"\s*,", after):
            after = re.sub(r"^(\s*),", r"\1", after)
        elif re.search(r",\s*$", before):
            before = re.sub(r",(\s*)$", r"\1", before)
        elif re.search(r"\(\s*$", before) and re.match(r"\s*\)", after):
            before = re.sub(r"\((\s*)$", r"\1", before)
            after = re.sub(r"^(\s*)\)", r"\1", after)
        text, start = before + lines + after, len(before)
    return text, expectations


def _write_condition(name: str, condition: str, violation: re.Match[str] | None) -> str:
    if violation is None:
        return ""
    condition = condition.replace("\n", " ")
    return condition if violation[1].upper() == "DROP" else fail_unless(name, condition)


def _filter(statement: str, conditions: list[str]) -> str | None:
    """Return a definition whose query has the rows that meet conditions; none without a query."""
    found = find_query(statement)
    start, end = found.end() if found else 0, len(statement.rstrip())
    if found is None or start == end or not conditions:
        return None
    query = statement[start:end]
    where = " AND ".join(f"({each})" for each in conditions)
    filtered = f"SELECT * FROM ({query}) WHERE {where}"  # noqa: S608 (the user's own query)
    return f"{statement[:start]} {filtered}{statement[end:]}"
