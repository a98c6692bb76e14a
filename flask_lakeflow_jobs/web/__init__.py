"""The HTTP face."""

from .routes import blueprint
from .server import StreamSlots

__all__ = ["StreamSlots", "blueprint"]
