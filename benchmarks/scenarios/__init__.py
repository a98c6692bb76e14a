"""The scenarios: what is measured, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..bench import Bench
from ..report import Row
from . import (
    document,
    ends,
    fanout,
    pages,
    reading,
    serving,
    silence,
    throughput,
    timing,
    triggering,
)

#: Name → scenario, in the order of the page.
SCENARIOS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "ends": ends.ends,
    "sharing": ends.sharing,
    "together": ends.together,
    "timing": timing.timing,
    "threads": fanout.threads,
    "push": fanout.push,
    "gevent": fanout.greenlets,
    "crowds": serving.crowds,
    "ending": serving.ending,
    "killing": serving.killing,
    "triggering": triggering.triggering,
    "cancels": reading.cancels,
    "cold-reads": reading.cold_reads,
    "throughput": throughput.throughput,
    "on-behalf": reading.on_behalf,
    "pages": pages.pages,
    "silence": silence.silence,
    "document": document.document,
}
