"""Advice on what a task finds in its author's surroundings only: files, hosts and variables."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types

_COPY = (
    "Copy the file to {}, in an earlier task or by hand: the local workspace has the files of the "
    "bundle, and volumes that are empty at first."
)
_WORKSPACE_ROOTS = ("/Volumes/", "/Workspace/", "/dbfs/", "/databricks-datasets/")
# In the errors of requests, httpx, urllib and sockets.
_UNREACHABLE = re.compile(
    r"Failed to resolve '([^']+)'|host='([^']+)'|Max retries exceeded|Name or service not known"
    r"|Temporary failure in name resolution|Network is unreachable|All connection attempts failed"
)
_NO_PATH = re.compile(
    r"\[PATH_NOT_FOUND\] Path does not exist: (?:file:)?((?:dbfs:)?/[^\s]*?)\.?(?:\s|$)"
)
_NO_PARAMETER = re.compile(r"No value found for placeholder with name :(\w+)")
_NOT_SERVED = re.compile(r"No API found for '([A-Z]+ [^']+)'")
_CONNECTION_ERRORS = ("ConnectionError", "ConnectError", "ConnectTimeout", "URLError", "gaierror")
_OS_FILES = ("<frozen os>", os.__file__)


def find_advice(error: BaseException) -> str | None:
    """Return what to do about an error; ``None`` if it has other reasons."""
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, (str, os.PathLike)):
        return _advise_on_file(os.fspath(error.filename))
    if isinstance(error, KeyError) and error.args and _comes_from_environ(error.__traceback__):
        return (
            f"Set {error.args[0]} in the bundle ('spark_env_vars', 'environment_variables') or in "
            "the environment of the local workspace."
        )
    if match := _NO_PATH.search(str(error)):
        return _COPY.format(match[1])
    if match := _NO_PARAMETER.search(str(error)):
        return (
            f"Give the parameter {match[1]} a value: under 'base_parameters' of the task or "
            "'parameters' of the job."
        )
    if match := _NOT_SERVED.search(str(error)):
        return (
            f"The local workspace does not serve {match[1]}. Simulate the job (its tag "
            "'local_simulation')."
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


def _advise_on_file(path: str) -> str | None:
    return _COPY.format(path) if path.startswith(_WORKSPACE_ROOTS) else None


def _comes_from_environ(trace: types.TracebackType | None) -> bool:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename in _OS_FILES
