"""The graph of a run's tasks."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.console import graph
from flask_lakeflow_jobs.console.graph import build_graph
from flask_lakeflow_jobs.console.timeline import build_timeline
from tests.run_documents import SUCCEEDED, run, run_state, task


def test_graph_is_laid_out_once_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was laid out for each viewer and each update."""
    graph._draw.cache_clear()
    states = [run_state("PENDING"), run_state("RUNNING"), SUCCEEDED]
    drawn = []
    for state in states:
        ongoing = run(
            tasks=[
                task("first", state, start_time=1),
                task("second", run_state("BLOCKED"), depends_on=[{"task_key": "first"}]),
            ]
        )
        structure = (("first", ()), ("second", ("first",)))
        drawn.append(build_graph(structure, build_timeline(ongoing, 2.0).rows))
    assert graph._draw.cache_info().misses == 1
    assert [[each.kind for each in one.edges] for one in drawn] == [
        ["waiting"],
        ["going"],
        ["good"],
    ]
    assert len({each.edges[0].path for each in drawn}) == 1
