"""Root errors in lists of runs: few reads, and none twice."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.console import root_errors
from flask_lakeflow_jobs.console.root_errors import EndedRun, read_root_errors
from flask_lakeflow_jobs.runs.outcome import Outcome
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.testing.fault_proxy import HasAddress
from tests.clocks import FakeClock
from tests.console.conftest import MakeShop
from tests.console.support import run, text_of

ERROR = "load: ValueError: no orders for 2026-11-23"


def test_history_reads_root_errors_a_few_at_a_time_and_once(
    make_shop: MakeShop, shop: HasAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_errors, "MAX_READ_RUNS", 2)
    with FaultyWorkspace(shop) as proxy:
        app = make_shop(
            config={"DATABRICKS_HOST": proxy.host, "LAKEFLOW_JOBS_CACHE_TTL": 0},
        )
        run_ids = [run(app, "flaky") for _ in range(3)]
        client = app.test_client()

        def load() -> tuple[int, int]:
            """Return how many of the runs have their root error, and how many were read."""
            before = len(proxy.find_requests(path="runs/get-output"))
            rows = client.get("/jobs/flaky?outcome=bad").text.split('data-part="run-')
            reads = len(proxy.find_requests(path="runs/get-output")) - before
            shown = {row.partition('"')[0] for row in rows if ERROR in text_of(row)}
            return len(shown & set(map(str, run_ids))), reads

        errors, reads = load()
        assert (errors, reads) == (2, 2)
        while reads:
            assert reads <= 2
            errors, reads = load()
        assert errors == 3


@pytest.mark.parametrize(("ended", "reads"), [(9000, 1), (12_000, 2)])
def test_root_error_of_an_earlier_end_is_read_again(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch, ended: int, reads: int
) -> None:
    """A cached run may be from before a repair that the list already knows."""
    clock = FakeClock()
    app = make_shop(clock=clock)
    found: list[int] = []

    def get_run(run_id: int) -> SimpleNamespace:
        found.append(run_id)
        return SimpleNamespace(value={"run_id": run_id, "start_time": 1000, "end_time": 9000})

    stub = SimpleNamespace(
        identity_key="app",
        get_run=get_run,
        run_concurrently=lambda read, runs: [read(each) for each in runs],
    )
    monkeypatch.setattr(root_errors, "cached_reads_of", lambda handle: stub)
    monkeypatch.setattr(root_errors, "find_root_error", lambda *args: ERROR)
    with app.app_context():
        for _ in range(2):
            end = EndedRun(1, Outcome.FAILED, ended)
            assert read_root_errors(current_jobs["flaky"], [end]) == {1: ERROR}
            clock.sleep(root_errors.RETRY_SECONDS)
    assert len(found) == reads


def test_run_that_the_workspace_has_deleted_does_not_hide_other_errors(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_shop()
    monkeypatch.setattr(root_errors, "MAX_READ_RUNS", 2)
    failed = run(app, "flaky")
    with app.app_context():
        ended = current_jobs["flaky"].get_run(failed).end_time
        ends = [EndedRun(1, Outcome.FAILED, 2), EndedRun(failed, Outcome.FAILED, ended)]
        assert read_root_errors(current_jobs["flaky"], ends) == {failed: ERROR}
