"""Following runs: when to look, who looks, and what state it is that was seen."""

from .hub import Hub
from .snapshot import Snapshot, StateId
from .source import UpstreamReader
from .subscription import Subscription
from .watched_run import RunKey, RunUpdate

__all__ = ["Hub", "RunKey", "RunUpdate", "Snapshot", "StateId", "Subscription", "UpstreamReader"]
