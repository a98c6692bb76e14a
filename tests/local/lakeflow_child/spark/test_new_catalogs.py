"""Catalogs that a task names while it runs."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.lakeflow_child.spark.new_catalogs import find_catalog
from flask_lakeflow_jobs.local.lakeflow_child.spark.sail import add_catalogs


@pytest.mark.parametrize(
    ("statement", "catalog"),
    [
        ("CREATE CATALOG IF NOT EXISTS dev", "dev"),
        ("USE CATALOG `dev-1`", "dev-1"),
        ("USE CATALOG 'dev'", "dev"),
        ("SET CATALOG dev", "dev"),
        ("CREATE SCHEMA IF NOT EXISTS dev.sales COMMENT 'x'", "dev"),
        ("CREATE DATABASE dev.sales", "dev"),
        ("CREATE CATALOG IF NOT EXISTS ", None),
        ("CREATE SCHEMA sales", None),
        ("USE dev.sales", "dev"),
        ("USE SCHEMA sales", None),
        ("CREATE OR REPLACE TABLE dev.sales.orders AS SELECT 1", "dev"),
        ("CREATE VIEW sales.orders AS SELECT 1", None),
        ("INSERT INTO dev.sales.orders SELECT 1", None),
    ],
)
def test_find_catalog_of_a_statement(statement: str, catalog: str | None) -> None:
    assert find_catalog(statement) == catalog


def test_add_catalogs_to_the_setting_of_sail_once() -> None:
    entry = '{{type="memory",name="{}",initial_database=["default"]}}'
    setting = f"[{entry.format('main')}]"
    wider = add_catalogs(setting, ["dev", "main"])
    assert wider == f"[{entry.format('main')},{entry.format('dev')}]"
    assert add_catalogs(wider, ["dev", 'x"},{name="y']) == wider
