"""Hubs of several processes that share a store: one look for all, whatever else goes wrong."""

from __future__ import annotations

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import UpstreamThrottled, UpstreamUnavailable
from flask_lakeflow_jobs.identity import APP
from flask_lakeflow_jobs.runs.outcome import outcome_of
from flask_lakeflow_jobs.upstream.jobs_api import ApiResponse
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.lease import TICK
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.run_documents import named_job, run, words
from tests.watching.processes import ENDED, GOING, JOB, ONE, POLL_INTERVAL, Processes
from tests.watching.support import seen

SKEWS = [(0.0,) * 4, (0.0, 30.0), (0.0, 30.0, -30.0, 2.0), (0.0, -2.0, 4.0), (0.0, 0.05, -3600.0)]


@pytest.mark.parametrize("skews", SKEWS)
def test_all_look_once_a_poll_interval_whatever_their_clocks_show(skews: tuple[float, ...]) -> None:
    processes = Processes(*skews)
    processes.source.set_response(GOING)
    processes.watch()
    processes.run(4 * POLL_INTERVAL)
    processes.source.polls.clear()
    processes.run(20 * POLL_INTERVAL)
    assert 19 <= len(processes.source.polls) <= 21


@pytest.mark.parametrize("skews", SKEWS)
@pytest.mark.parametrize("phase", [0.5, 2.0, 3.5, 4.75])
def test_all_viewers_know_the_end_within_a_poll_interval_whatever_their_clocks_show(
    skews: tuple[float, ...], phase: float
) -> None:
    processes = Processes(*skews)
    processes.source.set_response(GOING)
    viewers = []
    for hub in processes.hubs:
        viewers.append(hub.subscribe([ONE]))
        processes.run(phase)
    processes.run(4 * POLL_INTERVAL)
    processes.source.set_response(ENDED)
    for viewer in viewers:
        viewer.collect()
    processes.run(POLL_INTERVAL + 2 * TICK)
    assert [viewer.collect()[0].snapshot is not None for viewer in viewers] == [True] * len(viewers)
    assert all(viewer.is_finished for viewer in viewers)


def test_a_process_that_joins_knows_the_state_at_once_and_looks_no_sooner() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(GOING)
    first, second = processes.hubs
    first.subscribe([ONE])
    processes.run(1.0, [first])
    viewer = second.subscribe([ONE])
    second.step()
    assert len(viewer.collect()) == 1
    assert len(processes.source.polls) == 1


def test_a_hundred_runs_on_four_processes_are_read_by_their_pages() -> None:
    processes = Processes(*(0.0,) * 4)
    run_keys = [RunKey(APP, JOB, number) for number in range(1, 101)]
    processes.source.set_response(GOING, *run_keys)
    viewers = processes.watch(*run_keys)
    processes.run(4 * POLL_INTERVAL)
    processes.source.polls.clear()
    processes.run(20 * POLL_INTERVAL)
    assert 4 * 19 <= len(processes.source.polls) <= 4 * 22
    processes.source.set_response(ENDED, *run_keys[:10])
    for viewer in viewers:
        viewer.collect()
    processes.run(POLL_INTERVAL + 2 * TICK)
    assert [len(viewer.collect()) for viewer in viewers] == [10] * 4


def test_who_claims_the_first_run_of_a_job_is_left_the_others_of_it() -> None:
    processes = Processes(0.0, 0.0)
    run_keys = [RunKey(APP, JOB, number) for number in range(1, 21)]
    processes.source.set_response(GOING, *run_keys)
    viewers = processes.watch(*run_keys)
    first, second = processes.hubs
    claim = processes.store.add

    def claim_and_let_the_other_step(key: str, value: str, timeout: float) -> bool:
        processes.store.add = claim  # type: ignore[method-assign]
        has_won = claim(key, value, timeout)
        second.step()
        return has_won

    processes.store.add = claim_and_let_the_other_step  # type: ignore[method-assign]
    first.step()
    assert len(processes.source.polls) == 1
    processes.run(2 * TICK)
    assert len(processes.source.polls) == 1
    assert [len(viewer.collect()) for viewer in viewers] == [20, 20]


def test_processes_that_watch_different_runs_of_a_job_wait_for_nobody() -> None:
    processes = Processes(0.0, 0.0)
    left, right = (
        [RunKey(APP, JOB, number) for number in numbers]
        for numbers in (
            range(1, 21),
            range(11, 31),
        )
    )
    processes.source.set_response(GOING, *left, *right)
    viewers = [hub.subscribe(runs) for hub, runs in zip(processes.hubs, (left, right), strict=True)]
    processes.run(4 * POLL_INTERVAL)
    processes.source.set_response(ENDED, *left, *right)
    for viewer in viewers:
        viewer.collect()
    processes.run(POLL_INTERVAL + 4 * TICK)
    assert all(len(viewer.collect()) == 20 for viewer in viewers)


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────


