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
        ('[tool.poetry.dependencies]\npython = "^3.10"\ncowsay = "^6.1"', ("cowsay>=6.1,<7",)),
        ('[tool.poetry.dependencies]\na = "1.26.4"\nb = "1.2.*"', ("a==1.26.4", "b==1.2.*")),
        ('[tool.poetry.dependencies]\na = ">=1"\nb = "*"\nc = {path = "c"}', ("a>=1", "b")),
        (
            '[tool.poetry.dependencies]\na = "^0.2.3"\nb = "^0.0.3"\nc = {version = "^0"}',
            ("a>=0.2.3,<0.3", "b>=0.0.3,<0.0.4", "c>=0,<1"),
        ),
        (
            '[tool.poetry.dependencies]\na = {git = "x"}\nb = {source = "x"}\nc.optional = true',
            (),
        ),
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


@pytest.mark.parametrize(
    ("text", "dependencies"),
    [
        ('setup(name="x", install_requires=["cowsay", "rich"])', ("cowsay", "rich")),
        ("setup(install_requires=read())", ()),
        ("setup(", ()),
    ],
)
def test_dependencies_of_a_setup_file(
    tmp_path: Path, text: str, dependencies: tuple[str, ...]
) -> None:
    (tmp_path / "setup.py").write_text(text)
    assert read_dependencies(tmp_path) == dependencies


def test_own_projects_and_parts_of_a_cluster_are_not_installed(tmp_path: Path) -> None:
    requires = ["Shop_Base>=1", "databricks_connect==15.4", "pyspark[sql]", "cowsay(>=6)"]
    (tmp_path / "setup.py").write_text(f"setup(install_requires={requires})")
    own = tmp_path / "base"
    own.mkdir()
    (own / "setup.py").write_text('setup(name="shop-base")')
    assert [*list_dependencies([tmp_path], [own])] == ["cowsay(>=6)"]
