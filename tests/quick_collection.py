"""Collect thousands of tests without what makes that slow: tracing, and collections of garbage."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

import flask_lakeflow_jobs

#: What runs as a process, or inside one of Alembic, does something when it is imported.
_SCRIPTS = (".__main__", ".main", ".env")


@contextmanager
def collect_quickly() -> Iterator[None]:
    """Do not trace the collection, and never look for garbage in what it leaves.

    Both take a fifth of the collection, in each process of tests. Coverage has to see how modules
    of the package are imported, so these are imported first.
    """
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is not None:
        _import_package()
        current.stop()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        if current is not None:
            current.start()


def _import_package() -> None:
    """Import each module of the package that can be imported here."""
    package = flask_lakeflow_jobs
    pytest.register_assert_rewrite(f"{package.__name__}.testing.plugin")  # as when tests name it
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(_SCRIPTS):
            with suppress(ImportError):
                importlib.import_module(module.name)
