"""Runs the cells of a notebook."""

from __future__ import annotations

import builtins
import linecache
import os
import signal
import sys
import time
from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from contextlib import contextmanager

from . import notebook_files
from .dbutils import DBUtils, NotebookExit
from .notebook_files import Cell, find_notebook
from .script import create_main_module, extend_import_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

# These magics concern the display of a notebook or its tools; they do nothing here.
_IGNORED_MAGICS = (
    "matplotlib",
    "load_ext",
    "reload_ext",
    "autoreload",
    "config",
    "restart_python",
    "time",
)
_INSTALLERS = ("pip", "uv", "conda")
_LANGUAGE_MAGICS = ("python", "sql", "r", "scala", "sh", "bash", "run", "fs")
# The cell of an environment has no code.
_NOT_RUN = ("md", "md-sandbox", "html", "skip", "environment")

_NO_CELL = (
    "The local workspace cannot run a {} cell. Write it in Python or SQL, or simulate the job (tag "
    "'local_simulation')."
)
_CO_COROUTINE = 0x80  # of the module inspect, which takes long to import
# Names in a notebook's namespace: what SQL keeps between cells, and their event loop.
_SQL = "__lakeflow_sql__"
_LOOP = "__lakeflow_loop__"


def run_notebook(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Run the notebook at ``path`` with ``parameters`` as the values of its widgets."""
    path = payload["path"]
    extend_import_path(payload)
    sys.argv = [path]
    run_cells(path, create_main_module(path, dbutils).__dict__)


def run_other_notebook(
    dbutils: DBUtils, path: str, timeout_seconds: float, parameters: dict[str, str]
) -> str:
    """Run another notebook in its own namespace; return its exit value.

    :param dbutils: of the calling notebook.
    :param path: absolute or relative to the calling notebook.
    :raises TimeoutError: it did not end in time.
    """
    file = find_notebook(dbutils.path, path, dbutils.mounts)
    if (folder := os.path.dirname(file)) not in sys.path:
        sys.path.append(folder)
    inner = dbutils.for_notebook(file, parameters)
    names = {"__name__": "__main__", "__builtins__": builtins, **inner.notebook_names()}
    try:
        with time_limit(timeout_seconds, f"The notebook {path!r}"):
            run_cells(file, names)
    except NotebookExit as exit_call:
        return exit_call.value
    except SystemExit as error:  # on Databricks, it ends a run of its own
        if error.code not in (None, 0):
            raise RuntimeError(f"The notebook {path!r} called sys.exit({error.code!r}).") from error
    return ""


@contextmanager
def time_limit(seconds: float, subject: str) -> Iterator[None]:
    """Raise ``TimeoutError`` in the block when its time is up.

    Only the main thread can be interrupted; other threads have no limit.

    :param seconds: 0: no limit.
    :param subject: names the code in the error.
    """
    import threading  # few notebooks need it

    outer_remaining, _ = signal.getitimer(signal.ITIMER_REAL)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or seconds <= 0 or 0 < outer_remaining <= seconds:
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"{subject} did not end within {seconds:g} seconds.")

    start = time.monotonic()
    outer_handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer_handler)
        if outer_remaining:
            elapsed = time.monotonic() - start
            signal.setitimer(signal.ITIMER_REAL, max(outer_remaining - elapsed, 0.001))


def run_cells(path: str, names: dict[str, Any]) -> None:
    for cell in load_cells(path):
        run_cell(cell, path, names)


def load_cells(path: str) -> list[Cell]:
    """Read the cells of a notebook, each without the magic that names its language."""
    with open(path, encoding="utf-8-sig") as file:
        return [
            _apply_language_magic(cell) for cell in notebook_files.read_cells(path, file.read())
        ]


def _apply_language_magic(cell: Cell) -> Cell:
    """Remove the magic that names a cell's language; other lines keep their numbers."""
    name = cell.magic
    if not name or name in _IGNORED_MAGICS + _INSTALLERS:
        return cell
    above, first, rest = notebook_files.split_at_code(cell.text)
    magic, _, argument = first.strip().partition(" ")
    if name not in _LANGUAGE_MAGICS + _NOT_RUN:
        raise NotImplementedError(_NO_CELL.format(magic))
    return Cell(above + argument + rest, cell.line, name, cell.number)


def run_cell(cell: Cell, path: str, names: dict[str, Any]) -> None:
    text = cell.text.strip()
    if cell.language == "python":
        _run_python(cell, path, names)
    elif cell.language in _NOT_RUN or not text:
        return
    elif cell.language == "run":
        _include_notebook(text, path, names)
    elif cell.language in ("sh", "bash"):
        _run_shell(cell.text, may_fail=cell.language == "sh")
    elif cell.language == "sql":
        _run_sql(cell, path, names)
    elif cell.language == "fs":
        _call_fs(text, names)
    else:
        raise NotImplementedError(_NO_CELL.format(f"%{cell.language}"))


def _call_fs(text: str, names: dict[str, Any]) -> None:
    """Run ``%fs rm -r /tmp/in``: an option stands for the last argument, which is then true."""
    import shlex  # few notebooks need it

    command, *words = shlex.split(text)
    arguments: list[Any] = [word for word in words if not word.startswith("-")]
    arguments += [True] * (len(arguments) < len(words))
    print(getattr(names["dbutils"].fs, command)(*arguments))


def _run_python(cell: Cell, path: str, names: dict[str, Any]) -> None:
    # Blank lines before the code make a traceback name the lines of the file.
    text = "\n" * cell.line + cell.text
    if cell.number:
        path = _name_cell(cell, path)
    flags = PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        code = compile(text, path, "exec", flags, dont_inherit=True)
    except SyntaxError:
        # Not before compile() failed: a line inside a string may resemble a magic.
        replaced = _replace_magics(text)
        if replaced == text:
            raise
        code = compile(replaced, path, "exec", flags, dont_inherit=True)
        names["__lakeflow_magic__"] = _run_line_magic
    if code.co_flags & _CO_COROUTINE:
        _run_coroutine(code, names)
    else:
        exec(code, names)  # noqa: S102 (running it is the purpose)


def _name_cell(cell: Cell, path: str) -> str:
    """Return a name of a cell in traces, which then show the lines of its code."""
    name = f"{path}, cell {cell.number}"
    linecache.cache[name] = (len(cell.text), None, cell.text.splitlines(keepends=True), name)
    return name


def _run_coroutine(code: types.CodeType, names: dict[str, Any]) -> None:
    """Run a cell with ``await``; its tasks continue in the next such cell."""
    import asyncio  # takes long to import, and few notebooks need it

    if _LOOP not in names:
        names[_LOOP] = asyncio.new_event_loop()
    names[_LOOP].run_until_complete(eval(code, names))  # noqa: S307 (running it is the purpose)


def _replace_magics(text: str) -> str:
    """Replace magics and shell commands by calls; other lines keep their numbers."""
    lines: list[str] = []
    pending = iter(text.split("\n"))
    in_texts = notebook_files.find_lines_in_texts(text)
    for line in pending:
        if len(lines) in in_texts:
            lines.append(line)
            continue
        continuations = 0
        while _is_call(line) and line.endswith("\\") and (more := next(pending, None)) is not None:
            line = line[:-1].rstrip() + " " + more.strip()
            continuations += 1
        call = f"__lakeflow_magic__({line!r})" if _is_call(line) else line
        lines += [call, *[""] * continuations]
    return "\n".join(lines)


def _is_call(line: str) -> bool:
    return line.startswith(("%", "!"))


def _run_line_magic(line: str) -> None:
    name = line.lstrip("%!").split(" ")[0]
    if name in _INSTALLERS:
        print(
            f"Ignored '{line}'. List the package in the task's environment, and set "
            "LAKEFLOW_JOBS_LOCAL_INSTALL."
        )
    elif line.startswith("!"):
        _run_shell(line[1:])
    elif name == "sh":
        _run_shell(line.partition(" ")[2])
    elif name not in _IGNORED_MAGICS or (name == "time" and not line.startswith("%%")):
        raise NotImplementedError(
            f"Write the line in Python, without %{name}: it cannot run in the local workspace."
        )


def _include_notebook(text: str, path: str, names: dict[str, Any]) -> None:
    """Run another notebook in this one's namespace: ``%run ./other $name="value"``."""
    import shlex  # few notebooks need it

    other, *settings = shlex.split(text, comments=True)
    for setting in settings:
        name, _, value = setting.removeprefix("$").partition("=")
        names["dbutils"].widgets.set(name, value)
    run_cells(find_notebook(path, other, names["dbutils"].mounts), names)


def _run_shell(text: str, *, may_fail: bool = True) -> None:
    """Run commands, in bash if there is one.

    :param may_fail: go on after a failure, unless the text begins with ``-e``. Databricks,
        documentation of notebooks.
    """
    import subprocess  # few notebooks need it

    sys.stdout.flush()
    command = ["/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"]
    if text.split(maxsplit=1)[:1] == ["-e"]:
        command, text, may_fail = [*command, "-e"], text.replace("-e", "", 1), False
    ended = subprocess.run([*command, "-c", text], check=not may_fail)
    if ended.returncode:
        print(f"The shell ended with exit status {ended.returncode}.", file=sys.stderr)


def _run_sql(cell: Cell, path: str, names: dict[str, Any]) -> None:
    """Run SQL and print the result of the last query."""
    from .sql import SqlSession  # few notebooks need it

    session = names.get(_SQL) or names.setdefault(_SQL, SqlSession(names["dbutils"].task_spark))
    place = os.path.basename(path) + (f", cell {cell.number}" if cell.number else "")
    table = session.run(cell.text, names["dbutils"].widgets.getAll(), place, cell.line)
    if table is not None:
        table.print()
        # On Databricks, the result as a frame; without Spark, an error that names what is missing.
        frame = table.frame
        names["_sqldf"] = names["dbutils"].spark if frame is None else frame
