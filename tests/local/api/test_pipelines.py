"""Endpoints of pipelines, through the SDK."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from databricks.sdk.errors import BadRequest, NotFound
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import Workspace
from flask_lakeflow_jobs.local.api.pipelines import is_like
from tests.local.support import Client, python_task, write_bundle


@pytest.mark.ledger(
    "GET pipelines",
    "GET pipelines/{id}",
    differs="They are those of the bundle. Their ids are their keys, and they are idle.",
)
def test_pipelines_of_the_bundle_are_found(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, {"etl": {"tasks": [python_task("main")]}}, {"main.py": ""})
    more = "resources: {pipelines: {gold: {name: Gold}, raw: {catalog: main}}}\n"
    (tmp_path / "pipelines.yml").write_text(more)
    path.write_text(f"{path.read_text()}\ninclude: [pipelines.yml]\n")
    with Workspace(path, tmp_path / "folder") as address:
        pipelines = Client(address, {}).sdk.pipelines
        listed = {each.pipeline_id: each.name for each in pipelines.list_pipelines()}
        assert listed == {"gold": "Gold", "raw": "raw"}
        found = pipelines.list_pipelines(filter="name LIKE '%ol%'")
        assert [each.pipeline_id for each in found] == ["gold"]
        assert list(pipelines.list_pipelines(filter="name LIKE 'ol'")) == []
        raw = pipelines.get("raw")
        assert raw.spec
        assert (raw.name, raw.spec.id, raw.spec.catalog) == ("raw", "raw", "main")
        with pytest.raises(NotFound, match=r"Define it under 'resources\.pipelines'"):
            pipelines.get("none")
        with pytest.raises(BadRequest, match="Filter pipelines by name"):
            list(pipelines.list_pipelines(filter="notebook='x'"))


@given(st.text("ab*?[]\n", max_size=8), st.text("ab%*?[]\n", max_size=6))
def test_pattern_matches_as_the_regular_expression(name: str, pattern: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("%")))
    assert is_like(name, pattern) == bool(re.fullmatch(expression, name, re.DOTALL))


def test_pattern_of_many_wildcards_takes_no_time() -> None:
    """A regular expression would try for years, and stop all threads meanwhile."""
    assert not is_like("a" * 100, "%a" * 50 + "%" * 50 + "b")