def test_a_process_that_dies_after_its_claim_delays_nobody_beyond_the_lease() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(GOING)
    dying, living = processes.hubs
    dying.subscribe([ONE])
    viewer = living.subscribe([ONE])
    processes.source.error = SystemExit()  # type: ignore[assignment]
    with pytest.raises(SystemExit):
        dying.step()
    processes.source.error = None
    processes.run(POLL_INTERVAL + 2 * TICK, [living])
    assert len(viewer.collect()) == 1


def test_a_claim_that_never_expires_stops_nobody() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(GOING)
    dying, living = processes.hubs
    dying.subscribe([ONE])
    viewer = living.subscribe([ONE])
    processes.store.forgets_to_expire = True
    processes.source.error = SystemExit()  # type: ignore[assignment]
    with pytest.raises(SystemExit):
        dying.step()
    processes.source.error = None
    processes.store.forgets_to_expire = False
    processes.run(2 * POLL_INTERVAL, [living])
    assert len(viewer.collect()) == 1
    processes.source.polls.clear()
    processes.run(10 * POLL_INTERVAL, [living])
    assert 9 <= len(processes.source.polls) <= 11


def test_a_store_that_goes_away_costs_looks_and_no_news(caplog: pytest.LogCaptureFixture) -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(GOING)
    viewers = processes.watch()
    processes.run(2 * POLL_INTERVAL)
    processes.store.is_away = True
    processes.source.set_response(run(words("TERMINATING"), start_time=1))
    for viewer in viewers:
        viewer.collect()
    processes.run(2 * POLL_INTERVAL)
    assert [len(viewer.collect()) for viewer in viewers] == [1, 1, 1]
    assert sum("shared cache is unavailable" in text for text in caplog.messages) == 3, (
        "once a process"
    )
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_store_that_comes_back_empty_is_shared_again() -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(GOING)
    processes.watch()
    processes.run(2 * POLL_INTERVAL)
    processes.store.is_away = True
    processes.run(4 * POLL_INTERVAL)
    processes.store.is_away = False
    processes.store.entries.clear()
    processes.run(4 * POLL_INTERVAL)
    processes.source.polls.clear()
    processes.run(10 * POLL_INTERVAL)
    assert 9 <= len(processes.source.polls) <= 11
    processes.source.polls.clear()
    late = processes.join()
    late.step()
    assert processes.source.polls == [], "the state is in the store again"


def test_a_pause_that_the_workspace_asks_one_process_for_is_kept_by_all() -> None:
    processes = Processes(0.0, 0.0, 0.0)
    processes.source.set_response(GOING)
    viewers = processes.watch()
    processes.run(2 * POLL_INTERVAL)
    processes.source.error = UpstreamThrottled("Slow down.", retry_after=30.0)
    processes.run(POLL_INTERVAL)
    processes.source.error = None
    processes.source.set_response(ENDED)
    processes.source.polls.clear()
    processes.run(20.0)
    assert processes.source.polls == []
    processes.run(15.0)
    assert all(viewer.collect() and viewer.is_finished for viewer in viewers)


def test_a_process_that_reaches_no_workspace_holds_up_no_other() -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(GOING)
    cut_off, other = processes.hubs
    viewer = other.subscribe([ONE])
    cut_off.subscribe([ONE])
    processes.source.error = UpstreamUnavailable("No way there.")
    cut_off.step()
    processes.source.error = None
    other.step()
    assert len(viewer.collect()) == 1


@pytest.mark.parametrize("changing", [0, 1])
def test_what_was_just_changed_is_looked_at_anew_by_all(changing: int) -> None:
    processes = Processes(0.0, 0.0)
    processes.source.set_response(GOING)
    viewers = processes.watch()
    processes.run(2 * POLL_INTERVAL)
    for viewer in viewers:
        viewer.collect()
    processes.source.set_response(run(words("TERMINATING"), start_time=1))
    processes.hubs[changing].invalidate(ONE)
    processes.hubs[changing].step()
    assert len(viewers[changing].collect()) == 1
    processes.run(POLL_INTERVAL)
    assert len(viewers[1 - changing].collect()) == 1


