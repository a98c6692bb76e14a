"""Root errors in lists of runs: few reads, and none twice."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.console import root_errors
from flask_lakeflow_jobs.testing import FaultyWorkspace
from flask_lakeflow_jobs.testing.fault_proxy import Address
from tests.console.conftest import MakeShop
from tests.console.support import run, text_of

ERROR = "load: ValueError: no orders for 2026-11-23"


def test_history_reads_root_errors_a_few_at_a_time_and_once(
    make_shop: MakeShop, shop: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_errors, "MAX_READ_RUNS", 2)
    with FaultyWorkspace(shop) as proxy:
        app = make_shop(
            config={"DATABRICKS_HOST": proxy.host, "LAKEFLOW_JOBS_CACHE_TTL": 0},
        )
        for _ in range(3):
            run(app, "flaky")
        client = app.test_client()

        def load() -> tuple[int, int, int]:
            """Return the rows, the root errors in them, and the outputs that were read."""
            before = len(proxy.find_requests(path="runs/get-output"))
            page = client.get("/jobs/flaky?outcome=bad").text
            reads = len(proxy.find_requests(path="runs/get-output")) - before
            return page.count('data-part="run-'), text_of(page).count(ERROR), reads

        rows, errors, reads = load()
        assert (errors, reads) == (2, 2)
        while reads:
            assert reads <= 2
            rows, errors, reads = load()
        assert errors == rows > 2
