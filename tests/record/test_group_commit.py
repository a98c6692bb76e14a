"""Writes of several threads in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from flask_lakeflow_jobs.record.group_commit import GroupCommit, Write
from tests.support import DEADLINE, wait_until

InThreads = Callable[..., list[threading.Thread]]


class Disk:
    """Keeps the groups that it has written. The first one takes until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.go_on = threading.Event()
        self.commit = GroupCommit[str, str](self.execute)

    def execute(self, writes: Sequence[Write[str, str]]) -> None:
        self.groups.append([write.value for write in writes])
        if len(self.groups) == 1:
            assert self.go_on.wait(DEADLINE)
        for write in writes:
            if write.value == "bad":
                raise ValueError("It is full.")
            if write.value == "interrupted":
                raise SystemExit
            write.result = write.value.upper()

    def has_waiting(self, count: int) -> bool:
        return len(self.commit._writes) == count

    def write_while_busy(
        self, in_threads: InThreads, *values: str
    ) -> dict[str, str | BaseException]:
        """Write values while the disk writes another one, and return the results."""
        results: dict[str, str | BaseException] = {}

        def write(value: str) -> None:
            try:
                results[value] = str(self.commit.write(value))
            except BaseException as error:
                results[value] = error

        threads = in_threads(lambda: write("first"))
        wait_until(lambda: self.groups, "the first group")
        for number, value in enumerate(values, 1):
            threads += in_threads(partial(write, value))
            wait_until(partial(self.has_waiting, number), "the write of a thread")
        self.go_on.set()
        for thread in threads:
            thread.join(DEADLINE)
        return results


def test_write_while_others_write_shares_the_next_group(in_threads: InThreads) -> None:
    disk = Disk()
    results = disk.write_while_busy(in_threads, "a", "b", "c")
    assert disk.groups == [["first"], ["a", "b", "c"]]
    assert results == {"first": "FIRST", "a": "A", "b": "B", "c": "C"}
    assert disk.commit.write("last") == "LAST"


def test_write_that_raises_fails_its_group_only(in_threads: InThreads) -> None:
    disk = Disk()
    results = disk.write_while_busy(in_threads, "a", "bad")
    assert {value for value, result in results.items() if isinstance(result, ValueError)} >= {"bad"}
    assert results["first"] == "FIRST"
    assert disk.commit.write("last") == "LAST"


def test_interruption_of_a_thread_is_not_that_of_the_others(in_threads: InThreads) -> None:
    disk = Disk()
    results = disk.write_while_busy(in_threads, "interrupted", "a", "b")
    assert isinstance(results["interrupted"], SystemExit)
    assert (results["a"], results["b"]) == ("A", "B")
    assert disk.groups[1:] == [["interrupted", "a", "b"], ["a", "b"]]


def test_write_that_was_made_before_an_interruption_is_not_made_again(
    in_threads: InThreads,
) -> None:
    disk = Disk()
    results = disk.write_while_busy(in_threads, "a", "b", "interrupted")
    assert results["b"] == "B"
    assert disk.groups[1:] == [["a", "b", "interrupted"], ["interrupted"]]


@pytest.mark.parametrize("has_noticed", [True, False])
def test_write_whose_thread_gave_up_waiting_lets_others_lead(
    in_threads: InThreads, monkeypatch: pytest.MonkeyPatch, *, has_noticed: bool
) -> None:
    disk = Disk()
    wait = Write.wait

    def give_up(write: Write[str, str]) -> None:
        wait(write)
        if not has_noticed and write.value == "a":
            write.wake()  # as if the thread had given up before it noticed
        if write.value == "a" and write.result is None:
            raise TimeoutError

    monkeypatch.setattr(Write, "wait", give_up)
    results = disk.write_while_busy(in_threads, "a", "b")
    assert isinstance(results["a"], TimeoutError)
    assert (results["b"], disk.groups[1:]) == ("B", [["a", "b"]])


def test_thread_that_a_signal_interrupts_as_it_begins_to_lead_blocks_no_other(
    in_threads: InThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, lead, results = Disk(), GroupCommit._lead, list[str | None]()
    disk.go_on.set()
    interrupts = [SystemExit()]

    def begin_to_lead(commit: GroupCommit[str, str]) -> None:
        if interrupts:
            raise interrupts.pop()
        lead(commit)

    monkeypatch.setattr(GroupCommit, "_lead", begin_to_lead)
    with pytest.raises(SystemExit):
        disk.commit.write("a")
    (thread,) = in_threads(lambda: results.append(disk.commit.write("b")))
    thread.join(DEADLINE)
    assert results == ["B"]
    assert disk.groups == [["a", "b"]]
