"""Forked processes, gevent, and calls in the background."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from weakref import WeakMethod

#: Runs a call in the background or inline.
Spawn = Callable[[Callable[[], None]], None]


def call_in_forked_children(method: Callable[[], None]) -> None:
    """Call a method first thing in every process that is forked from this one.

    A forked child has its parent's memory and none of its threads.

    :param method: a bound method. Its object is referenced weakly: once it is gone, nothing is
        called.
    """
    reference = WeakMethod(method)

    def call() -> None:
        if (living := reference()) is not None:
            living()

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(after_in_child=call)


def is_gevent_patched() -> bool:
    """Return whether gevent has replaced threads with greenlets, which share one thread."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def run_in_thread(call: Callable[[], None]) -> None:
    """Run a call in a daemon thread, or inline if no thread can be started."""
    try:
        threading.Thread(target=call, name="lakeflow-poll", daemon=True).start()
    except RuntimeError:  # too many threads
        call()


def run_inline(call: Callable[[], None]) -> None:
    """Run a call in the current thread."""
    call()
