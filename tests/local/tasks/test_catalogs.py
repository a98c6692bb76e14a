"""The catalogs that a bundle names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.catalogs import (
    find_catalogs,
    find_catalogs_in_folder,
    find_catalogs_in_source,
    find_saved_catalogs,
)


@pytest.mark.parametrize(
    ("settings", "catalogs"),
    [
        ({"parameters": [{"name": "catalog", "default": "dev"}]}, {"dev"}),
        ({"base_parameters": {"target_catalog": "dev", "day": "monday"}}, {"dev"}),
        ({"parameters": ["--catalog", "dev", "--catalog-b=two", "x"]}, {"dev", "two"}),
        ({"parameters": ["--table=dev.sales.orders"]}, {"dev"}),
        ({"base_parameters": {"table": "dev.sales.orders"}}, {"dev"}),
        ({"base_parameters": {"catalog": "{{job.parameters.catalog}}"}}, set()),
        ({"name": "catalog", "tasks": [{"task_key": "a.b"}]}, set()),
        ({"base_parameters": {"table": "system.access.audit", "catalog": "system"}}, set()),
        ({"file": "/a.b.c", "host": "a.example.com.x"}, set()),
    ],
)
def test_find_catalogs_in_settings(settings: Any, catalogs: set[str]) -> None:
    assert find_catalogs([settings]) == catalogs


@pytest.mark.parametrize(
    ("source", "catalogs"),
    [
        ("SELECT * FROM dev.sales.orders JOIN `other`.a.b", {"dev", "other"}),
        ("use catalog dev; CREATE CATALOG IF NOT EXISTS two", {"dev", "two"}),
        ("CREATE SCHEMA IF NOT EXISTS dev.sales", {"dev"}),
        ("FROM STREAM(dev.a.b) JOIN STREAM two.a.b; FROM STREAM(LIVE.c)", {"dev", "two"}),
        ("INSERT INTO dev.sales.orders; UPDATE two.a.b SET x = 1", {"dev", "two"}),
        ("df.saveAsTable('dev.sales.orders'); spark.table(\"two.a.b\")", {"dev", "two"}),
        ("SELECT * FROM sales.orders; SELECT a.b.c FROM t", set()),
        ("FROM system.access.audit; USE CATALOG IDENTIFIER(:c)", set()),
        ("import a.b.c\nfrom a.b.c import d\nfrom pyspark.sql.functions import col", set()),
        ("MERGE INTO t USING dev.a.b; SHOW TABLES IN two.s; USE three.s", {"dev", "two", "three"}),
        ("CREATE VOLUME dev.a.b; GRANT USE ON CATALOG two TO x", {"dev", "two"}),
        ("DeltaTable.forName(spark, 'dev.a.b'); df.writeTo(f\"two.{s}.t\")", {"dev", "two"}),
        ("read_table('dev.a.b'); spark.catalog.setCurrentCatalog('two')", {"dev", "two"}),
        ("dbutils.widgets.text('catalog', 'dev'); os.getenv(\"CATALOG\", \"two\")", {"dev", "two"}),
        ("add('--catalog', type=str, default='dev'); add('--day', default='two')", {"dev"}),
        (
            'CATALOG = \'dev\'\ncatalog_name: str = "two"\nf(catalog="three")',
            {"dev", "two", "three"},
        ),
        ('{"source": ["target_catalog = \\"dev\\"\\n"], "catalog": "two"}', {"dev", "two"}),
        ("ORDERS_TABLE = 'dev.a.b'\nSCHEMA = 'two.s'\npath = 'c.d.e'", {"dev", "two"}),
        ("settings:\n  catalog: dev\n  - catalog_name: two\n  catalog: null", {"dev", "two"}),
        ("f'''SELECT * FROM dev.{schema}.orders'''", {"dev"}),
        ('table = f"bronze.{names.orders}"', set()),
        ('table = f"dev.{names.schema}.orders"', {"dev"}),
        ("The catalog is what a catalog and its schemas are from.", set()),
        ("catalog = None\ncatalog = get()\ncatalog = ''", set()),
    ],
)
def test_find_catalogs_in_source(source: str, catalogs: set[str]) -> None:
    assert find_catalogs_in_source(source) == catalogs


def test_find_catalogs_in_folder_skips_environments_and_hidden_folders(tmp_path: Path) -> None:
    files = {
        "a.sql": "one",
        "deep/b.py": "two",
        "c.ipynb": "three",
        ".git/d.sql": "hidden",
        "venv/pyvenv.cfg": "",
        "venv/e.py": "installed",
        "f.txt": "text",
    }
    for name, catalog in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"USE CATALOG {catalog}")
    (tmp_path / "dead.py").symlink_to("nowhere.py")  # as an editor's lock
    os.mkfifo(tmp_path / "pipe.py")
    assert find_catalogs_in_folder(tmp_path) == {"one", "two", "three"}


@pytest.mark.parametrize(
    ("text", "catalogs"),
    [
        (None, set()),
        ("{", set()),
        (
            '{"dev.s": {}, "dev.s.t": {}, "two.s": {}, "system.s.t": {}, "x\\"}.s": {}}',
            {"dev", "two"},
        ),
    ],
)
def test_catalogs_of_earlier_runs_are_found(
    tmp_path: Path, text: str | None, catalogs: set[str]
) -> None:
    if text is not None:
        (tmp_path / "catalog.json").write_text(text)
    assert find_saved_catalogs(tmp_path) == catalogs
