"""Advice on what DuckDB lacks of the SQL of Databricks: what to write or to install instead."""

from __future__ import annotations

import re

from ..sql_statements import NO_METRICS, SIMULATE, remove_comments

_SPARK = "run it with Spark: pip install 'flask-lakeflow-jobs[spark]'"
_PIPELINE = f"Write CREATE TABLE for a local run, or {SIMULATE}"
# Patterns in statements that DuckDB does not parse, the more special ones first.
_ADVICE = {
    r"\bSTREAMING\s+(LIVE\s+)?TABLE\b": f"DuckDB has no streaming tables. {_PIPELINE}.",
    r"\bLIVE\s+(TABLE|VIEW)\b": f"DuckDB has no live tables. {_PIPELINE}.",
    r"\bSTREAM\s*\(|\bSTREAM\s+read_files\b": (
        "DuckDB has no streams. Read the table without STREAM."
    ),
    r"\bread_files\s*\(": "DuckDB has no read_files. Use read_csv, read_json or read_parquet.",
    r"\bWITH\s+METRICS\b": NO_METRICS.format("DuckDB"),
    r"\bDESC(RIBE)?\s+HISTORY\b|\b(VERSION|TIMESTAMP)\s+AS\s+OF\b|\bRESTORE\s+TABLE\b": (
        f"DuckDB keeps no history of tables. Read the table as it is, or {_SPARK}."
    ),
    r"\bROW\s+FILTER\b|\bSET\s+MASK\b": (
        "DuckDB has no row filters and no masks. Remove this statement for a local run."
    ),
    r"^\s*COPY\s+INTO\b": f"DuckDB has no COPY INTO. Use INSERT INTO … SELECT, or {_SPARK}.",
    r"^\s*ALTER\b.*\bSET\s+LOCATION\b": (
        "DuckDB keeps the rows of tables in files of its own. Remove SET LOCATION for a local run."
    ),
    r"^\s*ALTER\b.*\bDROP\s+CONSTRAINT\b": (
        "DuckDB drops no CHECK of a table. Create the table again without it: CREATE OR REPLACE "
        "TABLE … AS SELECT."
    ),
    r"^\s*DESC(RIBE)?\s+DETAIL\b|^\s*SHOW\s+(COLUMNS|CREATE|PARTITIONS|TBLPROPERTIES)\b": (
        "DuckDB shows no files, properties and partitions of tables. Use DESCRIBE TABLE EXTENDED, "
        f"or {_SPARK}."
    ),
    r"^\s*SHOW\s+GRANTS?\b": (
        "The local workspace has no permissions. Remove this statement for a local run."
    ),
    r"^\s*(BEGIN|CALL)\b|\b(CREATE|DROP)\s+(OR\s+\w+\s+)?PROCEDURE\b": (
        "DuckDB runs no scripts in SQL. Write their statements one after the other, or their steps "
        "in Python."
    ),
    r"\bLANGUAGE\s+PYTHON\b": f"DuckDB has no functions in Python. Write it in SQL, or {_SPARK}.",
    r"\bUSING\s+(CSV|JSON|PARQUET|TEXT|AVRO|ORC)\b": (
        "DuckDB keeps no tables of files. Use CREATE VIEW … AS SELECT * FROM read_files('…')."
    ),
    r"^\s*UNDROP\b": "DuckDB keeps no dropped tables. Create the table again.",
    r"\b(CREATE|ALTER|DROP)\s+(OR\s+\w+\s+)?(CATALOG|CONNECTION|SHARE|RECIPIENT|VOLUME)\b": (
        "DuckDB has schemas and tables only. Remove this statement for a local run."
    ),
}
_MAX_LENGTH = 200
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")


class UnsupportedStatement(ValueError):
    """A statement that DuckDB does not run. Its message is one line."""

    __module__ = "builtins"  # an error begins with its name, without the module

    def __init__(self, statement: str, error: Exception) -> None:
        text = " ".join(remove_comments(statement).split())
        if len(text) > _MAX_LENGTH:
            text = text[:_MAX_LENGTH] + " …"
        problem = str(error).partition("\n")[0].rstrip(".!")
        super().__init__(f"{find_sql_advice(statement, problem)} The statement: {text} ({problem})")


def find_sql_advice(statement: str, problem: str = "") -> str:
    """Return what to do about a statement that DuckDB does not run.

    :param problem: the error of DuckDB.
    """
    function = _FUNCTION.search(problem)
    unknown = f"has no function {function[1]}" if function else "does not know this SQL"
    return next(
        (
            advice
            for pattern, advice in _ADVICE.items()
            if re.search(pattern, statement, re.IGNORECASE)
        ),
        f"DuckDB {unknown}. Write it as DuckDB has it, or {_SPARK}.",
    )
