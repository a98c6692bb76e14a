"""How long a run will take, by what its job took before: when it is looked at, and its eta."""

from __future__ import annotations

import pytest
from databricks.sdk.service.jobs import BaseRun, Run

from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import FAILED, SUCCEEDED, Document, run, words
from tests.watching.support import JOB, POLL_INTERVAL, RUNNING, HubHarness


def past(*seconds: float) -> list[BaseRun]:
    return [
        BaseRun.from_dict({**SUCCEEDED, "start_time": 1, "end_time": 1 + int(second * 1000)})
        for second in seconds
    ]


def lasting(
    watched: HubHarness, seconds: float, doing: Document = SUCCEEDED, number: int = 1
) -> Run:
    """A run that has just ended."""
    now = int(watched.clock.now() * 1000)
    return run(doing, start_time=now - int(seconds * 1000), end_time=now, attempt_number=number)


def expected(watched: HubHarness) -> float | None:
    """Seconds from the start of a run to its expected end, as the viewers of it are told."""
    run_key = RunKey(APP, JOB, 4711)
    started = int(watched.clock.now() * 1000)
    watched.source.set_response(run(run_id=4711, start_time=started), run_key)
    viewer = watched.subscribe(run_key)
    watched.poll()
    [news] = viewer.wait_for_first(0.0)
    viewer.close()
    assert news.snapshot is not None
    eta = news.snapshot.status.eta
    return None if eta is None else (eta - started) / 1000


def test_past_runs_foretell_the_end_of_this_one(watched: HubHarness) -> None:
    assert expected(watched) is None
    watched = HubHarness()
    watched.source.past = past(29.0, 30.0, 31.0)
    assert expected(watched) == 30.0


def test_while_no_past_run_was_over_nobody_looks(watched: HubHarness) -> None:
    watched.source.past = past(4.0, 4.0, 4.0)
    watched.subscribe()
    delay = watched.poll(run(start_time=int(watched.clock.now() * 1000)))
    assert delay == pytest.approx(4.0, abs=0.01)


def test_what_is_watched_to_its_end_becomes_the_past(watched: HubHarness) -> None:
    watched.source.past = past(10.0, 10.0)
    watched.subscribe()
    watched.poll(RUNNING)
    watched.poll(lasting(watched, 10.0), after=POLL_INTERVAL)
    assert expected(watched) == 10.0


@pytest.mark.parametrize("doing", [FAILED, words("TERMINATED", "CANCELED")])
def test_what_ended_badly_foretells_nothing(watched: HubHarness, doing: Document) -> None:
    watched.source.past = past(30.0, 30.0)
    watched.subscribe()
    watched.poll(RUNNING)
    watched.poll(lasting(watched, 1.0, doing), after=POLL_INTERVAL)
    assert expected(watched) is None


def test_an_ended_run_that_many_look_at_counts_once(watched: HubHarness) -> None:
    watched.source.past = past(30.0, 30.0, 30.0)
    for _ in range(20):
        viewer = watched.subscribe()
        watched.poll(lasting(watched, 1.0))
        viewer.close()
    assert expected(watched) == 30.0
