"""Whether the threads of this process are threads."""

from __future__ import annotations

import sys


def runs_on_gevent() -> bool:
    """Whether threads are greenlets here, which share one."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
