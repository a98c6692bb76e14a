"""Entry points that a project declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.local.task_process.wheel import find_declared_entry_point


def write(folder: Path, file: str, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[project]\nname = "my_shop"\n[project.scripts]\ngo = "shop.main:run"'),
        ("pyproject.toml", '[project]\nname = "my_shop"\nscripts = { go = "shop.main:run" }'),
        ("pyproject.toml", '[tool.poetry.scripts]\n"go" = "shop.main:run"'),
        ("setup.cfg", "[options.entry_points]\npackages =\n  go = shop.main:run"),
        ("setup.py", "setup(name='my_shop', entry_points={'packages': ['go=shop.main:run']})"),
    ],
)
def test_entry_point_is_found_in_each_project_file(tmp_path: Path, file: str, text: str) -> None:
    folders = [str(tmp_path / "none"), write(tmp_path / "shop", file, text)]
    assert find_declared_entry_point(folders, "my-shop", "go") == ("shop.main", "run")
    assert find_declared_entry_point(folders, "my-shop", "o") is None
    assert find_declared_entry_point(folders, "my-shop", "go.on") is None


@pytest.mark.parametrize("package", ["my-shop", "my_shop", "my.shop", "My__Shop"])
def test_project_of_the_package_is_preferred(tmp_path: Path, package: str) -> None:
    other = '[project]\nname = "other"\n[project.scripts]\ngo = "other:run"'
    own = '[project]\nname = "my_shop"\n[project.scripts]\ngo = "shop:run"'
    folders = [
        write(tmp_path / "other", "pyproject.toml", other),
        write(tmp_path / "own", "pyproject.toml", own),
    ]
    assert find_declared_entry_point(folders, package, "go") == ("shop", "run")
    assert find_declared_entry_point(folders, "none", "go") == ("other", "run")


def test_unreadable_project_file_is_skipped(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", "setup.cfg", "go = shop:run")
    (tmp_path / "shop" / "pyproject.toml").write_bytes(b"\xff")
    assert find_declared_entry_point([folder], "shop", "go") == ("shop", "run")
