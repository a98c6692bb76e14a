"""Beginning anew in a forked child, which has its parent's memory and none of its threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod


def call_in_children(method: Callable[[], None]) -> None:
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
