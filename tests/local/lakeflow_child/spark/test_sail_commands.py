"""Commands of Databricks that Sail lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.sail_commands import rewrite


class Query:
    """Answers the queries that :func:`rewrite` runs."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, statement: str) -> Query:
        self.statements.append(statement)
        return self

    def collect(self) -> list[Any]:
        if self.statements[-1] == "SHOW CATALOGS":
            return [{"catalog": "main"}, {"catalog": "dev"}]
        if "current_catalog" in self.statements[-1]:
            return [("main", "default")]
        return [("dev.a`b",)]


@pytest.mark.parametrize(
    "statement",
    [
        "OPTIMIZE t",
        "vacuum t",
        "-- why\nANALYZE TABLE t COMPUTE STATISTICS",
        "GRANT SELECT ON t TO x",
        "CACHE LAZY TABLE t",
        "ALTER TABLE t SET OWNER TO `me`",
        "COMMENT ON TABLE t IS 'x'",
        "ALTER TABLE t SET TAGS ('a' = 'b')",
        "ALTER TABLE t SET ROW FILTER f ON (a)",
        "ALTER SCHEMA s SET DBPROPERTIES ('a' = 'b')",
        "ALTER MATERIALIZED VIEW m ALTER COLUMN n COMMENT 'x'",
        "ALTER STREAMING TABLE t ADD SCHEDULE EVERY 1 HOUR",
        "SET TIME ZONE 'UTC'",
        "CREATE CATALOG IF NOT EXISTS dev",
    ],
)
def test_rewrite_skips_statements_without_a_result_here(statement: str) -> None:
    assert rewrite(statement, Query(), {}).startswith("SELECT '")


SCHEMA = "CREATE SCHEMA IF NOT EXISTS `dev`.`sales`"


@pytest.mark.parametrize(
    ("statement", "rewritten", "queries"),
    [
        ("INSERT INTO t VALUES ('--')", "INSERT INTO t VALUES ('--')", []),
        (
            "ALTER TABLE t SET TBLPROPERTIES ('delta.feature.catalogManaged' = 'supported')",
            "ALTER TABLE t SET TBLPROPERTIES ('feature.catalogManaged' = 'supported')",
            [],
        ),
        *(
            (text, text, [])
            for text in (
                "CREATE TABLE t (n INT) TBLPROPERTIES (delta.feature.allowColumnDefaults = 'x')",
                "SELECT 'delta.feature.catalogManaged'",
            )
        ),
        *(
            (text, text, [])
            for text in (
                "CREATE TABLE t (a INT COMMENT 'The identifier (part of a key).')",
                "INSERT INTO t VALUES ('it''s identifier (1)', \"identifier (2)\")",
                "INSERT INTO t /* identifier (1) */ VALUES (1) -- identifier (2)",
            )
        ),
        ("USE SCHEMA dev.sales", "USE SCHEMA sales", [SCHEMA, "USE CATALOG dev"]),
        ("USE dev.sales;", "USE SCHEMA sales", [SCHEMA, "USE CATALOG dev"]),
        ("USE sales", "USE SCHEMA sales", ["CREATE SCHEMA IF NOT EXISTS `sales`"]),
        (
            "USE IDENTIFIER('sales')",
            "USE SCHEMA `a``b`",
            ["SELECT 'sales'", "CREATE SCHEMA IF NOT EXISTS `dev`.`a``b`", "USE CATALOG `dev`"],
        ),
        ("CREATE VIEW dev.sales.v AS SELECT 1", "CREATE VIEW dev.sales.v AS SELECT 1", [SCHEMA]),
        (
            "-- daily\nCREATE OR REFRESH STREAMING TABLE t AS SELECT * FROM STREAM(dev.sales.v)",
            "-- daily\nCREATE OR REPLACE TABLE t AS SELECT * FROM dev.sales.v",
            [],
        ),
        (
            "create materialized view if not exists t as select stream from v",
            "CREATE OR REPLACE view t as select stream from v",
            [],
        ),
        (
            "CREATE STREAMING TABLE t AS SELECT 1 FROM STREAM v",
            "CREATE OR REPLACE TABLE t AS SELECT 1 FROM v",
            [],
        ),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE t AS SELECT 1", []),
        ("USE CATALOG dev", "USE CATALOG `dev`", []),
        ("SET CATALOG dev", "USE CATALOG `dev`", []),
        ("USE CATALOG 'dev-1';", "USE CATALOG `dev-1`", []),
        (
            "CREATE SCHEMA IDENTIFIER('dev' || '.a')",
            "CREATE SCHEMA `dev`.`a``b`",
            ["SELECT 'dev' || '.a'"],
        ),
    ],
)
def test_rewrite_commands(statement: str, rewritten: str, queries: list[str]) -> None:
    query = Query()
    assert rewrite(statement, query, {}) == rewritten
    assert query.statements == queries


def test_metric_view_is_refused_with_a_remedy() -> None:
    statement = "CREATE OR REPLACE VIEW sales\nWITH METRICS LANGUAGE YAML AS $$source: t$$"
    with pytest.raises(ValueError, match=r"^Sail has no metric views\. Write a plain view"):
        rewrite(statement, Query(), {})


def test_rewrite_creates_the_folder_of_a_volume(tmp_path: Path) -> None:
    mounts = {"/Volumes": str(tmp_path)}
    rewrite("CREATE VOLUME IF NOT EXISTS dev.`raw`.files COMMENT 'x'", Query(), mounts)
    rewrite("CREATE VOLUME files", Query(), mounts)
    assert (tmp_path / "dev/raw/files").is_dir()
    assert (tmp_path / "main/default/files").is_dir()
    rewrite("DROP VOLUME IF EXISTS dev.raw.files", Query(), mounts)
    assert not (tmp_path / "dev/raw/files").exists()


def test_rewrite_creates_no_volume_outside_of_its_folder(tmp_path: Path) -> None:
    mounts = {"/Volumes": str(tmp_path / "a/b/volumes")}
    for name in ("`../../../outside`", "`..`", "`/outside`"):
        with pytest.raises(ValueError, match="no name of a volume"):
            rewrite(f"CREATE VOLUME dev.raw.{name}", Query(), mounts)
    rewrite("CREATE VOLUME ../outside", Query(), mounts)  # Sail refuses it
    assert not list(tmp_path.iterdir())


def test_rewrite_names_the_catalogs_if_one_is_unknown() -> None:
    with pytest.raises(ValueError, match=r"'new' does not exist.*main, dev"):
        rewrite("CREATE CATALOG new", Query(), {})
