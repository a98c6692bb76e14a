"""Which version of the package this is."""

from __future__ import annotations


def package_version() -> str:
    """The installed version, or "unknown" for a copy that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flask-lakeflow-jobs")
    except PackageNotFoundError:
        return "unknown"
