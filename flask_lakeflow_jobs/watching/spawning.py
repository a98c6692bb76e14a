"""How looks are made beside everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable

Spawn = Callable[[Callable[[], None]], None]


def spawn_thread(call: Callable[[], None]) -> None:
    """Run something beside everything else, or where there is no thread for it, before.

    :param call: it.
    """
    try:
        threading.Thread(target=call, name="lakeflow-look", daemon=True).start()
    except RuntimeError:  # too many threads
        call()


def call_here(call: Callable[[], None]) -> None:
    """Run something before everything else.

    :param call: it.
    """
    call()
