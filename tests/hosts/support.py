"""Packages of host applications, which only ``tox -e hosts`` installs."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def import_package(name: str) -> Any:
    """Import a module, or skip the test if it is not installed. In CI, nothing is skipped."""
    if "CI" in os.environ:
        return importlib.import_module(name)
    return pytest.importorskip(name)
