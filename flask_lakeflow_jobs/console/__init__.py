"""The console: pages and fragments of pages to start jobs and look at their runs."""

from .views import console_blueprint

__all__ = ["console_blueprint"]
