"""Statements that have a syntax, however they are written."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.sql_syntax import match_syntax, replace_syntax

CREATE = "CREATE [OR REPLACE] TABLE [IF NOT EXISTS] <name> [USING DELTA] $"
CLONE = "CREATE [OR REPLACE] TABLE [IF NOT EXISTS] <name> [DEEP | SHALLOW] CLONE <source>"
VOLUME = "CREATE [EXTERNAL] VOLUME [IF NOT EXISTS] <name>"
METRICS = "CREATE [OR REPLACE] VIEW … WITH METRICS"
USE = "USE [SCHEMA | DATABASE] <name> $"


@pytest.mark.parametrize(
    ("syntax", "statement", "groups"),
    [
        (CREATE, "CREATE TABLE t", {"name": "t"}),
        (
            CREATE,
            "\n create\n\tTable if not exists dev . `my table` using DELTA ;\n",
            {"name": "dev . `my table`"},
        ),
        (CREATE, "CREATE TABLE`a.b`.`c``d`", {"name": "`a.b`.`c``d`"}),
        (CREATE, "CREATE TABLE dev-1.my-schema.t", {"name": "dev-1.my-schema.t"}),
        (CREATE, "CREATE TABLE t (a INT)", None),
        (CREATE, "CREATE TABLE t; SELECT 1", None),
        (CREATE, "CREATE TABLE if", {"name": "if"}),
        (CREATE, "CREATE TABLES t", None),
        (CREATE, "CREATETABLE t", None),
        (CLONE, "CREATE TABLE a DEEP CLONE `b c`.d", {"name": "a", "source": "`b c`.d"}),
        (CLONE, "CREATE TABLE deep CLONE clone", {"name": "deep", "source": "clone"}),
        (CLONE, "CREATE TABLE a AS SELECT 'CLONE b'", None),
        (VOLUME, "CREATE VOLUME IF NOT EXISTS", None),
        (VOLUME, "CREATE VOLUME ../outside", None),
        (VOLUME, "CREATE VOLUME a/b", None),
        (METRICS, "CREATE VIEW `my``view` (a) WITH METRICS AS $$it's$$", {}),
        (METRICS, r"CREATE VIEW v COMMENT 'it\'s with metrics' AS SELECT 1", None),
        (METRICS, 'CREATE VIEW v AS SELECT "WITH METRICS", `with metrics`', None),
        (METRICS, "CREATE VIEW v COMMENT 'without an end WITH METRICS", None),
        (USE, "USE schema", {"name": "schema"}),
        (USE, "USE schema.database", {"name": "schema.database"}),
        (USE, "USE SCHEMA schema", {"name": "schema"}),
        ("CALL \\( <text> \\)", 'call("it\\"s")', {"text": 'it\\"s'}),
        ("SET <name> = <rest> $", "SET a.b = 'c;d' ; ", {"name": "a.b", "rest": "'c;d'"}),
        (
            "DESC <query>",
            "DESC WITH c AS (SELECT 1)\nFROM c ;",
            {"query": "WITH c AS (SELECT 1)\nFROM c"},
        ),
        ("DESC <query>", "DESC (SELECT 1)", {"query": "(SELECT 1)"}),
        ("DESC <query>", "DESC selected", None),
    ],
)
def test_syntax_of_a_statement(syntax: str, statement: str, groups: dict[str, Any] | None) -> None:
    match = match_syntax(syntax, statement)
    found = match and {key: value for key, value in match.groupdict().items() if key != "quote"}
    assert found == groups


@pytest.mark.parametrize(
    ("statement", "replaced"),
    [
        ("SELECT * FROM STREAM t  WHERE b", "SELECT * FROM <t>  WHERE b"),
        ("SELECT * FROM stream\n a.`b c` , STREAM u", "SELECT * FROM <a.`b c`> , <u>"),
        ("SELECT 'STREAM t', \"STREAM t\", `STREAM t`, streams t",) * 2,
    ],
)
def test_parts_of_a_statement_are_replaced(statement: str, replaced: str) -> None:
    found = replace_syntax("STREAM <name>", statement, lambda each: f"<{each['name']}>")
    assert found == replaced
