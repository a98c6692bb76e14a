"""How long the runs of a job take: learned once, for all, and never waited for."""

from __future__ import annotations

import pytest
from databricks.sdk.service.jobs import BaseRun
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import UpstreamUnavailable
from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.watching.history import KEPT, KEPT_WITHOUT, History
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.run_documents import FAILED, SUCCEEDED, Document, named_job, words

ONE = RunKey(APP, named_job(), 1001)
TWO = RunKey(APP, named_job(), 1002)
ALICES = RunKey(Identity("token-of-alice"), named_job(), 1001)


def ended(seconds: float, doing: Document = SUCCEEDED, queued: float = 0.0) -> BaseRun:
    return BaseRun.from_dict(
        {
            **doing,
            "start_time": 1000,
            "end_time": 1000 + int((queued + seconds) * 1000),
            "queue_duration": int(queued * 1000),
        }
    )


class Past:
    """Lists runs, and counts how often it does."""

    def __init__(self, *runs: BaseRun) -> None:
        self.runs = list(runs)
        self.asked = 0
        self.is_well = True

    def read_ended_runs(self, run_key: RunKey) -> list[BaseRun]:
        self.asked += 1
        if not self.is_well:
            raise UpstreamUnavailable("Not now.")
        return self.runs


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def past() -> Past:
    return Past(ended(30.0), ended(10.0), ended(20.0))


@pytest.fixture
def history(past: Past, clock: FakeClock) -> History:
    return History(past, SharedCache(SimpleCache()), clock)


def learn(history: History, run_key: RunKey = ONE) -> list[float]:
    if history.is_due(run_key):
        history.learn(run_key)
    return history.durations(run_key)


def test_nothing_is_known_at_first_and_nobody_waits_for_it(history: History, past: Past) -> None:
    assert history.durations(ONE) == []
    assert past.asked == 0


def test_one_list_serves_all_runs_of_a_job_for_a_while(
    history: History, past: Past, clock: FakeClock
) -> None:
    assert learn(history) == [10.0, 20.0, 30.0]
    assert learn(history, TWO) == [10.0, 20.0, 30.0]
    clock.sleep(KEPT - 1)
    learn(history)
    assert past.asked == 1
    clock.sleep(1)
    assert history.is_due(ONE)


def test_what_one_identity_may_list_is_shown_to_no_other(history: History, past: Past) -> None:
    learn(history)
    past.runs = []
    assert learn(history, ALICES) == []
    assert past.asked == 2


def test_it_is_asked_for_once_though_many_would_learn(history: History) -> None:
    assert [history.is_due(ONE) for _ in range(3)] == [True, False, False]


def test_processes_that_share_learn_from_each_other(past: Past, clock: FakeClock) -> None:
    shared = SharedCache(SimpleCache())
    for _ in range(4):
        assert learn(History(past, shared, clock)) == [10.0, 20.0, 30.0]
    assert past.asked == 1


@pytest.mark.parametrize(
    "doing", [FAILED, words("TERMINATED", "CANCELED"), words("SKIPPED"), words("INTERNAL_ERROR")]
)
def test_only_success_foretells_anything(past: Past, history: History, doing: Document) -> None:
    past.runs.append(ended(1.0, doing))
    assert learn(history) == [10.0, 20.0, 30.0]


def test_time_in_the_queue_does_not_count(past: Past, history: History) -> None:
    past.runs = [ended(10.0, queued=3600.0)]
    assert learn(history) == [10.0]


def test_a_failed_read_is_tried_again_later_and_takes_nothing_back(
    history: History, past: Past, clock: FakeClock
) -> None:
    learn(history)
    history._shared.delete(f"history:{ONE.group}")
    clock.sleep(KEPT)
    past.is_well = False
    assert learn(history) == [10.0, 20.0, 30.0]
    assert not history.is_due(ONE)
    clock.sleep(KEPT_WITHOUT)
    past.is_well = True
    past.runs = [ended(5.0)]
    assert learn(history) == [5.0]


def test_a_run_that_just_ended_is_added_in_its_place(history: History) -> None:
    history.add(ONE, 15.0)
    assert history.durations(ONE) == [], "alone it foretells nothing"
    learn(history)
    history.add(ONE, 15.0)
    history.add(ONE, None)
    assert history.durations(ONE) == [10.0, 15.0, 20.0, 30.0]
