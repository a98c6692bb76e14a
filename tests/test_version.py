"""The version of this package."""

from __future__ import annotations

import importlib.metadata

import pytest

from flask_lakeflow_jobs.version import find_version


def test_version_is_that_of_the_installed_package() -> None:
    assert find_version() == importlib.metadata.version("flask-lakeflow-jobs")


def test_package_that_was_copied_into_an_app_has_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata.Distribution, "discover", lambda **_: iter(()))
    assert find_version() == "0"
