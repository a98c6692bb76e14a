"""One watch a run, however many look on: how often anybody looks, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_lakeflow_jobs.cache import SharedCache
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.watching.history import END_SERVES
from flask_lakeflow_jobs.watching.hub import Hub
from flask_lakeflow_jobs.watching.schedule import FLOOR
from flask_lakeflow_jobs.watching.watched_run import RunKey
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, run, words
from tests.watching.support import (
    ENDED,
    JOB,
    ONE,
    POLL_INTERVAL,
    QUEUED,
    RUNNING,
    FakeSource,
    HubHarness,
    is_finished,
    seen,
)

# ── how often anybody looks ───────────────────────────────────────────────────────────────────────


def test_forty_viewers_cost_one_look(watched: HubHarness) -> None:
    viewers = [watched.subscribe() for _ in range(40)]
    watched.poll(RUNNING)
    watched.poll(ENDED, after=POLL_INTERVAL)
    assert len(watched.source.polls) == 2
    assert [seen(viewer.collect()) for viewer in viewers] == [["succeeded"]] * 40
    assert all(is_finished(viewer) for viewer in viewers)


def test_nobody_looks_before_a_look_is_due(watched: HubHarness) -> None:
    watched.subscribe()
    delay = watched.poll(RUNNING)
    assert FLOOR <= delay <= POLL_INTERVAL
    watched.poll(after=delay * 0.9)
    assert len(watched.source.polls) == 1
    watched.poll(after=delay * 0.1)
    assert len(watched.source.polls) == 2


def test_a_run_that_goes_on_for_hours_is_looked_at_every_poll_interval(watched: HubHarness) -> None:
    watched.subscribe()
    started = int(watched.clock.now() * 1000)
    watched.clock.sleep(7200.0)
    assert watched.poll(run(start_time=started)) == POLL_INTERVAL


def test_the_first_viewer_starts_a_watch_and_the_last_one_stops_it(watched: HubHarness) -> None:
    first, second = watched.subscribe(), watched.subscribe()
    assert watched.hub.subscribed_run_count == 1
    watched.poll(RUNNING)
    first.close()
    first.close()
    assert watched.hub.subscribed_run_count == 1
    second.close()
    assert watched.hub.subscribed_run_count == 0
    watched.poll(after=3600.0)
    assert len(watched.source.polls) == 1
    assert second.collect() == []


def test_however_many_come_just_after_its_end_a_run_is_looked_at_once(watched: HubHarness) -> None:
    watched.source.set_response(ENDED)
    for _ in range(40):
        viewer = watched.subscribe()
        watched.poll(after=END_SERVES / 80)
        assert seen(viewer.wait_for_first(0.0)) == ["succeeded"]
        assert is_finished(viewer)
        viewer.close()
    assert len(watched.source.polls) == 1


def test_an_ended_run_that_was_just_changed_is_looked_at_anew_at_once(watched: HubHarness) -> None:
    before = watched.subscribe()
    watched.poll(ENDED)
    before.collect()
    watched.hub.invalidate(ONE)
    after = watched.subscribe()
    watched.poll(run(attempt_number=1))
    assert seen(after.wait_for_first(0.0)) == ["running"]


def test_a_hint_has_an_ended_run_looked_at_anew_at_once(watched: HubHarness) -> None:
    before = watched.subscribe()
    watched.poll(ENDED)
    before.collect()
    watched.hub.receive_notification(JOB.job_id, ONE.run_id, [ONE])
    watched.poll(run(attempt_number=1))
    assert seen(watched.subscribe().wait_for_first(0.0)) == ["running"]


def test_a_viewer_of_an_ended_run_has_it_looked_at_anew(watched: HubHarness) -> None:
    """A repair may have made it go on."""
    before = watched.subscribe()
    watched.poll(ENDED)
    before.collect()
    watched.clock.sleep(END_SERVES)
    after = watched.subscribe()
    watched.poll(run(attempt_number=1))
    assert seen(after.wait_for_first(0.0)) == ["running"]
    assert before.collect() == []


def test_a_run_that_was_just_changed_is_looked_at_at_once(watched: HubHarness) -> None:
    viewer = watched.subscribe()
    watched.poll(run(start_time=1))
    viewer.collect()
    watched.hub.invalidate(ONE)
    watched.poll(run(words("TERMINATING")))
    assert seen(viewer.collect()) == ["terminating"]


def test_what_one_identity_sees_is_shown_to_no_other(watched: HubHarness) -> None:
    alice = RunKey(Identity("token-of-alice"), JOB, 1001)
    viewers = watched.subscribe(ONE), watched.subscribe(alice)
    watched.source.set_response(RUNNING)
    watched.poll()
    assert set(watched.source.polls) == {ONE, alice}
    assert [item.run_key for viewer in viewers for item in viewer.collect()] == [ONE, alice]


def test_many_runs_of_one_job_are_looked_at_together(watched: HubHarness) -> None:
    run_keys = [RunKey(APP, JOB, number) for number in range(1, 21)]
    for run_key in run_keys:
        watched.source.set_response(run(run_id=run_key.run_id), run_key)
    viewer = watched.subscribe(*run_keys)
    watched.poll()
    assert (watched.source.list_calls, watched.source.polls) == (1, [])
    assert len(viewer.wait_for_first(0.0)) == 20
    watched.source.set_response(run(SUCCEEDED, run_id=5), run_keys[4])
    watched.poll(after=POLL_INTERVAL)
    assert (watched.source.list_calls, watched.source.polls) == (2, [run_keys[4]])
    assert seen(viewer.collect()) == ["succeeded"]


# ── who is told beside the viewers ────────────────────────────────────────────────────────────────


def test_each_new_state_is_announced_once_however_many_look_on(watched: HubHarness) -> None:
    for _ in range(3):
        watched.subscribe()
    for state in (QUEUED, QUEUED, RUNNING, ENDED):
        watched.poll(state, after=POLL_INTERVAL)
    again = watched.subscribe()
    watched.poll(ENDED)
    assert seen(again.collect()) == ["succeeded"]
    assert [(run_key, status.outcome.value) for run_key, status in watched.told] == [
        (ONE, "queued"),
        (ONE, "running"),
        (ONE, "succeeded"),
    ]


def test_an_end_that_two_identities_see_is_announced_once(watched: HubHarness) -> None:
    watched.subscribe(ONE)
    watched.subscribe(RunKey(Identity("token-of-alice"), JOB, 1001))
    watched.poll(ENDED)
    assert [status.outcome.value for _, status in watched.told] == ["succeeded"]


@pytest.mark.parametrize(
    ("change", "told"), [(Hub.invalidate, ["succeeded"]), (Hub.reset, ["succeeded"] * 2)]
)
def test_an_end_is_announced_again_only_where_the_run_went_on_after_it(
    watched: HubHarness, change: Callable[[Hub, RunKey], None], told: list[str]
) -> None:
    watched.subscribe()
    watched.poll(ENDED)
    change(watched.hub, ONE)
    watched.subscribe()
    watched.poll(ENDED)
    assert [status.outcome.value for _, status in watched.told] == told
    assert len(watched.source.polls) == 2


# ── several processes ─────────────────────────────────────────────────────────────────────────────


class Store:
    """A store whose entries expire by the time of the test.

    :param clock: that time.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._entries: dict[str, tuple[float, str]] = {}

    def get(self, key: str) -> str | None:
        expires, value = self._entries.get(key, (0.0, None))
        return value if self._clock.monotonic() < expires else None

    def set(self, key: str, value: str, timeout: int) -> bool:
        self._entries[key] = self._clock.monotonic() + timeout, value
        return True

    def add(self, key: str, value: str, timeout: int) -> bool:
        return self.get(key) is None and self.set(key, value, timeout)

    def delete(self, key: str) -> bool:
        return self._entries.pop(key, None) is not None


