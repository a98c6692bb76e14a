"""Hints that there is news of a run: everybody who watches it knows soon, and by a look."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import RunNotFound, UpstreamThrottled, UpstreamUnavailable
from flask_lakeflow_jobs.identity import Identity
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK
from flask_lakeflow_jobs.watching.notifications import MOST, PAUSE
from flask_lakeflow_jobs.watching.subscription import Subscription
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import run, words
from tests.watching.processes import ENDED, GOING, JOB, ONE, POLL_INTERVAL, Processes

#: Seconds in which every process has asked for hints, and then for what was seen.
SOON = PAUSE + 2 * TICK


def hint(hub: Hub, run_key: RunKey = ONE) -> None:
    hub.receive_notification(run_key.job.job_id, run_key.run_id, [run_key])


def know(viewers: Sequence[Subscription]) -> list[bool]:
    """Whether each viewer is told of the end."""
    return [bool(viewer.collect()) and viewer.is_finished for viewer in viewers]


def watched(*skews: float, seed: int = 1) -> tuple[Processes, list[Subscription]]:
    """Processes that have just looked at a run and will not for a while, and their viewers."""
    processes = Processes(*skews, seed=seed)
    processes.source.set_response(GOING)
    viewers = processes.watch()
    processes.run(20 * POLL_INTERVAL)
    while processes.source.polls[-1] < processes.time.elapsed - TICK:
        processes.run(TICK / 5)
    processes.run(3 * TICK)
    for viewer in viewers:
        viewer.collect()
    processes.source.polls.clear()
    processes.told.clear()
    return processes, viewers


def test_a_watch_ends_upon_a_hint_without_any_wait() -> None:
    processes, [viewer] = watched(0.0)
    processes.source.set_response(ENDED)
    [hub] = processes.hubs
    assert hub.step() > TICK, "no look is due"
    hint(hub)
    hub.step()
    assert know([viewer]) == [True]
    assert len(processes.source.polls) == 1


def test_a_hint_is_not_believed_and_says_nothing_where_nothing_is_new() -> None:
    processes, [viewer] = watched(0.0)
    hint(processes.hubs[0])
    processes.run(TICK)
    assert viewer.collect() == []
    assert processes.told == []
    processes.run(POLL_INTERVAL)
    assert len(processes.source.polls) == 2, "of which one was due"


@pytest.mark.parametrize("skews", [(0.0,) * 4, (0.0, 30.0, -30.0, 2.0), (0.0, 0.05, -3600.0)])
@pytest.mark.parametrize("receiver", [0, -1])
def test_all_processes_know_soon_and_by_one_look(skews: tuple[float, ...], receiver: int) -> None:
    processes, viewers = watched(*skews)
    processes.source.set_response(ENDED)
    hint(processes.hubs[receiver])
    processes.run(SOON)
    assert know(viewers) == [True] * len(viewers)
    assert len(processes.source.polls) == 1


def test_a_process_that_watches_nothing_passes_it_on() -> None:
    processes, viewers = watched(0.0, 0.0)
    processes.source.set_response(ENDED)
    receiver = processes.bystander()
    hint(receiver)
    processes.run(SOON, [*processes.hubs, receiver])
    assert know(viewers) == [True, True]
    assert len(processes.source.polls) == 1


def test_news_that_is_not_the_end_costs_one_look_of_all_processes() -> None:
    processes, viewers = watched(*(0.0,) * 6)
    processes.source.set_response(run(words("TERMINATING"), start_time=1))
    hint(processes.hubs[0])
    processes.run(SOON)
    assert [len(viewer.collect()) for viewer in viewers] == [1] * 6
    assert len(processes.source.polls) == 1


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("receiver", [0, -1])
@pytest.mark.parametrize("seed", range(3))
def test_a_look_that_was_under_way_when_the_hint_came_is_not_enough(
    count: int, receiver: int, seed: int
) -> None:
    processes, viewers = watched(*(0.0,) * count, seed=seed)
    answered = processes.source.read_run

    def hinted_meanwhile(run_key: RunKey) -> ApiResponse[Run]:
        answer = answered(run_key)
        processes.source.set_response(ENDED)
        hint(processes.hubs[receiver])
        processes.source.read_run = answered  # type: ignore[method-assign]
        return answer

    processes.source.read_run = hinted_meanwhile  # type: ignore[method-assign]
    while not processes.source.polls:
        processes.run(TICK / 5)
    processes.run(SOON)
    assert know(viewers) == [True] * count


def test_the_run_is_looked_at_for_every_identity_that_watches_it() -> None:
    processes, _ = watched(0.0, 0.0)
    alice = RunKey(Identity("token-of-alice"), JOB, ONE.run_id)
    viewer = processes.hubs[1].subscribe([alice])
    processes.run(3 * TICK)
    viewer.collect()
    processes.source.set_response(ENDED)
    processes.hubs[0].receive_notification(JOB.job_id, ONE.run_id, [])
    processes.run(SOON)
    assert know([viewer]) == [True]


def test_other_runs_are_left_alone() -> None:
    processes, _ = watched(0.0, 0.0)
    for job_id, run_id in ((JOB.job_id, ONE.run_id + 1), (JOB.job_id + 1, ONE.run_id)):
        processes.hubs[0].receive_notification(job_id, run_id, [])
    processes.run(SOON)
    assert processes.source.polls == []


def test_a_run_that_nobody_watches_is_looked_at_once_and_its_end_is_told_once() -> None:
    processes = Processes(0.0)
    processes.source.set_response(ENDED)
    [hub] = processes.hubs
    for _ in range(2):  # Databricks may say it twice
        hint(hub)
        processes.run(2 * POLL_INTERVAL)
    assert [status.outcome for _, status in processes.told] == ["succeeded"]
    assert len(processes.source.polls) == 2
    assert hub.subscribed_run_count == 0


def test_the_end_is_told_once_where_the_watch_has_seen_it_before_the_hint() -> None:
    processes, [viewer] = watched(0.0)
    processes.source.set_response(ENDED)
    processes.run(POLL_INTERVAL)
    assert know([viewer]) == [True]
    hint(processes.hubs[0])
    processes.run(POLL_INTERVAL)
    assert len(processes.told) == 1


def test_what_nobody_watches_is_looked_at_until_the_workspace_answers() -> None:
    processes = Processes(0.0)
    processes.source.set_response(ENDED)
    processes.source.error = UpstreamUnavailable("No way there.")
    hint(processes.hubs[0])
    processes.run(4 * POLL_INTERVAL)
    assert processes.told == []
    processes.source.error = None
    processes.run(2 * POLL_INTERVAL)
    assert len(processes.told) == 1


def test_a_hint_of_a_run_that_is_not_there_is_over_after_one_look() -> None:
    processes = Processes(0.0)
    processes.source.error = RunNotFound(ONE.run_id, JOB.key)
    hint(processes.hubs[0])
    processes.run(4 * POLL_INTERVAL)
    assert len(processes.source.polls) == 1
    assert processes.told == []
    assert processes.hubs[0]._watched_runs == {}, "nothing is kept of it"


def test_a_pause_that_the_workspace_asks_for_is_kept() -> None:
    processes, _ = watched(0.0, 0.0)
    processes.source.error = UpstreamThrottled("Slow down.", retry_after=30.0)
    processes.run(POLL_INTERVAL)
    processes.source.error = None
    processes.source.polls.clear()
    for hub in processes.hubs:
        hint(hub)
    processes.run(20.0)
    assert processes.source.polls == []
    processes.run(15.0)
    assert processes.source.polls != []


def test_a_store_that_is_away_keeps_a_hint_where_it_came() -> None:
    processes, viewers = watched(0.0, 0.0)
    processes.source.set_response(ENDED)
    processes.store.is_away = True
    hint(processes.hubs[0])
    processes.hubs[0].step()
    assert know(viewers[:1]) == [True]
    processes.run(POLL_INTERVAL + 2 * TICK)
    assert know(viewers[1:]) == [True]


def test_more_hints_than_are_kept_cost_no_more_than_the_poll_interval() -> None:
    processes, viewers = watched(0.0, 0.0)
    processes.source.set_response(ENDED)
    hint(processes.hubs[0])
    for run_id in range(1, MOST + 1):
        processes.hubs[0].receive_notification(JOB.job_id, 10_000 + run_id, [])
    processes.run(POLL_INTERVAL + 2 * TICK)
    assert know(viewers) == [True, True]


def test_a_process_asks_for_hints_only_where_there_may_be_some() -> None:
    processes = Processes(0.0)
    processes.source.set_response(GOING)
    asked: list[str] = []
    get = processes.store.get

    def noted(key: str) -> str | None:
        asked.append(key)
        return get(key)

    processes.store.get = noted  # type: ignore[method-assign]
    deaf = processes.deaf()
    deaf.subscribe([ONE])
    processes.run(2 * POLL_INTERVAL, [deaf])
    assert [key for key in asked if "hints" in key] == []
    processes.hubs[0].subscribe([ONE])
    processes.run(2 * POLL_INTERVAL)
    assert 0 < len([key for key in asked if "hints" in key]) <= 2 * POLL_INTERVAL / PAUSE
