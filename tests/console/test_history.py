"""The history of a job, and the runs before and after one of its runs."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound

from flask_lakeflow_jobs import current_jobs
from flask_lakeflow_jobs.console import history
from flask_lakeflow_jobs.record.values import RunEnd
from flask_lakeflow_jobs.testing.fault_proxy import HasAddress
from tests.console.conftest import MakeShop
from tests.console.support import run, text_of
from tests.support import on_behalf_of

DAY_MS = 86_400_000


@pytest.mark.parametrize(("page_size", "read"), [(2, 4), (3, 3)])
def test_history_pages_contain_every_run(
    app: Flask, monkeypatch: pytest.MonkeyPatch, page_size: int, read: int
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.PAGE_SIZE", page_size)
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.READ_SIZE", read)
    client = app.test_client()
    started = {run(app, "flaky") for _ in range(5)}
    seen: list[int] = []
    url = "/jobs/flaky"
    while url:
        page = client.get(url).text
        seen += [int(found) for found in re.findall(r'data-part="run-(\d+)"', page)]
        older = re.search(r'rel="next" href="([^"]+)"', page)
        url = html.unescape(older[1]) if older else ""
    assert len(seen) == len(set(seen))
    assert started <= set(seen)


def test_history_filters_by_outcome_and_person(app: Flask) -> None:
    client = app.test_client()
    run_id = run(app, "broken")
    row = f'data-part="run-{run_id}"'
    assert row in client.get("/jobs/broken?outcome=bad").text
    assert 'width="100.0%"' in client.get("/jobs/broken").text, "the longest run"
    assert row not in client.get("/jobs/broken?outcome=good").text
    assert row in client.get("/jobs/broken?outcome=failed").text, "no kind of outcome"
    assert row in client.get("/jobs/broken?who=localhost").text
    assert "None of the runs read so far match" in client.get("/jobs/broken?who=nobody").text


def test_history_filter_reads_older_runs_and_says_how_far(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.READ_SIZE", 3)
    monkeypatch.setattr("flask_lakeflow_jobs.console.history.MAX_READS", 2)
    client = app.test_client()
    repaired = run(app, "flaky")
    with app.app_context():
        current_jobs["flaky"].repair_run(repaired)
        current_jobs["flaky"].wait(repaired)
    for _ in range(6):
        run(app, "flaky")
    first = client.get("/jobs/flaky?outcome=good")
    assert "None of the runs read so far match." in first.text
    assert re.search(r"Read 5 runs, back to \S+", text_of(first.text))
    further = re.search(r'rel="next" href="([^"]+)">Search older runs', first.text)
    assert further
    assert f"/runs/{repaired}" in client.get(html.unescape(further[1])).text


def test_history_filter_says_when_all_runs_were_read(app: Flask) -> None:
    run(app, "broken")
    page = text_of(app.test_client().get("/jobs/broken?who=nobody").text)
    assert "there are no older ones" in page
    assert "Search older runs" not in page


def test_history_invalid_page_token_is_400(app: Flask) -> None:
    for token in ("x", "999999999999999-1"):
        response = app.test_client().get(f"/jobs/broken?who=nobody&pageToken={token}")
        assert response.status_code == 400


HANDLE: Any = None


class Workspace:
    """Lists runs as the Jobs API does: newest first, between two times.

    :param starts: of its runs, whose ids are their places from 1 on.
    """

    def __init__(self, starts: list[int]) -> None:
        self.runs = [
            SimpleNamespace(run_id=number, start_time=start)
            for number, start in enumerate(starts, 1)
        ]
        self.reads = 0

    def read_runs(
        self,
        _handle: object,
        limit: int,
        start_time_from: int | None = None,
        start_time_to: int | None = None,
    ) -> list[SimpleNamespace]:
        self.reads += 1
        found = [
            run
            for run in reversed(self.runs)
            if (start_time_from is None or run.start_time >= start_time_from)
            and (start_time_to is None or run.start_time <= start_time_to)
        ]
        return found[:limit]

    def read_run(self, _handle: object, run_id: int) -> tuple[SimpleNamespace, None]:
        return self.runs[run_id - 1], None


def find(workspace: Workspace, run_id: int, which: str) -> int | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "page_data", workspace)
        try:
            return history.find_neighbor(HANDLE, run_id, which)
        except NotFound:
            return None


@given(
    # At most 20 gaps of zero, so that no read is full of runs that started at one moment.
    st.lists(st.integers(1, 10**9), max_size=200).flatmap(
        lambda gaps: st.permutations(gaps + [0] * min(20, len(gaps)))
    ),
    st.data(),
)
def test_each_run_has_its_neighbors(gaps: list[int], data: st.DataObject) -> None:
    starts = [1_000_000]
    for gap in gaps:
        starts.append(starts[-1] + gap)
    workspace, count = Workspace(starts), len(starts)
    run_id = data.draw(st.integers(1, count))
    assert find(workspace, run_id, "next") == (run_id + 1 if run_id < count else None)
    assert find(workspace, run_id, "previous") == (run_id - 1 or None)


def test_next_run_of_many_at_one_moment_is_found() -> None:
    starts = [1_000, 1_000, *range(1_001, 1_015), *[1_015] * 12]
    assert find(Workspace(starts), 1, "next") == 2


def test_next_run_after_an_old_one_takes_few_reads() -> None:
    workspace = Workspace([1_000_000 + 3_600_000 * number for number in range(5_000)])
    assert find(workspace, 1, "next") == 2
    assert workspace.reads < 12


def test_more_runs_at_one_moment_than_a_read_has_end_the_search() -> None:
    workspace = Workspace([5, *[1_000] * 100])
    assert find(workspace, 1, "next") is None
    assert find(Workspace([5] * 100), 1, "next") is None


@pytest.mark.parametrize(("run_as", "shows_record"), [("app", True), ("user", False)])
def test_trend_shows_recorded_runs_only_of_jobs_that_run_as_the_app(
    make_shop: MakeShop, shop: HasAddress, run_as: str, shows_record: bool
) -> None:
    """The record has the runs of all users, which one of them may not view in the workspace."""
    app = make_shop(jobs={"alone": {"run_as": run_as}}, config={"LAKEFLOW_JOBS_RECORD_URL": True})
    state = app.extensions["lakeflow_jobs"]
    job_id = state.settings.jobs["alone"].job_id
    for number in range(1, 6):
        state.record.add_found_run("alone", job_id, number, started_at=number)
        end = RunEnd(job_id, number, "succeeded", number, number + DAY_MS, duration=DAY_MS)
        state.record.finish_run(end)
    page = app.test_client().get("/jobs/alone", headers=on_behalf_of(shop.token))
    state.record.database.close()
    assert page.status_code == 200
    text = "Of the last 5 runs, successful ones usually take 1 d 0 h"
    assert (text in page.text) is shows_record


def test_a_run_leads_to_its_neighbors_and_to_the_comparison_with_the_one_before(
    make_shop: MakeShop,
) -> None:
    app = make_shop()
    first, second, third = (run(app, "listed", {"args": [word]}) for word in "abc")
    client = app.test_client()

    def follow(run_id: int, rest: str) -> str:
        response = client.get(f"/jobs/listed/runs/{run_id}/{rest}")
        return response.location or str(response.status_code)

    assert follow(second, "previous") == f"/jobs/listed/runs/{first}"
    assert follow(second, "next") == f"/jobs/listed/runs/{third}"
    assert follow(third, "next") == "404"
    assert follow(third, "compare") == f"/jobs/listed/compare?run={second}&run={third}"
    assert client.get(follow(third, "compare")).status_code == 200


def test_neighbors_of_a_run_need_the_permission_to_view(make_shop: MakeShop) -> None:
    run_id = run(make_shop(), "listed", {"args": ["a"]})
    app = make_shop(policy=lambda user, action, job: action != "view")
    for rest in ("previous", "next", "compare"):
        assert app.test_client().get(f"/jobs/listed/runs/{run_id}/{rest}").status_code == 404
