from __future__ import annotations

import sys
from pathlib import Path

import pytest

from example_app.tasks import table


def test_table_without_spark_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["table.py", "--data", str(tmp_path), "--table", "a.b.c"])
    table.main()
    assert "pip install 'flask-lakeflow-jobs[spark]'" in capsys.readouterr().out
