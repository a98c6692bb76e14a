"""The files of notebooks: which they are, how paths lead to them, and their cells.

Two formats keep the cells: source, and Jupyter's JSON.
"""

from __future__ import annotations

import json
import os
import re

from .paths import to_local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TITLE = " Databricks notebook source"
SEPARATOR = " COMMAND ----------"

#: The language and the start of a comment, by the suffix of a source notebook.
SOURCES = {
    ".py": ("python", "#"),
    ".sql": ("sql", "--"),
    ".r": ("r", "#"),
    ".scala": ("scala", "//"),
}
JUPYTER_SUFFIX = ".ipynb"
#: The suffixes of the files of notebooks. A notebook's path in the workspace lacks them.
SUFFIXES = (*SOURCES, JUPYTER_SUFFIX)
#: The bytes at the beginning of a file that tell whether it is a notebook.
HEAD_BYTES = 64
#: The magic of a cell with text. Jupyter has cells of a kind for it.
MARKDOWN = "%md"
# In Python: a comment, a text of several lines, or one of a line.
_TEXT = re.compile(
    r"#[^\n]*|(?P<quotes>'{3}|\"{3})(?:\\.|[^\\])*?(?P=quotes)"
    r"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"",
    re.DOTALL,
)


def is_notebook(name: str, head: bytes) -> bool:
    """Return whether a file is a notebook.

    :param head: its first :data:`HEAD_BYTES` bytes at least.
    """
    suffix = os.path.splitext(name)[1].lower()
    head = head.removeprefix(b"\xef\xbb\xbf")
    if suffix == JUPYTER_SUFFIX:
        return head.lstrip()[:1] == b"{"
    return suffix in SOURCES and head.startswith((SOURCES[suffix][1] + TITLE).encode())


def is_notebook_file(file: str | os.PathLike[str]) -> bool:
    """Return whether a file of this machine exists and is a notebook."""
    name = os.path.basename(file)
    if not name.lower().endswith(SUFFIXES):
        return False
    try:
        if not os.path.isfile(file):  # a pipe could be opened by two only
            return False
        with open(file, "rb") as opened:
            return is_notebook(name, opened.read(HEAD_BYTES))
    except OSError:
        return False


def find_notebook_file(path: str | os.PathLike[str]) -> str | None:
    """Return the file of a notebook whose path may lack its suffix.

    As in the workspace, a file without the header of a notebook comes after the notebook of the
    same name. It is returned if there is no notebook, for the task to say what is wrong with it.
    """
    if os.path.isfile(path):
        return os.fspath(path)
    names = [f"{path}{suffix}" for suffix in (*SUFFIXES, ".R")]
    files = [name for name in names if os.path.isfile(name)]
    return next(filter(is_notebook_file, files), next(iter(files), None))


def find_notebook(caller: str, path: str, mounts: dict[str, str]) -> str:
    """Find the file of a notebook that another one names.

    :param caller: the notebook that a relative path starts from.
    """
    base = os.path.normpath(os.path.join(os.path.dirname(caller), to_local_path(path, mounts)))
    if (file := find_notebook_file(base)) is None:
        raise FileNotFoundError(f"There is no notebook {path!r} (expected at {base}).")
    return file


class Cell:
    """A cell of a notebook.

    :param text: without comments before magics. That of a cell of text begins with ``%md``.
    :param line: of the file, from 0, at which the text begins.
    :param language: in lower case.
    :param number: in an ``.ipynb``, from 1, cells of text included; 0 in a source notebook.
    """

    __slots__ = ("language", "line", "number", "text")

    def __init__(self, text: str, line: int, language: str, number: int = 0) -> None:
        self.text = text
        self.line = line
        self.language = language
        self.number = number

    @property
    def magic(self) -> str:
        """The name of the magic in the first line that is no comment; empty for none."""
        word = split_at_code(self.text)[1].strip().partition(" ")[0]
        return word.lstrip("%") if word.startswith("%") else ""


def read_cells(path: str, text: str) -> list[Cell]:
    """Return the cells of a notebook.

    :param path: its suffix tells the format.
    :raises ValueError: the text is no notebook.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == JUPYTER_SUFFIX:
        return _read_jupyter(path, text)
    language, comment = SOURCES.get(suffix, SOURCES[".py"])
    header = comment + TITLE
    if not text.startswith(header):
        raise ValueError(
            f"Write {header!r} as the first line of {path}, which is no notebook without it. "
            "A plain Python file belongs in a spark_python_task, an SQL file in a sql_task."
        )
    cells = []
    lines: list[str] = []
    start = 1
    # Not splitlines(), which also splits at separators that may be part of a text.
    for number, line in enumerate(text.split("\n")[1:], start=1):
        if line.rstrip() == comment + SEPARATOR:
            cells.append(Cell("\n".join(lines), start, language))
            lines, start = [], number + 1
        else:
            lines.append(_uncomment_magic(line, comment))
    return [*cells, Cell("\n".join(lines), start, language)]


def _uncomment_magic(line: str, comment: str) -> str:
    rest = line.removeprefix(f"{comment} MAGIC")
    is_word = rest[:1].isidentifier()  # as in MAGICAL
    return line if rest == line or is_word else rest.removeprefix(" ")


def _read_jupyter(path: str, text: str) -> list[Cell]:
    try:
        notebook = json.loads(text)
        texts = [_read_jupyter_text(cell) for cell in notebook["cells"]]
    except (LookupError, TypeError, AttributeError, ValueError):
        raise ValueError(
            f"Save the notebook {path} again, or correct its JSON: it has no list of cells."
        ) from None
    language = find_jupyter_language(notebook)
    return [Cell(text, 0, language, number) for number, text in enumerate(texts, start=1)]


def _read_jupyter_text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text if cell.get("cell_type", "code") == "code" else f"{MARKDOWN}\n{text}"


def find_jupyter_language(notebook: Any) -> str:
    """Return the language that a notebook names, if it can run on Databricks, or else Python."""
    try:
        metadata = notebook["metadata"]
        own = metadata.get("application/vnd.databricks.v1+notebook") or {}
        language = str(own.get("language") or metadata["language_info"]["name"]).lower()
    except (LookupError, TypeError, AttributeError):
        return "python"
    return language if language in {name for name, _ in SOURCES.values()} else "python"


def split_at_code(text: str) -> tuple[str, str, str]:
    """Split at the first line that is neither blank nor a comment: blank lines, it, the rest."""
    lines = text.split("\n")
    number = next(
        (
            index
            for index, line in enumerate(lines)
            if line.strip() and not line.startswith(("#", "--"))
        ),
        len(lines) - 1,
    )
    above = "".join("\n" for _ in lines[:number])
    return above, lines[number], "".join("\n" + line for line in lines[number + 1 :])


def find_lines_in_texts(code: str) -> set[int]:
    """Return the numbers, from 0, of the lines of Python that begin inside a text."""
    found: set[int] = set()
    for match in filter(lambda each: each["quotes"], _TEXT.finditer(code)):
        first = code.count("\n", 0, match.start())
        found.update(range(first + 1, first + 1 + match[0].count("\n")))
    return found
