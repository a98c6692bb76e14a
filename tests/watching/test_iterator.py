"""An iterator yields each new state, ends with the run, and stops at its timeout."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
from databricks.sdk.service.jobs import Run

from flask_lakeflow_jobs import (
    HandleClosed,
    LakeflowJobsError,
    RunNotFound,
    RunStatus,
    RunTimeout,
    UpstreamUnavailable,
)
from flask_lakeflow_jobs.watching.iterator import (
    NOT_POLLED_YET,
    iterate_run,
    iterate_run_async,
)
from tests.watching.support import ENDED, ONE, POLL_INTERVAL, QUEUED, RUNNING, HubHarness


def iterate(
    harness: HubHarness, seconds: float = 60.0, check_open: Callable[[], object] = lambda: None
) -> Iterator[RunStatus]:
    return iterate_run(ONE, harness.hub, harness.clock, seconds, check_open)


@pytest.fixture
def polled(harness: HubHarness) -> HubHarness:
    """A hub that has polled the run for another subscriber."""
    harness.subscribe()
    harness.poll(QUEUED)
    return harness


def test_iterator_yields_the_present_state_then_each_new_one(polled: HubHarness) -> None:
    states = iterate(polled)
    outcomes = [next(states).outcome]
    for state in (RUNNING, ENDED):
        polled.poll(state, after=POLL_INTERVAL)
        outcomes.append(next(states).outcome)
    assert outcomes == ["queued", "running", "succeeded"]
    assert list(states) == []


def test_iterator_subscribes_until_it_is_closed(polled: HubHarness) -> None:
    def subscribers() -> int:
        return polled.hub._watched_runs[ONE].subscriber_count

    states = iterate_run(ONE, polled.hub, polled.clock, 60.0, lambda: None)
    assert subscribers() == 1
    next(states)
    assert subscribers() == 2
    states.close()  # type: ignore[attr-defined]
    assert subscribers() == 1


@pytest.mark.parametrize(
    ("response", "last_error"),
    [(None, NOT_POLLED_YET), (UpstreamUnavailable("Not now."), "Not now."), (RUNNING, None)],
)
def test_timeout_carries_the_last_error(
    harness: HubHarness, response: Run | LakeflowJobsError | None, last_error: str | None
) -> None:
    harness.subscribe()
    if response is not None:
        harness.poll(response)
    with pytest.raises(RunTimeout) as caught:
        list(iterate(harness, seconds=0.0))
    assert caught.value.last_error == last_error


def test_permanent_error_is_raised(polled: HubHarness) -> None:
    states = iterate(polled)
    next(states)
    polled.poll(RunNotFound(ONE.run_id, "etl"), after=POLL_INTERVAL)
    with pytest.raises(RunNotFound):
        next(states)


def test_closed_handle_ends_the_iteration(polled: HubHarness) -> None:
    is_open = iter([True, False])

    def check_open() -> None:
        if not next(is_open):
            raise HandleClosed("The block is over.")

    states = iterate(polled, check_open=check_open)
    next(states)
    with pytest.raises(HandleClosed):
        next(states)


def iterate_async(harness: HubHarness, seconds: float = 60.0) -> AsyncIterator[RunStatus]:
    return iterate_run_async(ONE, harness.hub, harness.clock, seconds, lambda: None)


def test_coroutine_gets_each_new_state_without_a_thread(
    polled: HubHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The updates come from a thread, as those of a poll do."""

    async def follow() -> list[str]:
        outcomes = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "run_in_executor", None)
        states = iterate_async(polled)
        for state in (RUNNING, ENDED, None):
            outcomes.append((await anext(states)).outcome.value)
            if state is not None:
                loop.call_soon(poll_in_thread, state)
        with pytest.raises(StopAsyncIteration):
            await anext(states)
        return outcomes

    def poll_in_thread(state: Run) -> None:
        previous = threads[-1:]

        def poll() -> None:
            for thread in previous:  # its poll has woken the coroutine, but may not have ended
                thread.join()
            polled.poll(state, **after)

        threads.append(threading.Thread(target=poll))
        threads[-1].start()

    after, threads = {"after": POLL_INTERVAL}, list[threading.Thread]()
    assert asyncio.run(follow()) == ["queued", "running", "succeeded"]
    for thread in threads:
        thread.join()
    assert polled.hub._watched_runs[ONE].subscriber_count == 1
    assert not polled.hub._watched_runs[ONE]._listeners


def test_coroutine_times_out_with_the_last_error(harness: HubHarness) -> None:
    async def follow() -> None:
        async for _ in iterate_async(harness, seconds=0.0):
            pass

    with pytest.raises(RunTimeout) as caught:
        asyncio.run(follow())
    assert caught.value.last_error == NOT_POLLED_YET


def test_update_after_the_loop_is_closed_breaks_no_poll(polled: HubHarness) -> None:
    async def follow() -> set[Callable[[], None]]:
        states = iterate_async(polled)
        await anext(states)
        waiting = asyncio.ensure_future(anext(states))
        await asyncio.sleep(0)  # it listens now
        listeners = set(polled.hub._watched_runs[ONE]._listeners)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        return listeners

    (wake,) = asyncio.run(follow())
    wake()
    assert polled.hub._watched_runs[ONE].subscriber_count == 1
