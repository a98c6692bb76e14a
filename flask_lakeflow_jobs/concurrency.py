"""Forked processes, gevent, and calls in the background."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any, cast
from weakref import ref

#: Runs a call in the background or inline.
Spawn = Callable[[Callable[[], None]], None]

_log = logging.getLogger("flask_lakeflow_jobs.polling")

#: Held while a module is imported.
_imports = threading.RLock()

#: Held by the greenlet for which a native thread imports a module; ``None``: there was none yet.
_native_import: Any = None

#: The methods that set up the state of a process, and whether they ran after gevent's patch.
_resets: dict[tuple[int, str], tuple[ref[Any], Callable[[Any], None]]] = {}
_was_patched = False

if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_imports.acquire,
        after_in_parent=_imports.release,
        after_in_child=lambda: _start_child(),
    )


def run_in_each_process(method: Callable[[], None]) -> None:
    """Call a method now, and first thing in every process that is forked from this one.

    A forked child has its parent's memory and none of its threads. The method is also called by
    :func:`reset_after_late_patch`.

    :param method: a bound method that creates locks, and drops what belongs to other threads. Its
        object is referenced weakly: once it is gone, nothing is called.
    """
    reset_after_late_patch()  # from here on, this object's locks are new
    bound, discard = cast(MethodType, method), _resets.pop
    key = (id(bound.__self__), bound.__name__)
    # Not a WeakMethod, whose callback may fail when an interpreter of Python 3.13 ends.
    owner = ref(bound.__self__, lambda _: discard(key, None))
    _resets[key] = (owner, bound.__func__)
    method()


class ModuleLock:
    """A lock of a module. A forked child gets a new one, as another thread may have held it.

    Hold it with ``with lock.current:``, so that a lock that was replaced meanwhile is released.
    """

    current: threading.Lock

    def __init__(self) -> None:
        run_in_each_process(self._reset)

    def _reset(self) -> None:
        self.current = threading.Lock()


def reset_after_late_patch() -> None:
    """Create all locks again if gevent has replaced threads since they were created.

    ``gunicorn -k gevent --preload`` and uWSGI patch after the app was loaded. A greenlet that waits
    for a lock from before would block all greenlets, and several could hold one such lock.
    """
    global _was_patched
    if not _was_patched and is_gevent_patched():
        _was_patched = True
        _reset()


def _start_child() -> None:
    global _native_import
    _native_import = None  # a greenlet of the parent may hold it
    _imports.release()
    _reset()


def _reset() -> None:
    for reference, function in list(_resets.values()):
        if (owner := reference()) is not None:
            function(owner)


def is_gevent_patched() -> bool:
    """Return whether gevent has replaced threads with greenlets, which share one thread."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def load_module(name: str) -> None:
    """Import a module that takes long.

    A fork waits for it: a child that is forked while another thread imports a module could never
    import it. On gevent, a native thread imports it, so that other greenlets run meanwhile.
    """
    if is_gevent_patched():
        _load_on_gevent(name)
        return
    with _imports:
        importlib.import_module(name)


def _load_on_gevent(name: str) -> None:
    """Import a module in a native thread, one at a time.

    The locks of imports are gevent's. A native thread that waits for the import of another one is
    woken by the event loop of that other thread. If that thread ends first, it waits forever.
    """
    global _native_import
    import gevent
    from gevent.lock import RLock

    if _native_import is None:
        _native_import = RLock()
    with _native_import:
        gevent.get_hub().threadpool.apply(importlib.import_module, (name,))


def run_in_thread(call: Callable[[], None]) -> None:
    """Run a call in a daemon thread, or inline if no thread can be started. The call must end."""
    try:
        start_thread(call)
    except RuntimeError:
        call()


def start_thread(call: Callable[[], None], name: str = "lakeflow-background") -> threading.Thread:
    """Run a call in a daemon thread.

    :raises RuntimeError: there are too many threads.
    """
    thread = threading.Thread(target=partial(_log_interrupts, call), name=name, daemon=True)
    thread.start()
    return thread


def _log_interrupts(call: Callable[[], None]) -> None:
    """Run a call. An interrupt, such as a timeout in a receiver, has no caller to go to."""
    try:
        call()
    except BaseException:
        _log.exception("A background call was interrupted.")


def run_inline(call: Callable[[], None]) -> None:
    """Run a call in the current thread."""
    call()


def is_failure(error: BaseException) -> bool:
    """Return whether the app's own code, such as a receiver, has failed.

    Interrupts and gevent's timeouts are no failures: they are for the caller of the thread.
    """
    cancelled = getattr(sys.modules.get("asyncio"), "CancelledError", ())
    return isinstance(error, (Exception, SystemExit, cancelled))


def descriptor_limit() -> int | None:
    """Return how many files the process may open (``RLIMIT_NOFILE``); ``None``: no limit."""
    try:
        import resource  # Windows has none
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