def processes(number: int) -> list[HubHarness]:
    """Hubs of several processes, in front of one workspace and with one store."""
    clock, source = FakeClock(), FakeSource()
    store = Store(clock)
    return [HubHarness(SharedCache(store), clock, source) for _ in range(number)]


def test_processes_that_share_a_store_look_once() -> None:
    hubs = processes(4)
    viewers = [watched.subscribe() for watched in hubs]
    source, clock = hubs[0].source, hubs[0].clock
    for answer, word in ((RUNNING, "running"), (ENDED, "succeeded")):
        source.set_response(answer)
        source.polls.clear()
        for watched in hubs:
            watched.poll()
        assert len(source.polls) == 1
        assert [seen(viewer.collect()) for viewer in viewers] == [[word]] * 4
        clock.sleep(POLL_INTERVAL)


def test_a_state_that_lasts_for_hours_stays_shared() -> None:
    hubs = processes(3)
    viewers = [watched.subscribe() for watched in hubs]
    source, clock = hubs[0].source, hubs[0].clock
    source.set_response(run(start_time=int(clock.now() * 1000)))
    hours = 3 * 3600.0
    while clock.elapsed < hours:
        clock.sleep(min(watched.hub.step() for watched in hubs) or 0.25)
    assert len(source.polls) <= 1.2 * hours / POLL_INTERVAL
    assert [seen(viewer.collect()) for viewer in viewers] == [["running"]] * 3


def test_a_process_that_dies_while_it_looks_holds_nobody_up_for_long() -> None:
    dying, living = processes(2)
    dying.subscribe()
    viewer = living.subscribe()
    with pytest.raises(SystemExit):
        dying.poll(SystemExit())
    living.source.set_response(RUNNING)
    living.poll()
    assert viewer.collect() == [], "the other one has claimed the look"
    for _ in range(int(2 * POLL_INTERVAL)):
        living.poll(after=1.0)
    assert seen(viewer.collect()) == ["running"]


class NoStore:
    """A store that is away."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("The store is away.")


def test_without_its_store_a_process_looks_itself() -> None:
    watched = HubHarness(SharedCache(NoStore()))
    viewer = watched.subscribe()
    watched.poll(RUNNING)
    watched.poll(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]
