"""Advice on what a task finds in its author's surroundings only: files, hosts and variables."""

from __future__ import annotations

import os
import re
import subprocess

from .paths import to_local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types

_COPY = (
    "Copy the file to {}, in an earlier task or by hand: the local workspace has the files of the "
    "bundle, and volumes that are empty at first."
)
_ADD = "Add the file {} to the bundle, or write it in an earlier task: it is not in the folder {}."
_PROGRAM = "Install the program {} on this machine: the task runs it."
_WORKSPACE_ROOTS = ("/Volumes/", "/Workspace/", "/dbfs/", "/databricks-datasets/")
# In the errors of requests, httpx, urllib and sockets.
_UNREACHABLE = re.compile(
    r"Failed to resolve '([^']+)'|host='([^']+)'|Max retries exceeded|Name or service not known"
    r"|Temporary failure in name resolution|Network is unreachable|All connection attempts failed"
)
_NO_PATH = re.compile(
    r"\[PATH_NOT_FOUND\] Path does not exist: (?:file:)?((?:dbfs:)?/[^\s]*?)\.?(?:\s|$)"
)
_PATH = re.compile(r"(?<![\w:/.])/[^\s'\"`,;)]*[^\s'\"`,;).]")
_NO_PARAMETER = re.compile(
    r"No value found for placeholder with name :(\w+)|^The parameter ([\w, ]+) has no value\."
)
_NO_COLUMNS = re.compile(r"Unable to infer schema for \w+: there is no file in (\S+)\. ")
# In the errors of DuckDB and of Spark.
_NO_FILES = re.compile(r'No files found that match the pattern "([^"]+)"')
_NO_TABLE = re.compile(
    r"Table with name (\S+) does not exist|The table or view (\S+) cannot be f"
    r"|\[TABLE_OR_VIEW_NOT_FOUND\] Table or view not found: ([^\s,]+)"
)
# In the errors of mlflow.
_NO_MODEL = re.compile(r"Registered Model with name=(\S+) not found")
_NOT_SERVED = re.compile(r"No API found for '([A-Z]+ [^']+)'")
_CONNECTION_ERRORS = ("ConnectionError", "ConnectError", "ConnectTimeout", "URLError", "gaierror")
_OS_FILES = ("<frozen os>", os.__file__)


def find_advice(error: BaseException, mounts: dict[str, str], root: str = "") -> str | None:
    """Return what to do about an error; ``None`` if it has other reasons.

    :param mounts: folders of this machine by their paths in the workspace.
    :param root: the folder of the bundle.
    """
    if isinstance(error, FileNotFoundError) and (path := _find_path(error)):
        if "/" not in path and _comes_from(error.__traceback__, (subprocess.__file__,)):
            return _PROGRAM.format(path)
        return _advise_on_file(path, mounts, root)
    if isinstance(error, KeyError) and error.args and _comes_from(error.__traceback__, _OS_FILES):
        return (
            f"Set {error.args[0]} in the bundle ('spark_env_vars', 'environment_variables') or in "
            "the environment of the local workspace."
        )
    if match := _NO_PATH.search(str(error)) or _NO_FILES.search(str(error)):
        return _COPY.format(_describe_place(match[1], mounts))
    if match := _NO_COLUMNS.search(str(error)):
        return (
            f"Copy files to {_describe_place(match[1], mounts)}, in an earlier task or by hand, or "
            "give their columns with schema(): volumes are empty at first."
        )
    if match := _NO_PARAMETER.search(str(error)):
        return (
            f"Give the parameter {match[1] or match[2]} a value: under 'parameters' or "
            "'base_parameters' of the task, or under 'parameters' of the job."
        )
    if match := _NO_TABLE.search(str(error)):
        return (
            f"The table {match[1] or match[2] or match[3]} is not in the local workspace. Create "
            "it in an earlier task, or in a job that you run once."
        )
    if match := _NO_MODEL.search(str(error)):
        return (
            f"The model {match[1]} is not registered in the local workspace. Create it in an "
            "earlier task, or in a job that you run once."
        )
    if match := _NOT_SERVED.search(str(error)):
        return (
            f"The local workspace does not serve {match[1]}. {_describe_way_out(match[1])} the job "
            "(its tag 'local_simulation')."
        )
    match = _UNREACHABLE.search(str(error))
    # Spark names the error of its own source of data in the text.
    kinds = f"{type(error).__name__}: {error}"
    if match and any(f"{each}: " in kinds for each in _CONNECTION_ERRORS):
        return (
            f"This machine cannot reach {match[1] or match[2] or 'the host of the task'}. Allow "
            "the connection, or simulate the job (its tag 'local_simulation')."
        )
    return None


def _describe_way_out(route: str) -> str:
    if " /unity-catalog/" in route:
        return "Use SQL instead (SHOW, DESCRIBE, CREATE … IF NOT EXISTS), or simulate"
    return "Simulate"


def _find_path(error: FileNotFoundError) -> str | None:
    """Return the path of the file. Code that raises the error itself has it in the text only."""
    if error.filename is None:
        match = _PATH.search(str(error))
        return match[0] if match else None
    path = os.fspath(error.filename) if isinstance(error.filename, (str, os.PathLike)) else None
    return path if isinstance(path, str) else None


def _advise_on_file(path: str, mounts: dict[str, str], root: str) -> str | None:
    if path.startswith(_WORKSPACE_ROOTS):
        return _COPY.format(_describe_place(path, mounts))
    folder, name = os.path.split(path)
    if root and os.path.abspath(path).startswith(root + "/"):
        return _ADD.format(name, os.path.abspath(folder))
    # The paths in parameters of a task are translated before it starts.
    is_of_workspace = any(path.startswith(f"{each}/") for each in mounts.values())
    return _COPY.format(path) if is_of_workspace else None


def _describe_place(path: str, mounts: dict[str, str]) -> str:
    """Return a path of the workspace with the file of this machine that it stands for."""
    name = "/dbfs/" + path.removeprefix("dbfs:").lstrip("/") if path.startswith("dbfs:") else path
    local = to_local_path(name, mounts)
    return path if local in (name, path) else f"{local} (in the workspace: {path})"


def _comes_from(trace: types.TracebackType | None, files: tuple[str, ...]) -> bool:
    """Return whether an error was raised in one of some files."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in files
