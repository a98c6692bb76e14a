"""Runs a notebook: a Databricks source file in Python or SQL, or an ``.ipynb``."""

from __future__ import annotations

import json
import os
import sys
from _ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from functools import partial

from .script import main_module, use_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import Any

    from .dbutils import DBUtils

SIMULATED_RESULTS = (".py", ".ipynb", ".sql", ".r", ".scala")
_TITLE = " Databricks notebook source"
# What a source notebook's language is called, and how its comments begin, by the file's ending.
_LANGUAGES = {
    ".py": ("python", "#"),
    ".sql": ("sql", "--"),
    ".r": ("r", "#"),
    ".scala": ("scala", "//"),
}
# Magics that are about the notebook's looks or tools: the rest of their line is for them alone.
_LINE_MAGICS = (
    "matplotlib",
    "load_ext",
    "reload_ext",
    "autoreload",
    "config",
    "restart_python",
    "capture",
)
_SETTERS = ("cd", "env")
_TIMERS = ("time", "timeit")
_INSTALLERS = ("pip", "uv", "conda")
_LANGUAGE_MAGICS = ("python", "sql", "r", "scala", "sh", "bash", "md", "md-sandbox", "run", "fs")

_AWAITS = 0x80  # inspect.CO_COROUTINE; the module takes long to import
# Among a notebook's names: with what its cells are compiled, and where those that await run.
_FLAGS = "__lakeflow_flags__"
_LOOP = "__lakeflow_loop__"


class Cell:
    """A cell of a notebook.

    :param line: the line of the file at which its code begins (from 0).
    """

    __slots__ = ("language", "line", "text")

    def __init__(self, text: str, line: int, language: str) -> None:
        self.text = text
        self.line = line
        self.language = language


def run_notebook(payload: dict[str, Any], dbutils: DBUtils) -> None:
    """Run the notebook at ``path`` with ``parameters`` as its widgets' values."""
    use_folders(payload)
    sys.argv = [payload["path"]]
    module = main_module(payload["path"], dbutils)
    module.__dict__.update(dbutils.notebook_names())
    run_cells(payload["path"], module.__dict__)


def run_cells(path: str, names: dict[str, Any]) -> None:
    """Run all cells of a notebook in the given namespace."""
    for cell in read_cells(path):
        _run_cell(cell, path, names)


