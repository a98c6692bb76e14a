"""What processes tell each other of a run, and whose turn a look is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from databricks.sdk.service.jobs import Run
from flask import Flask
from flask_caching.backends import SimpleCache

from flask_lakeflow_jobs import RunStatus
from flask_lakeflow_jobs.cache import PREFIX, SharedCache
from flask_lakeflow_jobs.identity import APP, Identity
from flask_lakeflow_jobs.watching import RunKey, Snapshot
from flask_lakeflow_jobs.watching.lease import Turn, Turns
from flask_lakeflow_jobs.watching.shared_record import Board
from flask_lakeflow_jobs.watching.watched_run import WatchedRun
from tests.clocks import FakeClock
from tests.run_documents import SUCCEEDED, named_job, run, words

LEASE = 5.0

ONE = RunKey(APP, named_job(), 1001)
ALICES = RunKey(Identity("token-of-alice"), named_job(), 1001)
OTHER_KEY = RunKey(APP, named_job("other"), 1001)

RUNNING = Snapshot.of(RunStatus(1, run(), eta=5))
ENDED = Snapshot.of(RunStatus(2, run(SUCCEEDED)))


class Store(SimpleCache):
    """A store of which it is not known that no other process sees it."""


def restore(stored: dict[str, Any]) -> RunStatus:
    return RunStatus(stored["timestamp"], Run.from_dict(stored["run"]), stored.get("eta"))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(store: Store, clock: FakeClock) -> Board:
    return Board(SharedCache(store), restore, clock, LEASE)


def test_what_is_told_is_read_by_others(board: Board, store: Store, clock: FakeClock) -> None:
    other = Board(SharedCache(store), restore, FakeClock(), LEASE)
    assert other.post(ONE) is None
    assert other.state(ONE) is None
    board.store(ONE, RUNNING)
    number = board.tell(ONE, RUNNING, 2.5)
    post, state = other.post(ONE), other.state(ONE)
    assert post is not None
    assert (post.number, post.state, post.pause) == (number, str(RUNNING.id), 2.5)
    assert post.at == clock.now()
    assert state is not None
    assert (state.id, state.data) == (RUNNING.id, RUNNING.data)
    assert state.status == RUNNING.status


def test_each_look_has_a_number_of_its_own(board: Board) -> None:
    assert len({board.tell(ONE, RUNNING, 1.0) for _ in range(100)}) == 100


@pytest.mark.parametrize("other", [ALICES, OTHER_KEY], ids=["identity", "key"])
def test_nothing_is_told_to_other_identities_or_keys(board: Board, other: RunKey) -> None:
    board.store(ONE, RUNNING)
    number = board.tell(ONE, RUNNING, 1.0)
    assert board.post(other) is None
    assert board.state(other) is None
    assert board.claim(ONE, number)
    assert board.claim(other, number)


def test_a_token_is_in_no_name_of_what_is_stored() -> None:
    assert "token-of-alice" not in ALICES.key


def test_one_process_has_a_claim_until_it_gives_it_back_or_the_next_look(board: Board) -> None:
    assert board.claim(ONE, "1")
    assert not board.claim(ONE, "1")
    assert board.claim(ONE, "2")
    board.release(ONE, "1")
    assert board.claim(ONE, "1")


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_claim_holds_as_long_as_the_store_shows_it(
    board: Board, store: Store, monkeypatch: pytest.MonkeyPatch, is_expired: bool
) -> None:
    """The file cache of cachelib adds nothing in place of what has expired."""
    assert board.claim(ONE, "1")
    if is_expired:
        monkeypatch.setattr(store, "get", lambda key: None)
    assert board.claim(ONE, "1") is is_expired


def test_one_state_of_a_run_is_kept_and_not_each(board: Board, store: Store) -> None:
    for number in range(10):
        board.store(ONE, Snapshot.of(RunStatus(number, run(words("RUNNING", message=f"{number}")))))
    assert len(store._cache) == 1


def test_what_is_stored_is_text(board: Board, store: Store) -> None:
    board.store(ONE, RUNNING)
    board.tell(ONE, RUNNING, 1.0)
    names = [f"{PREFIX}watch:{ONE.key}", f"{PREFIX}state:{ONE.key}"]
    assert [json.loads(store.get(name))["version"] for name in names] == [1, 1]


# ── turns ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_process_that_shares_nothing_looks_itself_and_stores_nothing(clock: FakeClock) -> None:
    shared = SharedCache.of(Flask(__name__), {"CACHE_TYPE": "SimpleCache"}, None)
    turns = Turns(Board(shared, restore, clock, LEASE), clock, LEASE)
    feed = WatchedRun(ONE, 0.0)
    assert turns.next(feed) == (Turn.OURS, None)
    turns.made(feed, RUNNING, 1.0, is_new=True)
    assert shared.get(f"watch:{ONE.key}") is None


class Process:
    """One that watches the run.

    :param board: where it meets the others.
    """

    def __init__(self, board: Board, clock: FakeClock) -> None:
        self.turns = Turns(board, clock, LEASE)
        self.feed = WatchedRun(ONE, 0.0)

    def look(self, snapshot: Snapshot, pause: float = 4.0) -> None:
        turn, _ = self.turns.next(self.feed)
        assert turn is Turn.OURS
        is_new = self.feed.show(snapshot=snapshot)
        self.turns.made(self.feed, snapshot, pause, is_new=is_new)


@pytest.fixture
def first(board: Board, clock: FakeClock) -> Process:
    return Process(board, clock)


@pytest.fixture
def second(board: Board, clock: FakeClock) -> Process:
    return Process(board, clock)


def test_who_comes_second_waits_and_is_told(first: Process, second: Process) -> None:
    assert first.turns.next(first.feed) == (Turn.OURS, None)
    assert second.turns.next(second.feed) == (Turn.TAKEN, None)
    first.feed.show(snapshot=RUNNING)
    first.turns.made(first.feed, RUNNING, 4.0, is_new=True)
    turn, snapshot = second.turns.next(second.feed)
    assert turn is Turn.MADE
    assert snapshot is not None
    assert snapshot.data == RUNNING.data
    assert second.turns.next(second.feed) == (Turn.MADE, None), "that is no news any more"


def test_a_look_is_relied_on_as_long_as_its_maker_does(
    first: Process, second: Process, clock: FakeClock
) -> None:
    first.look(RUNNING, pause=4.0)
    clock.sleep(3.0)
    assert second.turns.next(second.feed)[0] is Turn.MADE
    clock.sleep(0.5)
    assert second.turns.next(second.feed)[0] is Turn.MADE
    clock.sleep(0.5)
    assert second.turns.next(second.feed)[0] is Turn.OURS


def test_a_look_that_is_too_old_is_not_relied_on(
    first: Process, second: Process, clock: FakeClock
) -> None:
    first.look(RUNNING, pause=4.0)
    clock.sleep(5.0)
    assert second.turns.next(second.feed) == (Turn.OURS, None)


def test_a_state_that_was_lost_or_overwritten_is_stored_anew(
    first: Process, second: Process, board: Board, store: Store
) -> None:
    first.look(ENDED)
    board.store(ONE, RUNNING)  # by one that lags behind
    second.look(ENDED)
    stored = board.state(ONE)
    assert stored is not None
    assert stored.id == ENDED.id


def test_what_was_changed_is_looked_at_by_one_whoever_has_seen_or_claimed_it(
    first: Process, second: Process, board: Board, clock: FakeClock
) -> None:
    first.look(ENDED, pause=60.0)
    assert second.turns.next(second.feed)[0] is Turn.MADE
    late = Process(board, clock)
    board.forget(ONE)
    assert late.turns.next(late.feed) == (Turn.OURS, None)
    assert second.turns.next(second.feed) == (Turn.TAKEN, None)


def test_a_look_is_void_if_the_run_was_changed_since_it_began(first: Process, board: Board) -> None:
    first.turns.next(first.feed)
    assert not first.turns.is_void(first.feed)
    board.forget(ONE)
    assert first.turns.is_void(first.feed)
    first.turns.next(first.feed)
    assert not first.turns.is_void(first.feed)
