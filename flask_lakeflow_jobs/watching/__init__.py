"""Following runs: when to look, who looks, and what state it is that was seen."""

from .hub import Hub
from .reader import UpstreamReader
from .snapshot import Snapshot, StateId
from .subscription import News, Subscription
from .target import Target

__all__ = ["Hub", "News", "Snapshot", "StateId", "Subscription", "Target", "UpstreamReader"]
