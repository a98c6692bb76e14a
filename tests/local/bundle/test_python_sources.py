"""The files of a bundle's Python code, whose changes reload it."""

from __future__ import annotations

from pathlib import Path

from flask_lakeflow_jobs.local.bundle.python_code import find_python_sources
from tests.local.bundle.support import write_file

FILES = {
    "resources/__init__.py": "from databricks.bundles.core import Resources\nimport json\n",
    "resources/daily/etl.py": "from .. import names\nfrom shop.prices import price\nimport lost\n",
    "resources/names.py": "from ._own import ending\nimport resources.names\n",
    "resources/_own.py": "def broken(:\n",
    "shop/__init__.py": "",
    "shop/prices.py": "def f():\n    import tools.dates as dates\n",
    "shop/unused.py": "",
    "src/tools/dates.py": "from . import zones\n",
    "src/tools/zones.py": "",
    "unused.py": "",
}


def test_sources_are_what_the_named_modules_import(tmp_path: Path) -> None:
    for name, text in FILES.items():
        write_file(tmp_path, text, name)
    found = set(find_python_sources(tmp_path, ["resources"]))
    existing = {str(path.relative_to(tmp_path)) for path in found if path.is_file()}
    assert existing == {name for name in FILES if "unused" not in name}
    folders = {"resources", "resources/daily", "shop", "src/tools"}
    assert {tmp_path / name for name in folders} <= found
    # What does not exist yet is looked for where it would be.
    assert {tmp_path / "lost.py", tmp_path / "src/lost.py", tmp_path / "lost"} <= found
    assert not any("json" in path.name or "databricks" in path.parts for path in found)


def test_sources_of_a_module_that_does_not_exist_yet(tmp_path: Path) -> None:
    found = set(find_python_sources(tmp_path, ["defined.jobs"]))
    assert {tmp_path / "defined/jobs.py", tmp_path / "defined/jobs", tmp_path / "defined"} <= found
