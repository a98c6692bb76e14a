"""Tests of tasks that need Spark on Java."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _long_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for Java, which starts slowly on a busy machine."""
    monkeypatch.setattr("tests.support.DEADLINE", 1200.0)


def pipeline_task(key: str, **body: Any) -> dict[str, Any]:
    body = {"pipeline_id": f"${{resources.pipelines.{key}.id}}", **body}
    return {"task_key": key, "pipeline_task": body}
