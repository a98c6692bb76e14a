"""Calls in threads and in forked processes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_lakeflow_jobs import concurrency
from flask_lakeflow_jobs.concurrency import (
    is_gevent_patched,
    run_in_thread,
    run_inline,
    start_thread,
)
from flask_lakeflow_jobs.memo import Memo
from tests.support import DEADLINE, refuse_threads, run_python, wait_until

#: Prints the number of calls in a forked child: one for each object that still exists.
FORK = """
import os
from flask_lakeflow_jobs.concurrency import run_in_each_process

class Counter:
    calls = 0

    def count(self):
        Counter.calls += 1

kept, dropped = Counter(), Counter()
for counter in (kept, dropped):
    run_in_each_process(counter.count)
del counter, dropped
Counter.calls = 0
child = os.fork()
if child == 0:
    print(Counter.calls, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(Counter.calls)
"""

#: Forks while another thread imports a module, which the child then imports too. The import ends
#: only once the fork has begun: hooks before a fork run in the reverse order of their registration.
FORK_DURING_IMPORT = """
import builtins, os, sys, threading
from flask_lakeflow_jobs.concurrency import load_module

builtins.is_importing, builtins.is_forking = threading.Event(), threading.Event()
os.register_at_fork(before=builtins.is_forking.set)
sys.path.insert(0, sys.argv[1])
thread = threading.Thread(target=load_module, args=("slow",), daemon=True)
thread.start()
builtins.is_importing.wait()
child = os.fork()
if child == 0:
    import slow
    print(slow.name, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""

#: Forks while another thread holds the locks of modules, which the child then takes.
FORK_WHILE_LOCKED = """
import os, signal, threading
from contextlib import ExitStack
from flask_lakeflow_jobs.database import database, sqlite_connections
from flask_lakeflow_jobs.web import servers
from flask_lakeflow_jobs.web.sse import limits

locks = (
    database._databases_lock, sqlite_connections._creating, servers._collector_lock, limits._lock
)

def hold():
    with ExitStack() as held:
        for lock in locks:
            held.enter_context(lock.current)
        is_held.set()
        is_over.wait()

is_held, is_over = threading.Event(), threading.Event()
thread = threading.Thread(target=hold)
thread.start()
is_held.wait()
child = os.fork()
if child == 0:
    signal.alarm({seconds:.0f})
    for lock in locks:
        with lock.current:
            pass
    os._exit(0)
print(os.waitpid(child, 0)[1])
is_over.set()
thread.join()
"""

SLOW_MODULE = "is_importing.set(); is_forking.wait(); name = 'slow'"

#: Prints whether the hub's own thread imports a module, and whether another greenlet ran meanwhile.
GEVENT = """
from gevent import monkey; monkey.patch_all()
import builtins, sys, gevent
from flask_lakeflow_jobs.concurrency import load_module

builtins.get_ident = monkey.get_original("_thread", "get_ident")
builtins.starting = monkey.get_original("_thread", "allocate_lock")()
sys.path.insert(0, sys.argv[1])
starting.acquire()
gevent.spawn(starting.release)
load_module("threaded")
import threaded
print(threaded.ident == get_ident())
"""

#: Prints how many native threads import a module that three greenlets need.
GEVENT_AT_ONCE = """
from gevent import monkey; monkey.patch_all()
import types, gevent
from flask_lakeflow_jobs import concurrency

counting = monkey.get_original("_thread", "allocate_lock")()

def import_module(name):
    with counting:
        pass

counting.acquire()
concurrency.importlib = types.SimpleNamespace(import_module=import_module)
loads = [gevent.spawn(concurrency.load_module, "json") for _ in range(3)]
gevent.sleep(0)
print(len(gevent.get_hub().threadpool))
counting.release()
gevent.joinall(loads, raise_error=True)
"""

THREADED_MODULE = "starting.acquire(); ident = get_ident()"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_run_in_each_process_calls_methods_of_living_objects_after_a_fork() -> None:
    """A program of its own forks: this process has threads."""
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    assert done.stdout.split() == ["1", "0"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_forked_child_does_not_wait_for_a_lock_that_a_thread_of_its_parent_held() -> None:
    assert run_python(FORK_WHILE_LOCKED.format(seconds=DEADLINE)) == "0\n"


def test_run_in_each_process_keeps_nothing_of_an_object_that_is_gone() -> None:
    """A process of tests, for one, creates thousands of apps."""
    before, owner = set(concurrency._resets), Memo[int, int](1)
    entries = set(concurrency._resets) - before
    assert entries
    del owner
    gc.collect()
    assert not entries & set(concurrency._resets)


#: An app that is loaded before gevent patches, as with ``gunicorn -k gevent --preload``. Prints the
#: updates that a subscriber gets.
LATE_PATCH = """
import os
from flask import Flask
from pathlib import Path
from flask_lakeflow_jobs import LakeflowJobs
from flask_lakeflow_jobs.database.database import open_database
from flask_lakeflow_jobs.globals import current_state

app = Flask("app")
app.config["DATABRICKS_HOST"] = "http://127.0.0.1:9"
LakeflowJobs(app)

from gevent import monkey
monkey.patch_all()
{after_patch}
with app.app_context():
    state = current_state()
print(type(state._lock).__module__)
print(type(state.hub._changed._lock).__module__, flush=True)
os._exit(0)  # gevent complains of what was loaded before it
"""


@pytest.mark.parametrize(
    "after_patch",
    [
        "",
        "LakeflowJobs(Flask('other'))",
        "open_database(True, instance_path=Path(), setting='')",  # holds a lock of its module
    ],
)
def test_locks_of_an_app_that_was_loaded_before_gevent_patched_are_those_of_gevent(
    after_patch: str,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE_PATCH.format(after_patch=after_patch)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.stderr == ""
    modules = done.stdout.split()
    assert len(modules) == 2
    assert "_thread" not in modules, "a native lock"


def run_program(code: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
def test_load_module_is_waited_for_by_a_fork(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW_MODULE)
    assert run_program(FORK_DURING_IMPORT, tmp_path) == ["slow"]


def test_load_module_on_gevent_lets_other_greenlets_run(tmp_path: Path) -> None:
    """The module waits for another greenlet, so it would never be imported in the hub's thread."""
    pytest.importorskip("gevent")
    (tmp_path / "threaded.py").write_text(THREADED_MODULE)
    assert run_program(GEVENT, tmp_path) == ["False"]


def test_load_module_on_gevent_imports_in_one_thread_at_a_time(tmp_path: Path) -> None:
    """Two threads that import one module could wait for each other's lock of gevent forever."""
    pytest.importorskip("gevent")
    assert run_program(GEVENT_AT_ONCE, tmp_path) == ["1"]


def test_run_in_thread_runs_in_a_daemon_thread() -> None:
    threads: list[threading.Thread] = []
    is_done = threading.Event()

    def call() -> None:
        threads.append(threading.current_thread())
        is_done.set()

    run_in_thread(call)
    assert is_done.wait(DEADLINE)
    [thread] = threads
    assert thread is not threading.current_thread()
    assert thread.daemon


def test_run_in_thread_logs_what_interrupts_the_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a receiver whose timeout of gevent is not caught does it."""
    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    threads: list[threading.Thread] = []

    def call() -> None:
        threads.append(threading.current_thread())
        raise KeyboardInterrupt

    run_in_thread(call)
    wait_until(lambda: threads, "the call")
    threads[0].join(DEADLINE)
    assert [record.name for record in caplog.records] == ["flask_lakeflow_jobs.polling"]
    assert not printed


def test_run_in_thread_runs_inline_if_no_thread_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_threads(monkeypatch)
    threads: list[threading.Thread] = []
    for run in (run_in_thread, run_inline):
        run(lambda: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()] * 2
    with pytest.raises(RuntimeError):
        start_thread(lambda: threads.clear())
    assert threads, "a call that never ends must not run inline"


@pytest.mark.parametrize("is_patched", [True, False])
def test_is_gevent_patched_asks_gevent(is_patched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkey = SimpleNamespace(is_module_patched=lambda module: is_patched and module == "threading")
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    assert is_gevent_patched() is is_patched


def test_is_gevent_patched_without_gevent_is_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gevent.monkey", raising=False)
    assert not is_gevent_patched()
