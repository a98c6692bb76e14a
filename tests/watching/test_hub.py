"""One watch a run, however many look on: what viewers are told, and how often anybody looks."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from databricks.sdk.service.jobs import BaseRun, Run
from flask import Flask

from flask_lakeflow_jobs import (
    RunNotFound,
    RunStatus,
    UpstreamThrottled,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.clock import Clock, SystemClock
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.shared import Shared
from flask_lakeflow_jobs.watching import Hub, News, Subscription, Target
from flask_lakeflow_jobs.watching.schedule import FLOOR
from flask_lakeflow_jobs.watching.snapshot import state_id
from tests.clocks import FakeClock
from tests.runs import FAILED, SUCCEEDED, Document, named_job, run, words
from tests.support import DEADLINE, wait_until

POLL_INTERVAL = 5.0

QUEUED = run(words("QUEUED"))
RUNNING = run(words("RUNNING"))
ENDED = run(SUCCEEDED)

JOB = named_job()
ONE = Target(APP, JOB, 1001)


class Workspace:
    """Answers looks with what it is told to, and counts them."""

    def __init__(self) -> None:
        self.answers: dict[int, Run | BaseException] = {}
        self.past: list[BaseRun] = []
        self.lists = 0
        self.looks: list[Target] = []

    def says(self, answer: Run | BaseException, target: Target = ONE) -> None:
        self.answers[target.run_id] = answer

    def run(self, target: Target) -> Run:
        self.looks.append(target)
        answer = self.answers[target.run_id]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def active_runs(self, target: Target, most: int) -> list[Run]:
        self.lists += 1
        return [
            answer
            for answer in self.answers.values()
            if isinstance(answer, Run) and not state_id(answer).is_terminal
        ][:most]

    def ended_runs(self, target: Target) -> list[BaseRun]:
        return self.past

    def restore(self, stored: dict[str, Any]) -> RunStatus:
        return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


class Watched:
    """A hub whose looks are made by :meth:`look` only, and whose time stands still."""

    def __init__(
        self,
        shared: Shared | None = None,
        clock: Clock | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        self.clock = clock if isinstance(clock, FakeClock) else FakeClock()
        self.workspace = workspace or Workspace()
        self.told: list[tuple[Target, RunStatus]] = []
        self.hub = Hub(
            self.workspace,
            lambda target, status: self.told.append((target, status)),
            shared or Shared.of(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
            clock or self.clock,
            poll_interval=POLL_INTERVAL,
            settled_for=60.0,
            spawn=None,
        )

    def subscribe(self, *targets: Target, **seen: Any) -> Subscription:
        return self.hub.subscribe(targets or [ONE], **seen)

    def look(self, answer: Run | BaseException | None = None, *, after: float = 0.0) -> float:
        """Have the looks made that are due; the time until the next."""
        if answer is not None:
            self.workspace.says(answer)
        self.clock.sleep(after)
        return self.hub.step()


@pytest.fixture
def watched() -> Watched:
    return Watched()


def is_over(viewer: Subscription) -> bool:
    return viewer.is_over


def seen(news: list[News]) -> list[str]:
    """The outcomes of the new states."""
    return [item.snapshot.status.outcome.value for item in news if item.snapshot is not None]


# ── what a viewer is told ─────────────────────────────────────────────────────────────────────────


def test_the_first_look_comes_at_once_and_its_state_is_news(watched: Watched) -> None:
    viewer = watched.subscribe()
    assert viewer.collect() == []
    watched.look(RUNNING)
    [news] = viewer.first(0.0)
    assert news.target == ONE
    assert news.snapshot is not None
    assert news.snapshot.status.timestamp == int(watched.clock.now() * 1000)
    assert not is_over(viewer)


def test_only_what_changed_is_news(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(QUEUED)
    assert seen(viewer.collect()) == ["queued"]
    for _ in range(3):
        watched.look(QUEUED, after=POLL_INTERVAL)
        assert viewer.wait(0.0) == []
    watched.look(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.wait(0.0)) == ["running"]
    assert len(watched.workspace.looks) == 5


def test_the_end_is_the_last_news_and_the_last_look(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert not is_over(viewer), "the viewer does not know yet"
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_over(viewer)
    watched.look(after=3600.0)
    assert len(watched.workspace.looks) == 2
    assert viewer.wait(DEADLINE) == [], "there is nothing to wait for"


def test_a_state_between_two_waits_is_not_lost(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(QUEUED)
    viewer.first(0.0)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.wait(DEADLINE)) == ["succeeded"]


def test_a_slow_viewer_is_told_the_present_state_and_not_each_one_it_missed(
    watched: Watched,
) -> None:
    viewer = watched.subscribe()
    for state in (QUEUED, RUNNING, run(words("TERMINATING")), ENDED):
        watched.look(state, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]
    assert is_over(viewer)


@pytest.mark.parametrize(
    ("known", "expected"),
    [(None, ["running"]), (QUEUED, ["running"]), (RUNNING, []), (ENDED, [])],
)
def test_a_viewer_that_comes_back_is_told_what_it_has_not_seen_and_nothing_older(
    watched: Watched, known: Run | None, expected: list[str]
) -> None:
    viewer = watched.subscribe(seen={ONE: state_id(known)} if known else {})
    watched.look(RUNNING)
    assert seen(viewer.first(0.0)) == expected


def test_a_viewer_that_has_seen_the_end_is_told_nothing(watched: Watched) -> None:
    viewer = watched.subscribe(seen={ONE: state_id(ENDED)})
    watched.look(ENDED)
    assert viewer.first(0.0) == []
    assert is_over(viewer)


def test_a_look_that_lags_behind_takes_nothing_back(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    watched.look(QUEUED, after=POLL_INTERVAL)
    assert viewer.collect() == []
    late = watched.subscribe()
    assert seen(late.first(0.0)) == ["running"]


def test_several_runs_are_followed_until_the_last_has_ended(watched: Watched) -> None:
    two = Target(APP, JOB, 1002)
    viewer = watched.subscribe(ONE, two, ONE)
    watched.workspace.says(ENDED)
    watched.workspace.says(RUNNING, two)
    watched.look()
    news = viewer.first(0.0)
    assert {item.target: outcome for item, outcome in zip(news, seen(news), strict=True)} == {
        ONE: "succeeded",
        two: "running",
    }
    assert not is_over(viewer)
    watched.workspace.says(run(FAILED), two)
    watched.look(after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["failed"]
    assert is_over(viewer)
    assert len([look for look in watched.workspace.looks if look == ONE]) == 1


# ── trouble upstream ──────────────────────────────────────────────────────────────────────────────


def test_trouble_that_may_pass_is_told_once_and_is_not_the_end(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    for _ in range(3):
        watched.look(UpstreamUnavailable("Not now."), after=2 * POLL_INTERVAL)
    [stale] = viewer.collect()
    assert isinstance(stale.trouble, UpstreamUnavailable)
    assert not is_over(viewer)
    watched.look(RUNNING, after=2 * POLL_INTERVAL)
    [fresh] = viewer.collect()
    assert fresh.recovered
    assert fresh.trouble is None
    watched.look(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]


def test_trouble_at_the_first_look_is_told_and_then_the_state(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(UpstreamUnavailable("Not now."))
    [stale] = viewer.first(0.0)
    assert stale.trouble is not None
    watched.look(RUNNING, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["running"]


def test_a_viewer_that_comes_in_trouble_gets_the_last_state_too(watched: Watched) -> None:
    watched.subscribe()
    watched.look(RUNNING)
    watched.look(UpstreamUnavailable("Not now."), after=POLL_INTERVAL)
    news = watched.subscribe().first(0.0)
    assert seen(news) == ["running"]
    assert news[-1].trouble is not None


def test_looks_that_fail_come_less_and_less_often_up_to_the_poll_interval(
    watched: Watched,
) -> None:
    watched.subscribe()
    pauses = [watched.look(UpstreamUnavailable("Not now."))]
    for _ in range(6):
        pauses.append(watched.look(after=pauses[-1]))
    assert pauses == sorted(pauses)
    assert pauses[0] <= 2 * FLOOR
    assert pauses[-1] == POLL_INTERVAL


def test_the_wait_that_the_workspace_asks_for_is_kept(watched: Watched) -> None:
    watched.subscribe()
    assert watched.look(UpstreamThrottled("Slow down.", retry_after=30.0)) == 30.0
    watched.look(after=29.0)
    assert len(watched.workspace.looks) == 1
    watched.look(RUNNING, after=1.0)
    assert len(watched.workspace.looks) == 2


def test_what_cannot_pass_is_the_end(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(RUNNING)
    viewer.collect()
    watched.look(RunNotFound(1001, "etl"), after=POLL_INTERVAL)
    [news] = viewer.collect()
    assert isinstance(news.error, RunNotFound)
    assert is_over(viewer)
    watched.look(after=3600.0)
    assert len(watched.workspace.looks) == 2


def test_a_mistake_of_our_own_is_logged_and_does_not_stop_the_watch(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = watched.subscribe()
    with caplog.at_level(logging.ERROR):
        watched.look(KeyError("surprise"))
    assert "surprise" in caplog.text
    watched.look(RUNNING, after=1.0)
    assert seen(viewer.collect()) == ["running"]


# ── how often anybody looks ───────────────────────────────────────────────────────────────────────


def test_forty_viewers_cost_one_look(watched: Watched) -> None:
    viewers = [watched.subscribe() for _ in range(40)]
    watched.look(RUNNING)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert len(watched.workspace.looks) == 2
    assert [seen(viewer.collect()) for viewer in viewers] == [["succeeded"]] * 40
    assert all(is_over(viewer) for viewer in viewers)


def test_nobody_looks_before_a_look_is_due(watched: Watched) -> None:
    watched.subscribe()
    pause = watched.look(RUNNING)
    assert FLOOR <= pause <= POLL_INTERVAL
    watched.look(after=pause * 0.9)
    assert len(watched.workspace.looks) == 1
    watched.look(after=pause * 0.1)
    assert len(watched.workspace.looks) == 2


def test_a_run_that_goes_on_for_hours_is_looked_at_every_poll_interval(watched: Watched) -> None:
    watched.subscribe()
    started = int(watched.clock.now() * 1000)
    watched.clock.sleep(7200.0)
    assert watched.look(run(start_time=started)) == POLL_INTERVAL


def test_the_first_viewer_starts_a_watch_and_the_last_one_stops_it(watched: Watched) -> None:
    first, second = watched.subscribe(), watched.subscribe()
    assert watched.hub.watched == 1
    watched.look(RUNNING)
    first.close()
    first.close()
    assert watched.hub.watched == 1
    second.close()
    assert watched.hub.watched == 0
    watched.look(after=3600.0)
    assert len(watched.workspace.looks) == 1
    assert second.collect() == []


def test_a_viewer_of_an_ended_run_has_it_looked_at_anew(watched: Watched) -> None:
    """A repair may have made it go on."""
    before = watched.subscribe()
    watched.look(ENDED)
    before.collect()
    after = watched.subscribe()
    watched.look(run(attempt_number=1))
    assert seen(after.first(0.0)) == ["running"]
    assert before.collect() == []


def test_a_run_that_was_just_changed_is_looked_at_at_once(watched: Watched) -> None:
    viewer = watched.subscribe()
    watched.look(run(start_time=1))
    viewer.collect()
    watched.hub.forget(ONE)
    watched.look(run(words("TERMINATING")))
    assert seen(viewer.collect()) == ["terminating"]


def test_what_one_identity_sees_is_shown_to_no_other(watched: Watched) -> None:
    alice = Target(Identity("token-of-alice"), JOB, 1001)
    viewers = watched.subscribe(ONE), watched.subscribe(alice)
    watched.workspace.says(RUNNING)
    watched.look()
    assert set(watched.workspace.looks) == {ONE, alice}
    assert [item.target for viewer in viewers for item in viewer.collect()] == [ONE, alice]


def test_many_runs_of_one_job_are_looked_at_together(watched: Watched) -> None:
    targets = [Target(APP, JOB, number) for number in range(1, 21)]
    for target in targets:
        watched.workspace.says(run(run_id=target.run_id), target)
    viewer = watched.subscribe(*targets)
    watched.look()
    assert (watched.workspace.lists, watched.workspace.looks) == (1, [])
    assert len(viewer.first(0.0)) == 20
    watched.workspace.says(run(SUCCEEDED, run_id=5), targets[4])
    watched.look(after=POLL_INTERVAL)
    assert (watched.workspace.lists, watched.workspace.looks) == (2, [targets[4]])
    assert seen(viewer.collect()) == ["succeeded"]


# ── how long a run will take ──────────────────────────────────────────────────────────────────────


def past(*seconds: float) -> list[BaseRun]:
    return [
        BaseRun.from_dict({**SUCCEEDED, "start_time": 1, "end_time": 1 + int(second * 1000)})
        for second in seconds
    ]


def lasting(watched: Watched, seconds: float, doing: Document = SUCCEEDED, number: int = 1) -> Run:
    """A run that has just ended."""
    now = int(watched.clock.now() * 1000)
    return run(doing, start_time=now - int(seconds * 1000), end_time=now, attempt_number=number)


def expected(watched: Watched) -> float | None:
    """Seconds from the start of a run to its expected end, as the viewers of it are told."""
    target = Target(APP, JOB, 4711)
    started = int(watched.clock.now() * 1000)
    watched.workspace.says(run(run_id=4711, start_time=started), target)
    viewer = watched.subscribe(target)
    watched.look()
    [news] = viewer.first(0.0)
    viewer.close()
    assert news.snapshot is not None
    eta = news.snapshot.status.eta
    return None if eta is None else (eta - started) / 1000


def test_past_runs_foretell_the_end_of_this_one(watched: Watched) -> None:
    assert expected(watched) is None
    watched = Watched()
    watched.workspace.past = past(29.0, 30.0, 31.0)
    assert expected(watched) == 30.0


def test_while_no_past_run_was_over_nobody_looks(watched: Watched) -> None:
    watched.workspace.past = past(4.0, 4.0, 4.0)
    watched.subscribe()
    pause = watched.look(run(start_time=int(watched.clock.now() * 1000)))
    assert pause == pytest.approx(4.0, abs=0.01)


def test_what_is_watched_to_its_end_becomes_the_past(watched: Watched) -> None:
    watched.workspace.past = past(10.0, 10.0)
    watched.subscribe()
    watched.look(RUNNING)
    watched.look(lasting(watched, 10.0), after=POLL_INTERVAL)
    assert expected(watched) == 10.0


@pytest.mark.parametrize("doing", [FAILED, words("TERMINATED", "CANCELED")])
def test_what_ended_badly_foretells_nothing(watched: Watched, doing: Document) -> None:
    watched.workspace.past = past(30.0, 30.0)
    watched.subscribe()
    watched.look(RUNNING)
    watched.look(lasting(watched, 1.0, doing), after=POLL_INTERVAL)
    assert expected(watched) is None


def test_an_ended_run_that_many_look_at_counts_once(watched: Watched) -> None:
    watched.workspace.past = past(30.0, 30.0, 30.0)
    for _ in range(20):
        viewer = watched.subscribe()
        watched.look(lasting(watched, 1.0))
        viewer.close()
    assert expected(watched) == 30.0


# ── who is told beside the viewers ────────────────────────────────────────────────────────────────


def test_each_new_state_is_announced_once_however_many_look_on(watched: Watched) -> None:
    for _ in range(3):
        watched.subscribe()
    for state in (QUEUED, QUEUED, RUNNING, ENDED):
        watched.look(state, after=POLL_INTERVAL)
    again = watched.subscribe()
    watched.look(ENDED)
    assert seen(again.collect()) == ["succeeded"]
    assert [(target, status.outcome.value) for target, status in watched.told] == [
        (ONE, "queued"),
        (ONE, "running"),
        (ONE, "succeeded"),
    ]


def test_an_end_that_two_identities_see_is_announced_once(watched: Watched) -> None:
    watched.subscribe(ONE)
    watched.subscribe(Target(Identity("token-of-alice"), JOB, 1001))
    watched.look(ENDED)
    assert [status.outcome.value for _, status in watched.told] == ["succeeded"]


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


def processes(number: int) -> list[Watched]:
    """Hubs of several processes, in front of one workspace and with one store."""
    clock, workspace = FakeClock(), Workspace()
    store = Store(clock)
    return [Watched(Shared(store), clock, workspace) for _ in range(number)]


def test_processes_that_share_a_store_look_once() -> None:
    hubs = processes(4)
    viewers = [watched.subscribe() for watched in hubs]
    workspace, clock = hubs[0].workspace, hubs[0].clock
    for answer, word in ((RUNNING, "running"), (ENDED, "succeeded")):
        workspace.says(answer)
        workspace.looks.clear()
        for watched in hubs:
            watched.look()
        assert len(workspace.looks) == 1
        assert [seen(viewer.collect()) for viewer in viewers] == [[word]] * 4
        clock.sleep(POLL_INTERVAL)


def test_a_state_that_lasts_for_hours_stays_shared() -> None:
    hubs = processes(3)
    viewers = [watched.subscribe() for watched in hubs]
    workspace, clock = hubs[0].workspace, hubs[0].clock
    workspace.says(run(start_time=int(clock.now() * 1000)))
    hours = 3 * 3600.0
    while clock.elapsed < hours:
        clock.sleep(min(watched.hub.step() for watched in hubs) or 0.25)
    assert len(workspace.looks) <= 1.2 * hours / POLL_INTERVAL
    assert [seen(viewer.collect()) for viewer in viewers] == [["running"]] * 3


def test_a_process_that_dies_while_it_looks_holds_nobody_up_for_long() -> None:
    dying, living = processes(2)
    dying.subscribe()
    viewer = living.subscribe()
    with pytest.raises(SystemExit):
        dying.look(SystemExit())
    living.workspace.says(RUNNING)
    living.look()
    assert viewer.collect() == [], "the other one has claimed the look"
    for _ in range(int(2 * POLL_INTERVAL)):
        living.look(after=1.0)
    assert seen(viewer.collect()) == ["running"]


class NoStore:
    """A store that is away."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("The store is away.")


