"""Following runs: when to look, who looks, and what state it is that was seen."""

from .hub import Hub, News, Subscription, Target
from .snapshot import Snapshot, StateId

__all__ = ["Hub", "News", "Snapshot", "StateId", "Subscription", "Target"]
