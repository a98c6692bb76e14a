"""The dependencies of the projects of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.tasks.projects import list_dependencies, read_dependencies


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
@pytest.mark.parametrize(
    ("text", "dependencies"),
    [
        ('[project]\ndependencies = ["cowsay>=6", "rich"]', ("cowsay>=6", "rich")),
        (
            '[project]\ndependencies = ["My_Shop>1", "a"]\n[tool.uv.sources]\nmy-shop.git = "x"',
            ("a",),
        ),
        ('[project]\ndynamic = ["dependencies"]', ()),
        ("[project", ()),
    ],
)
def test_dependencies_of_a_pyproject(
    tmp_path: Path, text: str, dependencies: tuple[str, ...]
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert read_dependencies(tmp_path) == dependencies


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
def test_own_projects_and_parts_of_a_cluster_are_not_installed(tmp_path: Path) -> None:
    requires = ["Shop_Base>=1", "databricks_connect==15.4", "pyspark[sql]", "cowsay(>=6)"]
    (tmp_path / "pyproject.toml").write_text(f"[project]\ndependencies = {requires}")
    own = tmp_path / "base"
    own.mkdir()
    (own / "setup.py").write_text('setup(name="shop-base")')
    assert [*list_dependencies([tmp_path], [own])] == ["cowsay(>=6)"]
