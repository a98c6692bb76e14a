"""The fixtures of the pytest plugin, which the tests of the sample app use."""

from __future__ import annotations

from flask_lakeflow_jobs.testing.plugin import lakeflow_settings, lakeflow_workspace

__all__ = ["lakeflow_settings", "lakeflow_workspace"]
