"""Catalogs that a task names while it runs."""

from __future__ import annotations

from flask_lakeflow_jobs.local.task_process.spark.session.sail import add_catalogs


def test_add_catalogs_to_the_setting_of_sail_once() -> None:
    entry = '{{type="memory",name="{}",initial_database=["default"]}}'
    setting = f"[{entry.format('main')}]"
    wider = add_catalogs(setting, ["dev", "main"])
    assert wider == f"[{entry.format('main')},{entry.format('dev')}]"
    assert add_catalogs(wider, ["dev", 'x"},{name="y']) == wider
