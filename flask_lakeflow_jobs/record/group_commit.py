"""Group commit: one transaction for the writes of several threads.

A thread that adds a write while no other thread writes becomes the leader, and writes at once.
Meanwhile, others add theirs. Then one of them becomes the leader, and writes all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ..concurrency import run_in_each_process

V = TypeVar("V")
T = TypeVar("T")


class Write(Generic[V, T]):
    """A write that a thread waits for, and then its result.

    :param value: what is to be written.
    """

    def __init__(self, value: V) -> None:
        self.value = value
        self.result: T | None = None
        self.error: BaseException | None = None
        #: The thread has given up waiting.
        self.is_abandoned = False
        #: Held until there is a result or an error, or until the thread is the leader.
        self._turn = threading.Lock()
        self._turn.acquire()

    @property
    def is_done(self) -> bool:
        return self.result is not None or self.error is not None

    def wait(self) -> None:
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


class GroupCommit(Generic[V, T]):
    """Makes the writes of all threads of a process, one group after the other.

    :param execute: makes writes in one transaction, and sets the result or the error of each. If
        the thread is interrupted meanwhile, another one makes the rest of them, perhaps again.
    """

    def __init__(self, execute: Callable[[Sequence[Write[V, T]]], None]) -> None:
        self._execute = execute
        run_in_each_process(self._initialize)

    def _initialize(self) -> None:
        self._lock = threading.Lock()
        #: The writes of the next group.
        self._writes: list[Write[V, T]] = []
        #: The write of the thread that writes now, or begins to; ``None``: nobody does.
        self._leader: Write[V, T] | None = None

    def write(self, value: V) -> T | None:
        """Write a value, perhaps together with those of other threads, and return its result."""
        write: Write[V, T] = Write(value)
        try:
            with self._lock:
                self._writes.append(write)
                leads = self._leader is None
                if leads:
                    self._leader = write
            if not leads:
                write.wait()
            if self._leader is write:
                self._lead()
        except BaseException:  # such as a timeout of gevent, or the end of the process
            with self._lock:  # another thread may be about to let this one lead
                write.is_abandoned = True
                leads = self._leader is write
            if leads:
                self._pass_on()
            raise
        if write.error is not None:
            raise write.error
        return write.result

    def _lead(self) -> None:
        writes: list[Write[V, T]] = []
        try:
            with self._lock:
                writes, self._writes = self._writes, writes
            self._execute(writes)
        except Exception as error:
            for write in writes:
                write.error = write.error or error
        except BaseException:  # it is meant for this thread only
            others = [each for each in writes if each is not self._leader and not each.is_done]
            writes = [write for write in writes if write.is_done]
            with self._lock:
                self._writes[:0] = others
            raise
        finally:
            for write in writes:
                # one that gave up may have been woken before, to lead
                if write is not self._leader and not write.is_abandoned:
                    write.wake()
            self._pass_on()

    def _pass_on(self) -> None:
        """Let another thread lead, if one waits."""
        with self._lock:
            waiting = [write for write in self._writes if not write.is_abandoned]
            self._leader = leader = waiting[0] if waiting else None
        if leader is not None:
            leader.wake()