def read_cells(path: str) -> list[Cell]:
    """The cells of a notebook, in order."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    ending = os.path.splitext(path)[1].lower()
    if ending == ".ipynb":
        return _cells_of_ipynb(text)
    language, comment = _LANGUAGES.get(ending, _LANGUAGES[".py"])
    header = comment + _TITLE
    if not text.startswith(header):
        raise ValueError(
            f"{path} is no notebook: its first line has to be {header!r}. "
            "A plain Python file belongs into a spark_python_task, one of SQL into a sql_task."
        )
    cells = []
    lines: list[str] = []
    start = 1
    # By line ends alone: what else parts lines for splitlines may well stand in a text.
    for number, line in enumerate(text.split("\n")[1:], start=1):
        if line.strip() == f"{comment} COMMAND ----------":
            cells.append(Cell("\n".join(lines), start, language))
            lines, start = [], number + 1
        else:
            lines.append(line)
    cells.append(Cell("\n".join(lines), start, language))
    return [_in_its_own_language(_without_magic_comments(cell, comment)) for cell in cells]


def _without_magic_comments(cell: Cell, comment: str) -> Cell:
    mark = f"{comment} MAGIC"
    if not any(line.startswith(mark) for line in cell.text.split("\n")):
        return cell
    lines = [
        line.removeprefix(mark).removeprefix(" ") if line.startswith(mark) else line
        for line in cell.text.split("\n")
    ]
    return Cell("\n".join(lines), cell.line, cell.language)


def _cells_of_ipynb(text: str) -> list[Cell]:
    notebook = json.loads(text)
    metadata = notebook.get("metadata", {})
    databricks = metadata.get("application/vnd.databricks.v1+notebook", {})
    language = databricks.get("language") or "python"
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"]
            text = source if isinstance(source, str) else "".join(source)
            cells.append(_in_its_own_language(Cell(text, 0, language)))
    return cells


def _in_its_own_language(cell: Cell) -> Cell:
    """The cell without the magic at its top that names a language; what follows keeps its line."""
    above, first, rest = _split_at_first_line(cell.text)
    magic, _, argument = first.strip().partition(" ")
    name = magic.lstrip("%")
    if not magic.startswith("%") or name in _LINE_MAGICS + _INSTALLERS + _TIMERS + _SETTERS:
        return cell
    if name not in _LANGUAGE_MAGICS:
        raise NotImplementedError(f"A {magic} cell cannot run in the local workspace.")
    return Cell(above + argument + rest, cell.line, name)


def _split_at_first_line(text: str) -> tuple[str, str, str]:
    """What stands above the first line that says something, that line, and what follows."""
    lines = text.split("\n")
    number = next(
        (
            index
            for index, line in enumerate(lines)
            if line.strip() and not line.startswith(("#", "--"))  # as a title or a comment does
        ),
        len(lines) - 1,
    )
    above = "".join("\n" for _ in lines[:number])
    return above, lines[number], "".join("\n" + line for line in lines[number + 1 :])


def _run_cell(cell: Cell, path: str, names: dict[str, Any]) -> None:
    text = cell.text.strip()
    if cell.language == "python":
        _run_python(cell, path, names)
    elif cell.language in ("md", "md-sandbox") or not text:
        return
    elif cell.language == "run":
        _run_other(text, path, names)
    elif cell.language in ("sh", "bash"):
        _run_shell(cell.text)
    elif cell.language == "sql":
        _run_sql(text, names)
    elif cell.language == "fs":
        command, *arguments = text.split()
        print(getattr(names["dbutils"].fs, command)(*arguments))
    else:
        raise NotImplementedError(f"A %{cell.language} cell cannot run in the local workspace.")


def _run_python(cell: Cell, path: str, names: dict[str, Any]) -> None:
    # Blank lines before the code make a traceback name the lines of the file.
    text = "\n" * cell.line + cell.text
    flags = names.get(_FLAGS, PyCF_ALLOW_TOP_LEVEL_AWAIT)
    try:
        code = compile(text, path, "exec", flags, dont_inherit=True)
    except SyntaxError:
        # Only now, for in a text of several lines one may well begin as a magic does.
        with_calls = _with_calls_for_magics(text)
        if with_calls == text:
            raise
        code = compile(with_calls, path, "exec", flags, dont_inherit=True)
        names["__lakeflow_magic__"] = partial(_run_line_magic, names)
    if "__future__" in text:
        names[_FLAGS] = flags | _future_flags(code)
    if code.co_flags & _AWAITS:
        _run_awaiting(code, names)
    else:
        exec(code, names)  # noqa: S102 (running it is the purpose)


def _future_flags(code: types.CodeType) -> int:
    """What a cell has imported from ``__future__``; it holds for those that follow."""
    import __future__

    features = (getattr(__future__, name) for name in __future__.all_feature_names)
    return sum(each.compiler_flag for each in features if code.co_flags & each.compiler_flag)


def _run_awaiting(code: types.CodeType, names: dict[str, Any]) -> None:
    """Run a cell that awaits something; what it leaves going goes on in the next such cell."""
    import asyncio

    if _LOOP not in names:
        names[_LOOP] = asyncio.new_event_loop()
    names[_LOOP].run_until_complete(eval(code, names))  # noqa: S307 (running it is the purpose)


def _with_calls_for_magics(text: str) -> str:
    """Python in which a line that is a magic, or a command for the shell, is a call. One that goes
    on after a backslash leaves blank lines behind, so that all others keep their numbers.
    """
    lines: list[str] = []
    pending = iter(text.split("\n"))
    for line in pending:
        following = 0
        while _is_call(line) and line.endswith("\\") and (more := next(pending, None)) is not None:
            line = line[:-1].rstrip() + " " + more.strip()
            following += 1
        lines += [_with_call_for_magic(line), *[""] * following]
    return "\n".join(lines)


def _is_call(line: str) -> bool:
    return line.startswith(("%", "!")) and line.partition(" ")[0].lstrip("%") not in _TIMERS


def _with_call_for_magic(line: str) -> str:
    if _is_call(line):
        return f"__lakeflow_magic__({line!r})"
    return line.partition(" ")[2] if line.startswith("%") else line


def _run_line_magic(names: dict[str, Any], line: str) -> None:
    name = line.lstrip("%!").split(" ")[0]
    if name in _INSTALLERS:
        print(f"Skipped '{line}': the task uses the packages of the local environment.")
    elif line.startswith("!"):
        _run_shell(line[1:])
    elif name == "sh":
        _run_shell(line.partition(" ")[2])
    elif name == "env":
        variable, _, value = line.partition(" ")[2].partition("=")
        os.environ[variable.strip()] = value.strip()
    elif name == "cd":
        _change_folder(line.partition(" ")[2], names)
    elif name not in _LINE_MAGICS:
        raise NotImplementedError(f"A %{name} line cannot run in the local workspace.")


def _change_folder(given: str, names: dict[str, Any]) -> None:
    """``%cd ..``, ``%cd $folder`` or ``%cd {folder}``, also to a path of the workspace."""
    text = given.strip()
    variable = text.removeprefix("$") if text.startswith("$") else text.strip("{}")
    path = str(names[variable]) if variable != text and variable in names else text.strip("'\"")
    os.chdir(os.path.expanduser(names["dbutils"].notebook.local(path)))
    print(os.getcwd())


def _run_other(text: str, path: str, names: dict[str, Any]) -> None:
    """Run another notebook in this one's namespace: ``%run ./other $name="value"``."""
    import shlex

    given, *settings = shlex.split(text, comments=True)
    for setting in settings:
        name, _, value = setting.removeprefix("$").partition("=")
        names["dbutils"].widgets.set(name, value)
    run_cells(names["dbutils"].notebook.find(given, path), names)


