"""The version of this package."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def find_version() -> str:
    """Return the installed version; ``0`` if the package's folder was copied into an app."""
    try:
        return version("flask-lakeflow-jobs")
    except PackageNotFoundError:
        return "0"
