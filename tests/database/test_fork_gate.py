"""Forks of a process that has a database of SQLite open."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_lakeflow_jobs.database import fork_gate
from flask_lakeflow_jobs.database.database import open_database
from flask_lakeflow_jobs.database.fork_gate import ForkGate
from tests.support import DEADLINE, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")

DATABASE = """
import os, threading
from pathlib import Path
from flask_lakeflow_jobs.database.database import open_database

database = open_database(True, instance_path=Path({path!r}), setting="X_URL", timeout=1)

def insert(name):
    database.execute_directly([("INSERT INTO names VALUES (?)", [name])])

database.execute_directly([("CREATE TABLE names (name TEXT)", [])])
"""

#: Forks while another thread is in a transaction, which ends only once the fork has begun: hooks
#: before a fork run in the reverse order of their registration.
FORK_DURING_WRITE = """
is_writing, is_forking = threading.Event(), threading.Event()
os.register_at_fork(before=is_forking.set)

def write():
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO names VALUES ('parent')")
        is_writing.set()
        is_forking.wait()

thread = threading.Thread(target=write)
thread.start()
is_writing.wait()
child = os.fork()
if child == 0:
    insert("child")
    os._exit(0)
thread.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

#: The parent closes its connections while its child has one, as at the end of the parent.
CLOSE_BEFORE_CHILD = """
ready, go_on = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    insert("first")
    os.write(ready[1], b".")
    os.read(go_on[0], 1)
    insert("second")
    os._exit(0)
os.read(ready[0], 1)
database.close()
os.write(go_on[1], b".")
os.waitpid(child, 0)
with database.read() as connection:
    print(*connection.exec_driver_sql("SELECT name FROM names").scalars())
"""


def test_child_forked_during_a_transaction_can_write(tmp_path: Path) -> None:
    program = DATABASE.format(path=str(tmp_path)) + FORK_DURING_WRITE
    assert run_python(program) == "0\n"


def test_rows_of_a_forked_child_outlast_the_connections_of_its_parent(tmp_path: Path) -> None:
    program = DATABASE.format(path=str(tmp_path)) + CLOSE_BEFORE_CHILD
    assert run_python(program) == "first second\n"


def test_fork_during_the_creation_of_a_database_closes_the_connections_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of one would be printed, and those after it would stay open."""
    closed: list[None] = []

    def add(close_idle: Callable[[], None]) -> ForkGate:
        close_idle()
        closed.append(None)
        return ForkGate()

    monkeypatch.setattr(fork_gate.FORK_GATE, "add", add)
    open_database(True, instance_path=tmp_path, setting="X_URL")
    assert closed == [None]


def test_fork_does_not_wait_forever_for_a_connection_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread that forks may be the one that uses it."""
    monkeypatch.setattr(fork_gate, "WAIT_SECONDS", 0)
    gate = ForkGate()
    with gate:
        gate._close()
        gate._open()


def test_use_begins_after_the_last_of_two_simultaneous_forks() -> None:
    gate, began = ForkGate(), threading.Event()

    def use() -> None:
        with gate:
            began.set()

    gate._close()
    gate._close()
    thread = threading.Thread(target=use)
    thread.start()
    gate._open()
    assert not began.is_set()
    gate._open()
    thread.join(DEADLINE)
    assert began.is_set()


@pytest.mark.parametrize("half", [ForkGate._close, ForkGate._open])
def test_fork_of_which_a_signal_interrupts_one_half_blocks_no_use_forever(
    half: Callable[[ForkGate], None],
    monkeypatch: pytest.MonkeyPatch,
    in_threads: Callable[..., list[threading.Thread]],
) -> None:
    monkeypatch.setattr(fork_gate, "WAIT_SECONDS", 0)
    gate = ForkGate()
    half(gate)

    def use() -> None:
        with gate:
            pass

    (thread,) = in_threads(use)
    thread.join(DEADLINE)
    assert gate._forks == 0


def test_simultaneous_forks_close_connections_in_turns() -> None:
    """Otherwise one closes a pool, and the other then returns connections to it."""
    gate = ForkGate()
    is_free: list[bool] = []

    class Database:
        def close_idle(self) -> None:
            def try_to_close() -> None:
                is_free.append(gate._changed.acquire(blocking=False))

            other_fork = threading.Thread(target=try_to_close)
            other_fork.start()
            other_fork.join(DEADLINE)

    database = Database()
    gate.add(database.close_idle)
    gate._close()
    gate._open()
    assert is_free == [False]
