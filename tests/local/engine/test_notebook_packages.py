"""The packages that notebooks install themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.engine.notebook_packages import list_notebook_requirements
from flask_lakeflow_jobs.local.engine.packages import Requirements

HEADER = "# Databricks notebook source\n"


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("%pip install cowsay", ("cowsay",)),
        ("%pip install -U -qqq 'cowsay>=6' pandas[excel]  # both", ("cowsay>=6", "pandas[excel]")),
        ("%pip install cowsay \\\n# MAGIC   moo", ("cowsay", "moo")),
        ("%uv pip install cowsay", ("cowsay",)),
        ("%pip install ../dist/a.whl /Workspace/a b.tar.gz $package {name}", ()),
        ("%pip install git+https://a.example/b", ("git+https://a.example/b",)),
        ("%pip install -c limits.txt -e . cowsay", ("cowsay",)),
        ("%pip install 'cowsay", ()),
        ("%pip uninstall cowsay", ()),
        ("\n\npip install cowsay", ("cowsay",)),
        ("\n\n  pip install cowsay", ()),
        ("%sh pip install cowsay", ()),
    ],
)
def test_packages_of_a_source_notebook(
    tmp_path: Path, command: str, packages: tuple[str, ...]
) -> None:
    notebook = tmp_path / "load.py"
    notebook.write_text(f"{HEADER}# MAGIC {command}\n\n# COMMAND ----------\nimport cowsay")
    assert list_notebook_requirements([str(notebook)]) == Requirements(packages)


def test_files_and_indexes_of_a_jupyter_notebook(tmp_path: Path) -> None:
    command = "%pip install -r ../dev.txt -r {file} --index-url https://a.example cowsay"
    cells = [
        {"cell_type": "markdown", "source": ["%pip install nothing"]},
        {"cell_type": "code", "source": ["x = 1\n", command]},
    ]
    notebook = tmp_path / "load.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    expected = Requirements(
        ("cowsay",), (f"{tmp_path}/../dev.txt",), ("--index-url=https://a.example",)
    )
    assert list_notebook_requirements([str(notebook)]) == expected


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"cells": [5]}'])
def test_notebook_that_cannot_be_read_lists_nothing(tmp_path: Path, text: str) -> None:
    notebook = tmp_path / "load.ipynb"
    notebook.write_text(text)
    assert list_notebook_requirements([str(notebook), "/none.py"]) == Requirements()


@pytest.mark.parametrize(
    "command",
    [
        "# MAGIC %run ../setup",
        '# MAGIC %run "../setup" $a="1"',
        "dbutils.notebook.run('../setup', 60)",
    ],
)
def test_packages_of_notebooks_that_a_notebook_runs(tmp_path: Path, command: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "setup.py").write_text(f"{HEADER}# MAGIC %pip install cowsay\n# MAGIC %run ./setup")
    notebook = tmp_path / "src/load.py"
    notebook.write_text(f"{HEADER}# MAGIC %run ./none\n{command}")
    assert list_notebook_requirements([str(notebook)]) == Requirements(("cowsay",))


def test_plain_file_installs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "main.py"
    file.write_text('"""Install once:\n\n%pip install cowsay\n"""')
    assert list_notebook_requirements([str(file)]) == Requirements()
