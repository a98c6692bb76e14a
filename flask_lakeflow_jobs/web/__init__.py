"""The HTTP face."""

from .routes import blueprint
from .server import StreamSlots, is_closing

__all__ = ["StreamSlots", "blueprint", "is_closing"]
