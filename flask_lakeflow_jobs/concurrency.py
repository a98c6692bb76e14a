"""Beginning anew in a forked child, which has its parent's memory and none of its threads."""
# MERGED """Whether the threads of this process are threads."""
# MERGED """How looks are made beside everything else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from weakref import WeakMethod


def call_in_forked_children(method: Callable[[], None]) -> None:
    """Have a method called in every process that is forked from this one, before all else there.

    :param method: bound to an object; nothing is called once that is gone.
    """
    reference = WeakMethod(method)

    def renew() -> None:
        renewed = reference()
        if renewed is not None:
            renewed()

    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=renew)


def is_gevent_patched() -> bool:
    """Whether threads are greenlets here, which share one."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


Spawn = Callable[[Callable[[], None]], None]


def run_in_thread(call: Callable[[], None]) -> None:
    """Run something beside everything else, or where there is no thread for it, before.

    :param call: it.
    """
    try:
        threading.Thread(target=call, name="lakeflow-look", daemon=True).start()
    except RuntimeError:  # too many threads
        call()


def run_inline(call: Callable[[], None]) -> None:
    """Run something before everything else.

    :param call: it.
    """
    call()