def _run_shell(text: str) -> None:
    import subprocess

    sys.stdout.flush()
    subprocess.run(["/bin/sh", "-c", text], check=True)


def _run_sql(text: str, names: dict[str, Any]) -> None:
    """By Spark where it is installed, else by DuckDB."""
    from importlib.util import find_spec

    parameters = names["dbutils"].widgets.getAll()
    if find_spec("pyspark"):
        names["_sqldf"] = names["spark"].sql(text, parameters)
        return
    if not find_spec("duckdb"):
        raise RuntimeError(
            "SQL in a notebook needs Spark or DuckDB here. Install pyspark or "
            "flask-lakeflow-jobs[sql]."
        )
    from .statements import print_answer, run_statements

    print_answer(run_statements(text, parameters))
    # There, the answer as a DataFrame; whoever asks for one is told what is missing.
    names["_sqldf"] = names["dbutils"].spark


def find_notebook(caller: str, given: str, mounts: dict[str, str]) -> str:
    """The file of a notebook that another one names, usually without extension: relative to
    itself, or by its path in the workspace.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), local_path(given, mounts)))
    for candidate in (base, *(base + ending for ending in SIMULATED_RESULTS)):
        if os.path.isfile(candidate):
            return candidate
    raise FileNotFoundError(f"There is no notebook {given!r} (looked for {base}).")


def local_path(given: str, mounts: dict[str, str]) -> str:
    """This machine's path for one of the workspace, with ``/Workspace`` before it or without; any
    other path as it is.
    """
    path = os.path.normpath(given)
    for mount, folder in mounts.items():
        for prefix in (mount, mount.removeprefix("/Workspace")):
            if path == prefix or path.startswith(prefix + "/"):
                return folder + path[len(prefix) :]
    return given
