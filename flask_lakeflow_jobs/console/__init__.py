"""The console: pages and fragments to start jobs and to follow their runs."""

from .views import console_blueprint

__all__ = ["console_blueprint"]
