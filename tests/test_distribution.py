"""The distributions have all files that users and packagers need, and no others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import ROOT

#: Parts of the checkout that the source distribution contains.
SHIPPED = ["docs", "example_app", "flask_lakeflow_jobs", "tests"]
SHIPPED_FILES = ["CHANGES.md", "CONTRIBUTING.md", "LICENSE", "README.md"]
SHIPPED_FILES += ["SECURITY.md", "pyproject.toml", "tox.ini"]
MADE = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*", "instance", "*.egg-info", "_build")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, since building leaves files."""
    copy = tmp_path / "checkout"
    (copy / "dist").mkdir(parents=True)
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=MADE)
    for name in SHIPPED_FILES:
        shutil.copy(ROOT / name, copy)
    return copy


def build(checkout: Path, kind: str) -> Path:
    """Build a distribution and return its file."""
    program = f"from flit_core import buildapi; buildapi.build_{kind}('dist')"
    subprocess.run([sys.executable, "-c", program], cwd=checkout, check=True, capture_output=True)
    [built] = (checkout / "dist").iterdir()
    return built


def files(checkout: Path, *folders: str) -> set[str]:
    return {
        path.relative_to(checkout).as_posix()
        for folder in folders
        for path in (checkout / folder).rglob("*")
        if path.is_file()
    }


def test_source_distribution_contains_tests_docs_and_example(checkout: Path) -> None:
    expected = files(checkout, *SHIPPED)
    with tarfile.open(build(checkout, "sdist")) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert expected | set(SHIPPED_FILES) <= names
    assert {"tests/test_extension.py", "flask_lakeflow_jobs/py.typed"} <= expected


def test_wheel_contains_the_whole_package_and_nothing_else(checkout: Path) -> None:
    expected = files(checkout, "flask_lakeflow_jobs")
    with zipfile.ZipFile(build(checkout, "wheel")) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_classifiers_name_python_versions_that_are_tested() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    named = set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text))
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yaml").read_text())["jobs"]
    rows = [row for job in jobs.values() for row in job["strategy"]["matrix"]["include"]]
    assert named
    assert named <= {row["python"] for row in rows if row["tox"] == "py"}
