"""Commands as Sail runs them, and names that it would not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.task_process.spark.statements.sail_commands import SailCommands


class Ran(str):
    """A statement that runs, and returns no rows."""

    columns = ("id", "my name")

    def collect(self) -> list[Any]:
        return []


def run(statement: str, mounts: dict[str, str]) -> tuple[list[str], str]:
    """Return the statements that run before one, with the catalogs, and what it becomes."""
    ran: list[str] = []

    def query(text: str) -> Ran:
        ran.append(text)
        return Ran(text)

    commands = SailCommands(query, query, {}, mounts, lambda name: ran.append(f"catalog {name}"))
    return ran, commands.rewrite(statement)


@pytest.mark.parametrize(
    ("statement", "before", "written"),
    [
        (
            "USE CATALOG 'Dev-1'",
            [
                "catalog dev-1",
                "CREATE SCHEMA IF NOT EXISTS `Dev-1`.`default`",
                "USE CATALOG `Dev-1`",
            ],
            "USE SCHEMA default",
        ),
        (
            "set catalog `dev`;",
            ["catalog dev", "CREATE SCHEMA IF NOT EXISTS `dev`.`default`", "USE CATALOG `dev`"],
            "USE SCHEMA default",
        ),
        (
            "DROP CATALOG IF EXISTS `Dev-1`;",
            ["catalog dev-1", "SHOW SCHEMAS IN `Dev-1`"],
            "SELECT 'The catalog Dev-1 is removed.' AS message",
        ),
        ("USE CATALOG system", ["catalog system"], "USE CATALOG `system`"),
        ("USE `my.s`", ["CREATE SCHEMA IF NOT EXISTS `my.s`"], "USE SCHEMA `my.s`"),
        (
            "use dev . sales ;",
            ["CREATE SCHEMA IF NOT EXISTS `dev`.`sales`", "USE CATALOG `dev`"],
            "USE SCHEMA `sales`",
        ),
        ("CREATE CATALOG IF NOT EXISTS ", [], "CREATE CATALOG IF NOT EXISTS "),
        ("CREATE SCHEMA sales", [], "CREATE SCHEMA sales"),
        (
            "CREATE STREAMING TABLE t COMMENT 'c' SCHEDULE EVERY 1 HOUR AS SELECT 1",
            [],
            "CREATE OR REPLACE TABLE t COMMENT 'c' AS SELECT 1",
        ),
        (
            "CREATE OR REFRESH STREAMING TABLE t TRIGGER ON UPDATE AS SELECT * FROM STREAM(u)",
            [],
            "CREATE OR REPLACE TABLE t AS SELECT * FROM u",
        ),
        ("CREATE DATABASE dev.sales", ["catalog dev"], "CREATE DATABASE dev.sales"),
        (
            "CREATE SCHEMA IF NOT EXISTS dev.`my s` COMMENT 'x' MANAGED LOCATION 's3://c'",
            ["catalog dev"],
            "CREATE SCHEMA IF NOT EXISTS dev.`my s` COMMENT 'x' ",
        ),
        (
            "CREATE TABLE dev.s.t (a INT COMMENT 'as') TBLPROPERTIES ('delta.feature.x' = 'y')",
            ["CREATE SCHEMA IF NOT EXISTS `dev`.`s`"],
            "CREATE TABLE dev.s.t (a INT COMMENT 'as') TBLPROPERTIES ('feature.x' = 'y')",
        ),
        (
            "CREATE TABLE a (b INT COMMENT 'USING ICEBERG') USING iceberg AS SELECT 1",
            [],
            "CREATE TABLE a (b INT COMMENT 'USING ICEBERG') USING DELTA AS SELECT 1",
        ),
        (
            "CREATE OR REPLACE TABLE a DEEP CLONE b",
            [],
            "CREATE OR REPLACE TABLE a AS SELECT * FROM b",
        ),
        (
            "create table if not exists `my a` clone b version as of 3 TBLPROPERTIES ('x' = 'y')",
            [],
            "create table if not exists `my a` AS SELECT * FROM b version as of 3",
        ),
        (
            "CREATE STREAMING TABLE t AS SELECT 'FROM STREAM a' FROM stream(`b`) JOIN STREAM c",
            [],
            "CREATE OR REPLACE TABLE t AS SELECT 'FROM STREAM a' FROM `b` JOIN c",
        ),
        (
            "ALTER TABLE t ALTER a COMMENT 'set mask'",
            [],
            "ALTER TABLE t ALTER a COMMENT 'set mask'",
        ),
        ("CREATE VOLUME ../outside", [], "CREATE VOLUME ../outside"),
        ("CREATE VOLUME IF NOT EXISTS", [], "CREATE VOLUME IF NOT EXISTS"),
    ],
)
def test_command_is_written_as_sail_takes_it(
    statement: str, before: list[str], written: str
) -> None:
    assert run(statement, {}) == (before, written)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("COMMENT ON TABLE t IS 'x'", "COMMENT ON is skipped: it changes no result"),
        ("alter table t\nset row filter f ON (a)", "ROW FILTER is skipped"),
        ("ALTER materialized\tview m ADD SCHEDULE", "ALTER MATERIALIZED VIEW is skipped"),
        ("CREATE TABLE IF NOT EXISTS `my table` using DELTA;", "The first rows give the table"),
        (
            "CREATE TABLE a COMMENT 'x' TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
            "The first rows give the table",
        ),
        ("CREATE OR REPLACE POLICY p ON SCHEMA s ROW FILTER f TO `all`", "POLICY is skipped"),
        ("DROP GOVERNED TAG t", "GOVERNED TAG is skipped"),
    ],
)
def test_command_that_need_not_run_says_so(statement: str, message: str) -> None:
    before, written = run(statement, {})
    assert (before, written[: len(message) + 8]) == ([], f"SELECT '{message}")


def test_rewrite_creates_no_volume_outside_of_its_folder(tmp_path: Path) -> None:
    mounts = {"/Volumes": str(tmp_path / "a/b/volumes")}
    for name in ("`../../../outside`", "`..`", "`/outside`", "a.b"):
        with pytest.raises(
            ValueError, match=r"no name of a volume\. Write catalog\.schema\.volume"
        ):
            run(f"CREATE VOLUME dev.raw.{name}", mounts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["`a.b`", "a.b", "'a.b'"])
def test_rewrite_refuses_the_name_of_a_catalog_that_sail_would_not_take(name: str) -> None:
    with pytest.raises(ValueError, match=r"'a\.b' is no name of a catalog.* Write only letters"):
        run(f"CREATE CATALOG {name}", {})
