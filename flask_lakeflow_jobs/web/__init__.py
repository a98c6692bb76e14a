"""The HTTP face."""

from .answers import Answers
from .push import Pusher
from .routes import blueprint
from .server import StreamSlots, is_closing

__all__ = ["Answers", "Pusher", "StreamSlots", "blueprint", "is_closing"]