def test_what_was_changed_of_a_whole_job_is_looked_at_anew_and_no_other_job_is() -> None:
    processes = Processes(0.0, 0.0)
    run_keys = [RunKey(APP, JOB, 1), RunKey(APP, JOB, 2), RunKey(APP, named_job("other", 8), 3)]
    processes.source.set_response(GOING, *run_keys)
    viewers = processes.watch(*run_keys)
    processes.run(2 * POLL_INTERVAL)
    for viewer in viewers:
        viewer.collect()
    processes.source.set_response(run(words("TERMINATING"), start_time=1), *run_keys)
    hub, _ = processes.hubs
    hub.invalidate_job(JOB.job_id)
    hub.step()
    assert [news.run_key.run_id for news in viewers[0].collect()] == [1, 2]
    processes.run(POLL_INTERVAL)
    assert len(viewers[1].collect()) == 3


# ── viewers who poll ──────────────────────────────────────────────────────────────────────────────


def test_viewers_that_come_and_go_cost_no_look_each() -> None:
    """On a sync worker nobody stays: each viewer asks every few seconds."""
    processes = Processes()
    processes.source.set_response(GOING)
    hub = processes.alone()
    for _ in range(40 * 8):
        viewer = hub.subscribe([ONE])
        hub.step()
        assert len(viewer.collect()) == 1
        viewer.close()
        hub.step()
        assert hub.subscribed_run_count == 0
        processes.time.elapsed += POLL_INTERVAL / 40
    assert len(processes.source.polls) <= 9


# ── what is changed in the middle of a look ───────────────────────────────────────────────────────

FAILED = run(words("TERMINATED", "FAILED"), start_time=1, end_time=2)
REPAIRED = run(words("PENDING"), start_time=1, attempt_number=1)


def change_in_the_middle_of_a_look(processes: Processes, answer: Run, *changing: Hub) -> None:
    """Let a run be changed by some processes after the next look has been answered."""
    answered = processes.source.read_run

    def look(run_key: RunKey) -> ApiResponse[Run]:
        seen = answered(run_key)
        processes.source.read_run = answered  # type: ignore[method-assign]
        processes.source.set_response(answer)
        for hub in changing:
            hub.invalidate(ONE)
        return seen

    processes.source.read_run = look  # type: ignore[method-assign]


@pytest.mark.parametrize("changing", [0, 1], ids=["by us", "by another process"])
@pytest.mark.parametrize(
    ("before", "after"),
    [(FAILED, REPAIRED), (GOING, run(words("TERMINATING"), start_time=1))],
    ids=["repair", "cancel"],
)
def test_what_was_seen_before_a_change_is_shown_told_and_posted_to_nobody(
    before: Run, after: Run, changing: int
) -> None:
    processes = Processes(0.0, 0.0)
    looking, other = processes.hubs
    processes.source.set_response(before)
    viewer = looking.subscribe([ONE])
    change_in_the_middle_of_a_look(processes, after, processes.hubs[changing])
    assert looking.step() == 0, "another look is due at once"
    assert viewer.collect() == []
    assert processes.told == []
    late = other.subscribe([ONE])
    processes.run(2 * TICK)
    outcomes = [seen(watcher.collect()) for watcher in (viewer, late)]
    assert outcomes == [[outcome_of(after).value]] * 2
    assert [status.outcome for _, status in processes.told] == [outcome_of(after)] * 2


def test_a_change_after_a_look_was_taken_in_is_not_undone_by_what_it_posts() -> None:
    processes = Processes(0.0, 0.0)
    looking, _ = processes.hubs
    processes.source.set_response(FAILED)
    looking.subscribe([ONE])
    put = processes.store.set

    def set_and_change(key: str, value: str, timeout: float) -> bool:
        if "state:" in key:
            processes.store.set = put  # type: ignore[method-assign]
            processes.source.set_response(REPAIRED)
            looking.invalidate(ONE)
        return put(key, value, timeout)

    processes.store.set = set_and_change  # type: ignore[method-assign]
    looking.step()
    late = [hub.subscribe([ONE]) for hub in processes.hubs]
    processes.run(2 * TICK)
    assert [seen(viewer.collect()) for viewer in late] == [["pending"]] * 2


def test_a_hint_in_the_middle_of_a_look_has_another_one_made_and_this_one_shown() -> None:
    """Or the hints of many tasks would keep a run from being shown at all."""
    processes = Processes(0.0)
    [hub] = processes.hubs
    processes.source.set_response(GOING)
    viewer = hub.subscribe([ONE])
    answered = processes.source.read_run

    def hinted(run_key: RunKey) -> ApiResponse[Run]:
        hub.receive_notification(JOB.job_id, ONE.run_id, [ONE])
        return answered(run_key)

    processes.source.read_run = hinted  # type: ignore[method-assign]
    assert hub.step() == 0
    assert seen(viewer.collect()) == ["running"]
