"""Runs SQL statements in DuckDB, as far as its language and Databricks' are the same."""

from __future__ import annotations

import re

from .catalogs import connect, in_own_catalog, make, quoted, use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils

# What may hold a colon or a brace that marks no parameter comes first: texts, quoted names,
# comments, casts.
_TOKENS = re.compile(
    r"(?P<clock>\b(?i:current_(?:date|timestamp)))\s*\(\s*\)"
    r"|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?<![\w:]):(?P<named>[A-Za-z_]\w*)"
    r"|\{\{\s*(?P<braced>[A-Za-z_]\w*)\s*\}\}",
    re.DOTALL,
)
# What a CREATE says of how Databricks stores a thing and describes it.
_DETAILS = re.compile(
    r"(?P<kept>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/)"
    r"|\b(?:MATERIALIZED\s+(?=VIEW\b)|USING\s+DELTA\b"
    r"|COMMENT\s+(?:'(?:[^']|'')*'|\"[^\"]*\")|TBLPROPERTIES\s*\([^()]*\)"
    r"|(?:CLUSTER|PARTITIONED)\s+BY\s*(?:AUTO\b|\([^()]*\)))",
    re.DOTALL | re.IGNORECASE,
)
_CREATE = re.compile(r"^\s*CREATE\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"\bIDENTIFIER\s*\(([^()]*)\)", re.IGNORECASE)
_USE = re.compile(r"^\s*USE\s+(?:(CATALOG|SCHEMA|DATABASE)\s+)?(.+?)\s*;?\s*$", re.IGNORECASE)
_MOST_ROWS = 1000  # that other tasks may refer to, as the documentation of dynamic values has it


class Answer:
    """What a statement has answered."""

    def __init__(self, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self.rows = rows

    def as_values(self) -> list[dict[str, Any]]:
        """The first rows, of what JSON can hold."""
        return [
            {name: _as_value(value) for name, value in zip(self.columns, row, strict=True)}
            for row in self.rows[:_MOST_ROWS]
        ]


def run_sql(payload: dict[str, Any], dbutils: DBUtils) -> list[dict[str, Any]]:
    """Run all statements of the file at ``path``; what the last one answers is printed.

    :return: its rows.
    """
    with open(payload["path"], encoding="utf-8-sig") as file:
        answer = run_statements(file.read(), payload["parameters"])
    print_answer(answer)
    return answer.as_values() if answer else []


def run_statements(text: str, parameters: dict[str, str]) -> Answer | None:
    """Run statements; what the last one answers, if that is anything."""
    database = connect()
    answer = None
    try:
        for statement in _split(to_duckdb(text)):
            answer = _run(database, _with_identifiers(database, statement, parameters), parameters)
    finally:
        database.close()
    return answer


def print_answer(answer: Answer | None) -> None:
    """Print a table, its columns parted by tabs."""
    if answer is not None:
        print(*answer.columns, sep="\t")
        for row in answer.rows:
            print(*row, sep="\t")


def to_duckdb(text: str) -> str:
    """The same statements with ``:name`` and ``{{name}}``, Databricks' marks of a parameter, as
    DuckDB's ``$name``, with quoted names in DuckDB's quotes, and with the time as DuckDB asks for
    it.
    """

    def replacement(token: re.Match[str]) -> str:
        if name := token["named"] or token["braced"]:
            return f"${name}"
        if token["clock"]:
            return token["clock"]
        return f'"{token["quoted"]}"' if token["quoted"] else token[0]

    return _TOKENS.sub(replacement, text)


def _split(text: str) -> list[str]:
    """The single statements of a text."""
    statements = []
    start = 0
    for token in re.finditer(_TOKENS.pattern + r"|(?P<end>;)", text, re.DOTALL):
        if token["end"]:
            statements.append(text[start : token.start()])
            start = token.end()
    return [each for each in (*statements, text[start:]) if _says_something(each)]


def _says_something(statement: str) -> bool:
    return bool(re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL).strip())


def _run(database: Any, statement: str, parameters: dict[str, str]) -> Answer | None:
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", "", statement, flags=re.DOTALL)
    if wanted := _USE.match(bare):
        use(
            database,
            is_catalog=(wanted[1] or "").upper() == "CATALOG",
            name=_text_of(database, wanted[2], parameters),
        )
        return None
    if _CREATE.match(bare):
        statement = _without_details(statement)
        if make(database, _without_details(bare)):
            return None
    result = _execute(database, in_own_catalog(statement), parameters)
    if not result.description:
        return None
    return Answer([column[0] for column in result.description], result.fetchall())


def _without_details(statement: str) -> str:
    return _DETAILS.sub(lambda match: match["kept"] or "", statement)


def _execute(database: Any, statement: str, parameters: dict[str, str]) -> Any:
    (extracted,) = database.extract_statements(statement)
    wanted = extracted.named_parameters
    if missing := wanted - parameters.keys():
        raise ValueError(f"The parameter {', '.join(sorted(missing))} has no value.")
    return database.execute(extracted, {name: parameters[name] for name in wanted})


def _with_identifiers(database: Any, statement: str, parameters: dict[str, str]) -> str:
    """``IDENTIFIER(…)`` replaced by the name that the text inside comes to."""

    def name(match: re.Match[str]) -> str:
        (text,) = _execute(database, f"SELECT {match[1]}", parameters).fetchone()
        return quoted(text)

    return _IDENTIFIER.sub(name, statement)


def _text_of(database: Any, name: str, parameters: dict[str, str]) -> str:
    """A name that may be a parameter: Databricks takes one after USE."""
    if not name.startswith(("$", "'")):
        return name.strip('"').replace('"."', ".")
    (text,) = _execute(database, f"SELECT {name}", parameters).fetchone()
    return str(text)


def _as_value(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