def test_without_its_store_a_process_looks_itself() -> None:
    watched = Watched(Shared(NoStore()))
    viewer = watched.subscribe()
    watched.look(RUNNING)
    watched.look(ENDED, after=POLL_INTERVAL)
    assert seen(viewer.collect()) == ["succeeded"]


# ── real threads ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("others", [[], [Target(APP, JOB, 1002)]])
def test_a_viewer_that_waits_is_woken_by_a_look(others: list[Target]) -> None:
    watched = Watched(clock=SystemClock())
    for target in (ONE, *others):
        watched.workspace.says(RUNNING, target)
    viewer = watched.subscribe(ONE, *others)
    watched.hub.step()
    viewer.first(0.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(viewer.wait, DEADLINE)
        watched.workspace.says(ENDED)
        watched.hub.forget(ONE)
        watched.hub.step()
        assert seen(waiting.result(DEADLINE)) == ["succeeded"]


def test_a_viewer_gives_up_when_it_is_woken_for_it() -> None:
    watched = Watched(clock=SystemClock())
    watched.workspace.says(RUNNING)
    viewer = watched.subscribe()
    watched.hub.step()
    viewer.first(0.0)
    assert viewer.wait(DEADLINE, give_up=lambda: True) == []


def test_a_watch_looks_by_itself_and_ends_with_its_viewers() -> None:
    workspace = Workspace()
    workspace.says(ENDED)
    hub = Hub(
        workspace,
        lambda *_: None,
        Shared.of(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None),
        SystemClock(),
        poll_interval=POLL_INTERVAL,
        settled_for=60.0,
    )
    viewer = hub.subscribe([ONE])
    assert seen(viewer.first(DEADLINE)) == ["succeeded"]
    viewer.close()
    wait_until(lambda: hub.watched == 0, "The end of the watch")
