"""Bundles on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local import Bundle, load_bundle
from tests.local.bundle.support import write_file

Load = Callable[..., Bundle]


@pytest.fixture(autouse=True)
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "Jo.Doe")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a script and two notebooks."""
    write_file(tmp_path, "", "main.py")
    write_file(tmp_path, "# Databricks notebook source\n", "src/notebook.py")
    write_file(tmp_path, "{}", "src/other.ipynb")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Load:
    """A function that writes a bundle's root file into the folder, and loads the bundle."""

    def load_text(text: str, target: str | None = None, name: str = "databricks.yml") -> Bundle:
        return load_bundle(write_file(folder, text, name), target=target)

    return load_text
