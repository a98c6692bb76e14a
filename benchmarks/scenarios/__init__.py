"""The scenarios: what is measured, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..bench import Bench
from ..report import Row
from . import fanout

#: Name → scenario, in the order of the page.
SCENARIOS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "threads": fanout.threads,
    "push": fanout.push,
    "gevent": fanout.greenlets,
}
