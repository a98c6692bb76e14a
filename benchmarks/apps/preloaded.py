"""The app as the documentation sets it up for workers that restart under load."""

from __future__ import annotations

import databricks.sdk  # noqa: F401 - loaded once, before the workers are forked

from .ours import create_app

__all__ = ["create_app"]
