"""Runs a notebook: a Databricks source file in Python, or an ``.ipynb``."""

from __future__ import annotations

import json
import os
import sys

from .script import main_module, use_folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dbutils import DBUtils

HEADER = "# Databricks notebook source"
_SEPARATOR = "# COMMAND ----------"
_MAGIC = "# MAGIC"
_IGNORED_MAGICS = ("%md", "%md-sandbox", "%matplotlib", "%load_ext", "%autoreload", "%config")


class Cell:
    """A cell of a notebook, and the line of the file at which its code begins (from 0)."""

    __slots__ = ("line", "text")

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.line = line


def run_notebook(order: dict[str, Any], dbutils: DBUtils) -> None:
    """Run the notebook at ``path`` with ``parameters`` as its widgets' values."""
    use_folders(order)
    sys.argv = [order["path"]]
    module = main_module(order["path"], dbutils)
    module.__dict__.update(dbutils.notebook_names())
    run_cells(order["path"], module.__dict__)


def run_cells(path: str, names: dict[str, Any]) -> None:
    """Run all cells of a notebook in the given namespace."""
    for cell in read_cells(path):
        _run_cell(cell, path, names)


def read_cells(path: str) -> list[Cell]:
    """The cells of a notebook, in order."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".ipynb"):
        return _cells_of_ipynb(text)
    if not text.startswith(HEADER):
        raise ValueError(
            f"{path} is no notebook: its first line has to be {HEADER!r}. "
            "A plain Python file belongs into a spark_python_task."
        )
    cells = []
    lines: list[str] = []
    start = 1
    for number, line in enumerate(text.splitlines()[1:], start=1):
        if line.strip() == _SEPARATOR:
            cells.append(Cell("\n".join(lines), start))
            lines, start = [], number + 1
        else:
            lines.append(line)
    cells.append(Cell("\n".join(lines), start))
    return [_without_magic_comments(cell) for cell in cells]


def _without_magic_comments(cell: Cell) -> Cell:
    lines = cell.text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if not first.startswith(_MAGIC):
        return cell
    stripped = [line.removeprefix(_MAGIC).removeprefix(" ") for line in lines]
    return Cell("\n".join(stripped), cell.line)


def _cells_of_ipynb(text: str) -> list[Cell]:
    cells = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"]
            cells.append(Cell(source if isinstance(source, str) else "".join(source), 0))
    return cells


def _run_cell(cell: Cell, path: str, names: dict[str, Any]) -> None:
    text = cell.text
    first = next((line.strip() for line in text.split("\n") if line.strip()), "")
    if not first.startswith("%"):
        _run_python(text, cell.line, path, names)
        return
    magic, _, argument = first.partition(" ")
    rest = text.split(first, 1)[1]
    if magic in _IGNORED_MAGICS:
        return
    if magic == "%python":
        _run_python(
            "\n" * text.split(first, 1)[0].count("\n") + argument + rest, cell.line, path, names
        )
    elif magic == "%run":
        run_cells(find_notebook(path, argument.strip().strip("\"'")), names)
    elif magic == "%sh":
        import subprocess

        subprocess.run(["/bin/sh", "-c", argument + rest], check=True)
    elif magic == "%sql":
        names["_sqldf"] = names["spark"].sql((argument + rest).strip())
    elif magic == "%pip":
        print(f"Skipped '{first}': the task uses the packages of the local environment.")
    else:
        raise NotImplementedError(f"A {magic} cell cannot run in the local workspace.")


def _run_python(text: str, line: int, path: str, names: dict[str, Any]) -> None:
    # Blank lines before the code make a traceback name the lines of the file.
    code = compile("\n" * line + text, path, "exec", dont_inherit=True)
    exec(code, names)  # noqa: S102 (running it is the purpose)


def find_notebook(caller: str, given: str) -> str:
    """The file of a notebook that another one names relative to itself, usually without
    extension.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), given))
    for candidate in (base, base + ".py", base + ".ipynb"):
        if os.path.isfile(candidate):
            return candidate
    raise FileNotFoundError(f"There is no notebook {given!r} (looked for {base}).")
