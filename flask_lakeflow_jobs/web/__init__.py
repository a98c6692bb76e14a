"""The HTTP face."""

from .push import Pusher
from .routes import blueprint
from .server import StreamSlots, is_closing

__all__ = ["Pusher", "StreamSlots", "blueprint", "is_closing"]
