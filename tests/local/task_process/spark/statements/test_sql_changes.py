"""Statements of Databricks that Sail refuses, as others that do the same."""

# ruff: noqa: E501  # lines of SQL
# ruff: noqa: S608  # nothing runs them

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.spark.statements.sql_changes import rewrite_statement
from flask_lakeflow_jobs.local.task_process.sql.databricks_sql import (
    DatabricksDialect,
    parse_one,
    write_sql,
)

SAME = "lakeflow_target.`{0}` IS NOT DISTINCT FROM lakeflow_source.`{0}`"


def rewrite(statement: str) -> str:
    tree = parse_one(statement, DatabricksDialect)
    return write_sql(rewrite_statement(tree, lambda _: {"id": "int", "name": "string"}))


@pytest.mark.parametrize(
    ("statement", "rewritten"),
    [
        ("CREATE TABLE a CLUSTER BY (id) AS SELECT 1", "CREATE TABLE a AS SELECT 1"),
        ("CREATE TABLE a (n INT) CLUSTER BY AUTO", "CREATE TABLE a (n INT)"),
        ("CREATE VIEW a CLUSTER BY AUTO AS SELECT 1", "CREATE VIEW a AS SELECT 1"),
        (
            "CREATE TABLE a (id INT PRIMARY KEY, b INT NOT NULL, CONSTRAINT k FOREIGN KEY (b) REFERENCES c (d)) CLUSTER BY (id) COMMENT 'x'",
            "CREATE TABLE a (id INT, b INT NOT NULL) COMMENT 'x'",
        ),
        (
            "CREATE TABLE a (id INT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', delta.enableRowTracking = true, 'quality' = 'gold')",
            "CREATE TABLE a (id INT) TBLPROPERTIES ('quality'='gold')",
        ),
        ("CREATE TEMPORARY VIEW a AS SELECT 1", "CREATE TEMPORARY VIEW a AS SELECT 1"),
        ("CREATE TABLE a LIKE b", "CREATE TABLE a AS SELECT * FROM b WHERE FALSE"),
        ("TRUNCATE TABLE a", "DELETE FROM a"),
        ("DELETE FROM a", "DELETE FROM a"),
        (
            "DELETE FROM a AS t WHERE t.day < current_date()",
            "MERGE INTO a AS t USING (SELECT 1) AS lakeflow_source ON t.day < CURRENT_DATE WHEN MATCHED THEN DELETE",
        ),
        (
            "DELETE FROM a WHERE id IN (SELECT id FROM b)",
            f"MERGE INTO a AS lakeflow_target USING (SELECT DISTINCT * FROM a WHERE id IN (SELECT id FROM b)) AS lakeflow_source ON {SAME.format('id')} AND {SAME.format('name')} WHEN MATCHED THEN DELETE",
        ),
        (
            "INSERT INTO a (id) SELECT 1",
            "INSERT INTO a (`id`, `name`) SELECT `id`, CAST(NULL AS STRING) AS `name` FROM (SELECT 1) AS lakeflow_source(`id`)",
        ),
        (
            "INSERT INTO a (id) VALUES (1)",
            "INSERT INTO a (`id`, `name`) SELECT `id`, CAST(NULL AS STRING) AS `name` FROM VALUES (1) AS lakeflow_source(`id`)",
        ),
        (
            "INSERT INTO a VALUES (1, NULL), (2, 'x')",
            "INSERT INTO a VALUES (1, CAST(NULL AS STRING)), (2, CAST('x' AS STRING))",
        ),
        (
            "INSERT INTO a SELECT NULL, NULL",
            "INSERT INTO a (`id`, `name`) SELECT `id`, `name` FROM (SELECT NULL, NULL) AS lakeflow_source(`id`, `name`)",
        ),
        (
            "WITH s AS (SELECT 1) INSERT INTO a SELECT * FROM s",
            "INSERT INTO a WITH s AS (SELECT 1) SELECT * FROM s",
        ),
        (
            "INSERT INTO a (name, id) VALUES ('x', 1)",
            "INSERT INTO a (name, id) VALUES ('x', 1)",
        ),
        (
            "WITH s AS (SELECT 1 AS id) MERGE INTO a USING s ON a.id = s.id WHEN MATCHED THEN DELETE",
            "MERGE INTO a USING (WITH s AS (SELECT 1 AS id) SELECT * FROM s) AS s ON a.id = s.id WHEN MATCHED THEN DELETE",
        ),
        (
            "MERGE INTO a USING (SELECT * FROM VALUES (1) AS s(id)) ON a.id = s.id WHEN MATCHED THEN DELETE",
            "MERGE INTO a USING (SELECT * FROM VALUES (1) AS s(id)) AS s ON a.id = s.id WHEN MATCHED THEN DELETE",
        ),
        (
            "MERGE INTO a AS t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
            "MERGE INTO a AS t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET `id` = CAST(s.`id` AS INT), `name` = CAST(s.`name` AS STRING) WHEN NOT MATCHED THEN INSERT (`id`, `name`) VALUES (CAST(s.`id` AS INT), CAST(s.`name` AS STRING))",
        ),
        (
            "MERGE INTO a USING s ON a.id = s.id WHEN MATCHED THEN UPDATE SET a.id = s.n + 1, other = 1 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.n, DEFAULT)",
            "MERGE INTO a USING s ON a.id = s.id WHEN MATCHED THEN UPDATE SET a.id = CAST(s.n + 1 AS INT), other = 1 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (CAST(s.n AS INT), DEFAULT)",
        ),
    ],
)
def test_statement_is_written_as_one_that_sail_takes(statement: str, rewritten: str) -> None:
    assert rewrite(statement) == rewritten
