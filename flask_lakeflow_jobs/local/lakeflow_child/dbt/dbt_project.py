"""The folder in which dbt works: a project of links to the user's files, and a profile."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import Any

from ..sql.catalogs import catalog_file, list_catalogs

# dbt writes to these, so that they are no links.
_WRITTEN = ("dbt_packages", "logs", "target")
_LOCK = "package-lock.yml"
_CATALOG = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class DbtProject:
    """A project in the folder of the workspace.

    :param source: the user's project, in which nothing is written.
    """

    def __init__(self, source: str) -> None:
        name = hashlib.sha256(source.encode()).hexdigest()[:16]
        self.source = source
        self.folder = os.path.join(os.path.dirname(os.environ["LAKEFLOW_LOCAL_DATA"]), "dbt", name)
        self.root = os.path.join(self.folder, "project")

    def link(self) -> None:
        """Link the user's files, in place of earlier links."""
        os.makedirs(self.root, mode=0o700, exist_ok=True)
        for entry in os.scandir(self.root):
            if entry.is_symlink():
                os.unlink(entry)
        for entry in os.scandir(self.source):
            place = os.path.join(self.root, entry.name)
            if entry.name == _LOCK:
                shutil.copyfile(entry, place)
            elif entry.name == "dbt_packages" and entry.is_dir():
                _link_packages(entry.path, place)
            elif entry.name not in _WRITTEN:
                os.symlink(entry.path, place)

    def write_profile(self, profile: dict[str, Any]) -> None:
        """Write the ``profiles.yml``, which is JSON, with the databases of DuckDB."""
        catalogs = list_catalogs()
        outputs = {
            target: build_output(output, catalogs) for target, output in profile["outputs"].items()
        }
        content = {profile["name"]: {"target": profile["target"], "outputs": outputs}}
        with open(os.path.join(self.folder, "profiles.yml"), "w", encoding="utf-8") as file:
            json.dump(content, file)

    def variables(self) -> dict[str, str]:
        """Return the variables of the environment that dbt reads."""
        return {
            "DBT_PROFILES_DIR": self.folder,
            "DBT_PROJECT_DIR": self.root,
            "DBT_TARGET_PATH": os.path.join(self.folder, "target"),
            "DBT_LOG_PATH": os.path.join(self.folder, "logs"),
            "DBT_USE_COLORS": "false",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_HOST": os.environ.get("DATABRICKS_HOST", ""),
            "DBT_ACCESS_TOKEN": os.environ.get("DATABRICKS_TOKEN", ""),
        }


def build_output(output: dict[str, Any], catalogs: list[str]) -> dict[str, Any]:
    """Return the target of a profile on the database of its catalog, with the others attached.

    :param output: its catalog and its schema may be expressions, which dbt evaluates.
    """
    catalog = output["catalog"]
    if "{{" in catalog:
        name = (
            f"{{% set catalog %}}{catalog}{{% endset %}}"
            "{{ 'warehouse' if catalog | string == 'main' else catalog }}"
        )
    else:
        name = "warehouse" if catalog == "main" else catalog
    attached = [each for each in catalogs if _CATALOG.fullmatch(each) and each != name]
    return {
        "type": "duckdb",
        "path": catalog_file(name),
        "schema": output["schema"],
        "threads": output["threads"],
        "attach": [{"path": catalog_file(each), "alias": each} for each in attached],
    }


def _link_packages(source: str, place: str) -> None:
    os.makedirs(place, exist_ok=True)
    for entry in os.scandir(source):
        if not os.path.lexists(os.path.join(place, entry.name)):
            os.symlink(entry.path, os.path.join(place, entry.name))
