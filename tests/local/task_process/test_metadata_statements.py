"""Statements by which drivers list tables and columns."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.metadata_statements import replace_metadata_statement


@pytest.mark.parametrize(
    ("statement", "source"),
    [
        ("SHOW TABLES IN ALL CATALOGS", "FROM system.information_schema.tables WHERE true "),
        (
            "SHOW SCHEMAS IN ALL CATALOGS LIKE 'a'",
            "FROM system.information_schema.schemata WHERE lower(schema_name) LIKE lower('a') ",
        ),
        ("SHOW TABLES IN CATALOG dev", "FROM dev.information_schema.tables WHERE true "),
        (
            "SHOW TABLES IN CATALOG `a``b` SCHEMA LIKE 's' LIKE 't*'",
            (
                "FROM `a``b`.information_schema.tables WHERE lower(table_schema) LIKE lower('s') "
                "AND lower(table_name) LIKE lower('t%') "
            ),
        ),
        (
            "show columns in catalog dev schema like 's' table like 'it''s' like 'C%'",
            (
                "FROM dev.information_schema.columns) WHERE lower(table_schema) LIKE lower('s') "
                "AND lower(table_name) LIKE lower('it''s') AND lower(column_name) LIKE lower('C%') "
            ),
        ),
    ],
)
def test_list_of_a_driver_is_a_query(statement: str, source: str) -> None:
    assert source in replace_metadata_statement(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES IN dev.s",
        "SHOW COLUMNS IN t",
        "SHOW SCHEMAS IN dev",
        "SHOW TABLES IN CATALOG dev LIKE 'a' OR 1 = 1",
    ],
)
def test_other_statement_stays_as_it_is(statement: str) -> None:
    assert replace_metadata_statement(statement) == statement
