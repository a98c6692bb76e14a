"""The files of notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.notebook_files import (
    SUFFIXES,
    find_notebook,
    find_notebook_file,
    is_notebook,
)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.py", b"# Databricks notebook source\nx", True),
        ("a.py", b"\xef\xbb\xbf# Databricks notebook source", True),
        ("a.PY", b"# Databricks notebook source", True),
        ("a.py", b"# Databricks", False),
        ("a.py", b"\n# Databricks notebook source", False),
        ("a.sql", b"-- Databricks notebook source", True),
        ("a.sql", b"# Databricks notebook source", False),
        ("a.R", b"# Databricks notebook source", True),
        ("a.scala", b"// Databricks notebook source", True),
        ("a.txt", b"# Databricks notebook source", False),
        ("py", b"# Databricks notebook source", False),
        (".py", b"# Databricks notebook source", False),
        ("a.ipynb", b' {"cells": []}', True),
        ("a.ipynb", b"text", False),
        ("a.ipynb", b"", False),
    ],
)
def test_notebook_is_known_by_its_name_and_title(name: str, content: bytes, expected: bool) -> None:
    assert is_notebook(name, content) is expected


def test_notebook_comes_before_a_plain_file_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "load"
    assert find_notebook_file(path) is None
    plain = tmp_path / "load.py"
    plain.write_text("x = 1")
    assert find_notebook_file(path) == str(plain)
    notebook = tmp_path / "load.ipynb"
    notebook.write_text("{}")
    assert find_notebook_file(path) == str(notebook)
    assert find_notebook_file(plain) == str(plain)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".R"])
def test_find_notebook_adds_the_suffix(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "deep" / f"other{suffix}"
    file.parent.mkdir()
    file.touch()
    mounts = {"/Workspace/files": str(tmp_path)}
    caller = str(tmp_path / "deep" / "caller.py")
    for path in ("other", "./other", f"../deep/other{suffix}", "/files/deep/other"):
        assert find_notebook(caller, path, mounts) == str(file)


def test_find_notebook_names_the_missing_file(tmp_path: Path) -> None:
    message = rf"^There is no notebook 'other' \(expected at {tmp_path}/other\)\.$"
    with pytest.raises(FileNotFoundError, match=message):
        find_notebook(str(tmp_path / "caller.py"), "other", {})
