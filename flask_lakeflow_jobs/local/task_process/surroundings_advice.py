"""Advice on what exists where the author of a task works, but not here: files, hosts, variables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .paths import is_in_dbfs, to_local_path
from .sql_statements import NO_SYSTEM_TABLES

_COPY = (
    "Copy the file to {}, in an earlier task or by hand: the local workspace has the files of the "
    "bundle, and volumes that are empty at first."
)
_ADD = "Add the file {} to the bundle, or write it in an earlier task: it is not in the folder {}."
_PROGRAM = "Install the program {} on this machine: the task runs it."
_COPY_OR_NAME = (
    "Copy files to {}, in an earlier task or by hand, or give their columns with schema(): volumes "
    "are empty at first."
)
_GIVE = (
    "Give the parameter {} a value: under 'parameters' or 'base_parameters' of the task, or under "
    "'parameters' of the job."
)
_CREATE_TABLE, _CREATE_SCHEMA, _CREATE_MODEL = (
    f"The {kind} {{}} is not in the local workspace. Create it in an earlier task, or in a job "
    "that you run once."
    for kind in ("table", "schema", "model")
)
_RAISE_VERSION = (
    "List a newer version of the package that imports it, such as mlflow>=3, for the task: tasks "
    "have the protobuf that Spark needs, which has no {} any more."
)
_WRAP = (
    "Write io.BytesIO(…) around the {} that files.upload gets, or list the version of "
    "databricks-sdk that your clusters have: newer ones upload only streams."
)
_RAISE_PYTHON = (
    "Run the local workspace on Python 3.12 or newer, which clusters have too, or write the "
    "f-string without quotes and backslashes of its own in the braces."
)
#: Whether an f-string may have any expression.
_HAS_ANY_EXPRESSION = sys.version_info >= (3, 12)
PIPELINE_ADVICE = (
    "Run the file in a pipeline, whose tables it defines: list it under 'libraries' of a pipeline, "
    "and let a pipeline_task update that."
)
_SIMULATE = "The local workspace does not serve {}. Simulate the job (its tag 'local_simulation')."
_USE_SQL = (
    "The local workspace does not serve {}. Use SQL instead (SHOW, DESCRIBE, CREATE … IF NOT "
    "EXISTS), or simulate the job (its tag 'local_simulation')."
)
_WORKSPACE_ROOTS = ("/Volumes/", "/Workspace/", "/dbfs/", "/databricks-datasets/")
_CLOUD = re.compile(r"/((?:abfss?|adl|gs|s3[an]?|wasbs?):)/(.*)")
_PATH = re.compile(r"(?<![\w:/.])/[^\s'\"`,;)]*[^\s'\"`,;).]")
# What to do, by what an error says about a path of the workspace.
_BY_PLACE = {
    r"PATH_NOT_FOUND\] Path does not exist: (?:file:)?((?:dbfs:)?/.*?)\.?(?: SQLSTATE|\n|$)": _COPY,
    r'No files found that match the pattern "([^"]+)"': _COPY,  # DuckDB
    r"Unable to infer schema for \w+: there is no file in (\S+)\. ": _COPY_OR_NAME,
}
# What to do, by what an error says about a name.
_BY_NAME = {
    r"No value found for placeholder with name :(\w+)": _GIVE,
    r"^The parameter ([\w, ]+) has no value\.": _GIVE,
    r"Table with name (\S+) does not exist": _CREATE_TABLE,  # DuckDB
    r"The table or view (\S+) cannot be f": _CREATE_TABLE,
    r"Table or view not found: ([^\s,]+)": _CREATE_TABLE,  # Sail
    r"Database not found: ([^\s,]+)": _CREATE_SCHEMA,  # Sail
    r"Registered Model with name=(\S+) not found": _CREATE_MODEL,  # mlflow
    r"cannot import name '(\w+)' from 'google\.protobuf'": _RAISE_VERSION,
    r"'(bytes)' object has no attribute 'seekable'": _WRAP,
    "(DEFINED_OUTSIDE_OF_DECLARATIVE_PIPELINE)": PIPELINE_ADVICE,
    r"No API found for '([A-Z]+ /unity-catalog/[^']+)'": _USE_SQL,
    r"No API found for '([A-Z]+ [^']+)'": _SIMULATE,
}
# In the errors of requests, httpx, urllib and sockets.
_UNREACHABLE = re.compile(
    r"Failed to resolve '([^']+)'|host='([^']+)'|Max retries exceeded|Name or service not known"
    r"|Temporary failure in name resolution|Network is unreachable|All connection attempts failed"
    r"|Connection refused"
    r"|endpoint URL: \"https?://([^/:\"]+)|could not translate host name \"([^\"]+)\""
)
# Those of clients of Azure, Google and databases are among them.
_CONNECTION_ERRORS = (
    *("ConnectionError", "ConnectError", "ConnectTimeout", "URLError", "gaierror"),
    *("AuthenticationError", "OperationalError", "RequestError", "TransportError"),
)
# How urllib3 and urllib begin their texts, which code may raise as an error of its own.
_CONNECTION_TEXTS = ("ConnectionPool(host=", "<urlopen error ")
_PARSER_FILES = ("argparse.py",)
_CLIENT_FILES = ("urllib/request.py", "socket.py")
_SPARK_CLIENT = "pyspark/sql/connect/client/core.py"
# What comes before the name of a table, in the request as a text.
_BEFORE_TABLE = r'(?:unparsed_identifier: "|\b(?:from|into|join|table|update|using)\s+)'
_OS_FILES = ("<frozen os>", os.__file__)


def advise_on_surroundings(
    error: BaseException, mounts: dict[str, str], root: str = ""
) -> str | None:
    """Return what to do about an error; ``None`` if it has other reasons.

    :param mounts: folders of this machine by their paths in the workspace.
    :param root: the folder of the bundle.
    """
    return (
        _advise_on_missing_file(error, mounts, root)
        or _advise_on_syntax(error)
        or _advise_on_variable(error)
        or _advise_on_arguments(error)
        or _advise_on_place(error, mounts)
        or _advise_on_name(error)
        or _advise_on_host(error)
    )


def _advise_on_missing_file(error: BaseException, mounts: dict[str, str], root: str) -> str | None:
    path = _find_path(error) if isinstance(error, FileNotFoundError) else None
    if not path:
        return None
    if "/" not in path and _comes_from(error.__traceback__, (subprocess.__file__,)):
        return _PROGRAM.format(path)
    return _advise_on_file(path, mounts, root)


def _advise_on_syntax(error: BaseException) -> str | None:
    is_new = isinstance(error, SyntaxError) and str(error.msg).startswith("f-string")
    return _RAISE_PYTHON if is_new and not _HAS_ANY_EXPRESSION else None


def _advise_on_variable(error: BaseException) -> str | None:
    is_missing = isinstance(error, KeyError) and _comes_from(error.__traceback__, _OS_FILES)
    if not is_missing or not error.args:
        return None
    return (
        f"Set {error.args[0]} in the bundle ('spark_env_vars', 'environment_variables') or in "
        "the environment of the local workspace."
    )


def _advise_on_arguments(error: BaseException) -> str | None:
    # argparse has printed it before it has ended the task.
    is_end = isinstance(error, SystemExit)
    text = _find_text(error, "message", _PARSER_FILES) if is_end else None
    return f"Correct the parameters of the task or of its job: {text}." if text else None


def _advise_on_place(error: BaseException, mounts: dict[str, str]) -> str | None:
    for pattern, advice in _BY_PLACE.items():
        if match := re.search(pattern, str(error)):
            return advice.format(_describe_place(match[1], mounts))
    return None


def _advise_on_name(error: BaseException) -> str | None:
    text = f"{error} {_read_response(error)}"
    for pattern, advice in _BY_NAME.items():
        if match := re.search(pattern, text):
            if advice is not _CREATE_TABLE:
                return advice.format(match[1])
            name = _find_full_name(match[1], error)
            is_system = re.search(r"^system\.|\binformation_schema\.", name, re.IGNORECASE)
            return NO_SYSTEM_TABLES if is_system else advice.format(name)
    return None


def _advise_on_host(error: BaseException) -> str | None:
    match = _UNREACHABLE.search(str(error))
    # Spark names the error of its own source of data in the text.
    kinds = f"{type(error).__name__}: {error}"
    signs = (*(f"{each}: " for each in _CONNECTION_ERRORS), *_CONNECTION_TEXTS)
    if match is None or not any(sign in kinds for sign in signs):
        return None
    found = next(filter(None, match.groups()), None)
    url = _read_url(error)
    host = (
        found or url.hostname or _find_text(error, "host", _CLIENT_FILES) or "the host of the task"
    )
    is_https = "port=443" in str(error) or (url.scheme == "https" and url.port is None)
    if host == "localhost" and is_https:  # of spark.databricks.workspaceUrl
        return (
            "Write os.environ['DATABRICKS_HOST'] in place of https:// and the workspace URL: "
            "the local workspace serves no HTTPS."
        )
    return (
        f"This machine cannot reach {host}. Allow the connection, or simulate the job (its tag "
        "'local_simulation')."
    )


def _read_response(error: BaseException) -> str:
    """Return the text of the response, which the errors of requests and httpx leave out."""
    with suppress(Exception):  # it is a stream, or something else
        response: Any = error.response  # type: ignore[attr-defined]
        return str(response.text)
    return ""


def _read_url(error: BaseException) -> SplitResult:
    """Return the address of the request, which the errors of httpx leave out."""
    with suppress(Exception):
        request: Any = error.request  # type: ignore[attr-defined]
        url = urlsplit(str(request.url))
        _ = url.port  # raises an error where it is no number
        return url
    return urlsplit("")


def _find_text(error: BaseException, name: str, files: tuple[str, ...]) -> str | None:
    """Return a text in the frames of an error, which its own text lacks."""
    return next((each for each in _list_values(error, name, files) if isinstance(each, str)), None)


def _find_full_name(table: str, error: BaseException) -> str:
    """Return the name of a table as the task wrote it: Sail names it without its schema.

    Of a table in the catalog ``system``, it names the schema.
    """
    own = rf"system\.{re.escape(table)}\.\w+|(?:[\w-]+\.|`[^`]+`\.)+`?{re.escape(table)}`?"
    name = re.compile(rf"{_BEFORE_TABLE}({own})(?![\w.-])", re.IGNORECASE)
    for request in _list_values(error, "req", (_SPARK_CLIENT,)):
        if match := name.search(re.sub(r"\\[nrt]", " ", str(request))):
            return match[1].replace("`", "")
    return table


def _list_values(error: BaseException | None, name: str, files: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values of a variable in the frames of an error, and of those that it came from.

    :param files: the ends of the paths of the code that has the variable.
    """
    visited: list[BaseException] = []
    while error is not None and error not in visited:
        visited.append(error)
        trace = error.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            if name in frame.f_locals and frame.f_code.co_filename.endswith(files):
                yield frame.f_locals[name]
        error = error.__context__


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
    if match := _CLOUD.search(path):  # dbutils.fs has a folder for each
        return (
            f"The local workspace has no access to {match[1]}//{match[2]}. Copy the files into a "
            "volume, such as /Volumes/main/default/files, or simulate the job (its tag "
            "'local_simulation')."
        )
    # The paths in parameters of a task are translated before it starts.
    is_of_workspace = any(path.startswith(f"{each}/") for each in mounts.values())
    return _COPY.format(path) if is_of_workspace else None


def _describe_place(path: str, mounts: dict[str, str]) -> str:
    """Return a path of the workspace with the file of this machine that it stands for."""
    name = path.removeprefix("dbfs:")
    if not name.startswith("/Volumes/") and (name != path or is_in_dbfs(path)):
        name = "/dbfs/" + name.lstrip("/")
    local = to_local_path(name, mounts)
    return path if local in (name, path) else f"{local} (in the workspace: {path})"


def _comes_from(trace: types.TracebackType | None, files: tuple[str, ...]) -> bool:
    """Return whether an error was raised in one of some files."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in files
