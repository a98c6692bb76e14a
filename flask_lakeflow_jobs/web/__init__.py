"""The HTTP face."""

from .blueprint import blueprint
from .responses import Answers
from .sse.handoff.writer import Pusher
from .sse.limits import StreamSlots, is_closing

__all__ = ["Answers", "Pusher", "StreamSlots", "blueprint", "is_closing"]
