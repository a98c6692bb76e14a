"""Runs the commands of a ``dbt_task`` on the tables of SQL tasks, in a folder of the workspace."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from typing import Any

from ..dbutils import DBUtils
from ..sql.catalogs import (
    DATABASE,
    SETTINGS,
    Warehouse,
    catalog_file,
    list_catalogs_with_files,
    locked_warehouse,
    to_duckdb,
)
from ..sql.sql_advice import find_sql_advice
from ..surroundings_advice import advise_on_surroundings

# dbt writes to these, so that they are no links.
_WRITTEN = ("dbt_packages", "logs", "target")
_LOCK = "package-lock.yml"
_CATALOG = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FAILED = ("error", "fail", "runtime error", "partial success")
_NOT_IMPORTED = (
    "Run the local workspace on a Python that dbt supports, such as 3.13: dbt cannot be imported "
    "on Python {}.{}."
)
_MAX_NAMED = 5  # failed nodes in a message
# How dbt says that it cannot reach the hub or a repository.
_NO_NETWORK = re.compile(
    r"ConnectionError|Max retries exceeded|Name or service not known|Could not resolve host"
    r"|unable to access|Temporary failure in name resolution|Error fetching|hub\.getdbt\.com",
    re.IGNORECASE,
)


def run_dbt(payload: dict[str, Any], dbutils: DBUtils) -> dict[str, Any]:
    """Run the commands in order, until one fails. Tasks on Sail have the same tables.

    :return: ``error`` if one has failed, and ``dbt_results``.
    """
    project = DbtProject(payload["folder"])
    Warehouse().close()  # the file of the default catalog exists from now on
    os.environ.update(project.variables())
    with locked_warehouse():
        if not dbutils.task_spark.is_sail:
            return _run_commands(payload, project)
        from .dbt_adapter import close, find_view
        from .shared_tables import SharedTables

        file = os.path.join(os.path.dirname(project.folder), "shared.json")
        tables = SharedTables(dbutils.task_spark.session, file, find_view)
        tables.fetch()
        try:
            outcome = _run_commands(payload, project)
        finally:
            close()
            errors = tables.publish()
            print(*errors, sep="\n", end="\n" * bool(errors), file=sys.stderr)
        if errors and "error" not in outcome:
            outcome["error"] = outcome["error_trace"] = " ".join(errors)
        return outcome


def _run_commands(payload: dict[str, Any], project: DbtProject) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    project.link()
    os.chdir(project.root)
    project.write_profile(payload["profile"])
    runner = import_runner()
    from .dbt_adapter import adapt

    adapt(project.folder)
    for arguments in payload["parameters"]:
        print("$ dbt", *arguments, flush=True)
        result = runner().invoke(arguments)
        nodes = list(getattr(result.result, "results", None) or ())
        results += [read_result(each) for each in nodes]
        if not result.success:
            error = describe_dbt_failure(arguments, results, result.exception, project.source)
            print(error, file=sys.stderr)
            return {"error": error, "error_trace": error, "dbt_results": results}
    return {"dbt_results": results}


def import_runner() -> Any:
    """Return the class of dbt that runs a command.

    :raises ImportError: dbt does not support the version of Python; the message says what to do.
    """
    try:
        from dbt.cli.main import dbtRunner
    except Exception as error:  # dbt 1.11 fails so on Python 3.14
        raise ImportError(_NOT_IMPORTED.format(*sys.version_info)) from error
    return dbtRunner


def read_result(result: Any) -> dict[str, Any]:
    """Return the result of a model, a test or another node of dbt."""
    node = result.node
    return {
        "name": str(node.name),
        "kind": str(node.resource_type),
        "path": str(node.original_file_path),
        "status": str(result.status),
        "message": advise(str(result.message or ""), getattr(node, "compiled_code", None) or ""),
        "seconds": round(float(result.execution_time or 0), 3),
    }


def advise(message: str, code: str) -> str:
    """Put advice before an error about code that DuckDB does not run."""
    error = " ".join(_error_lines(message))
    if error.startswith("Parser Error") or "Function with name" in error:
        return f"{find_sql_advice(code)} ({error})"
    return message


def describe_dbt_failure(
    arguments: list[str], results: list[dict[str, Any]], error: BaseException | None, source: str
) -> str:
    """Describe a failed command: what failed, in which file and line, why, and what to do."""
    failed = [each for each in results if each["status"] in _FAILED]
    if failed:
        first = failed[0]
        line = find_line(os.path.join(source, first["path"]), first["message"])
        place = f"{first['path']}, line {line}" if line else first["path"]
        message = " ".join(_error_lines(first["message"]))
        if advice := advise_on_surroundings(ValueError(message), {}):
            message = f"{advice} {message}"
        text = f"{place}: the {first['kind']} {first['name']} failed: {message}"
        others = ", ".join(each["name"] for each in failed[1:_MAX_NAMED])
        return f"{text} Failed too: {others}." if others else text
    message = " ".join(str(error or "see the log").split())
    if arguments[0] == "deps" and _NO_NETWORK.search(message):
        return (
            "dbt deps cannot reach the packages that packages.yml names: connect to the network, "
            f"or add the folder dbt_packages to the project and remove 'dbt deps'. {message}"
        )
    return f"dbt {arguments[0]} failed: {message}"


def find_line(file: str, message: str) -> int | None:
    """Return the line of a file that an error is about, by a name that the error quotes.

    :return: from 1; ``None`` if no line has the name.
    """
    if match := re.search(r"\bline (\d+)\b", message):
        return int(match[1])
    names = re.findall(r"""["'`]([^"'`\n]+)["'`]|\bwith name (\S+)""", message)
    try:
        with open(file, encoding="utf-8") as text:
            lines = text.read().lower().splitlines()
    except (OSError, UnicodeError):
        return None
    for name in (quoted or plain for quoted, plain in names):
        for number, line in enumerate(lines, start=1):
            if re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", line):
                return number
    return None


def _error_lines(message: str) -> list[str]:
    """Return the lines of a message that describe the error, without dbt's heading and hints."""
    lines = [each.strip() for each in message.splitlines() if each.strip()]
    kept = [
        each
        for each in lines
        if not re.match(
            r"(?:Runtime|Database|Compilation) Error in|compiled code at|>|\^|LINE ", each
        )
    ]
    return kept or lines or ["see the log."]


class DbtProject:
    """The folder in which dbt works: links to the files of a project, and a profile.

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
        catalogs = list_catalogs_with_files()
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
            f"{{{{ '{DATABASE}' if catalog | string == 'main' else catalog }}}}"
        )
    else:
        name = to_duckdb(catalog)
    attached = [each for each in catalogs if _CATALOG.fullmatch(each) and each != name]
    return {
        "type": "duckdb",
        "path": catalog_file(name),
        "schema": output["schema"],
        "threads": output["threads"],
        "attach": [{"path": catalog_file(each), "alias": each} for each in attached],
        "settings": SETTINGS,
    }


def _link_packages(source: str, place: str) -> None:
    os.makedirs(place, exist_ok=True)
    for entry in os.scandir(source):
        if not os.path.lexists(os.path.join(place, entry.name)):
            os.symlink(entry.path, os.path.join(place, entry.name))
