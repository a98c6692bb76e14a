"""A linter for prose: words that the glossary replaces, long sentences, riddling openers.

It reads pages in Markdown and the docstrings of the package. Run it over everything::

    python docs/_ext/docs_prose.py
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"

#: Longest sentence in words. Inline code and links count as one word each.
MAX_WORDS = 32

#: Words of the glossary's last column that prose may use with their everyday meaning.
EVERYDAY = frozenset(
    [
        "adopt",
        "board",
        "followed",
        "hint",
        "look",
        "mask",
        "mine",
        "played",
        "pull",
        "road",
        "said",
        "shown",
    ]
)

#: Words and phrases that slow readers down, with what to write instead.
AVOIDED = {
    "anew": "again",
    "as whom": "as which user",
    "goes on": "continues, is running",
    "mend": "fix",
    "nobody": "no one; better: name who may not",
    "nothing but": "only",
    "of itself": "by itself",
    "whatever": "any, even if",
    "whoever": "anyone who",
}

#: Openers that make readers wait for the subject, unless the sentence is a question.
_OPENER = re.compile(r"(?:What|Whatever|Whoever|Who|Whichever)\b")

#: The same at the start of a docstring, which names a thing or begins with a verb.
_DOCSTRING_OPENER = re.compile(r"(?:How|What|Whatever|Where|Whether|Which|Who|Whoever|Whom)\b")

_FENCE = re.compile(r"^([`:~]{3,}).*?^\1$\n?", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"^<!--.*?-->", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"^<!-- made of code: .*?^<!-- end -->", re.DOTALL | re.MULTILINE)
_HTML = re.compile(r"</?[a-z][^>\n]*>")
_URL = re.compile(r"<https?://[^>]*>")
_ROLE = re.compile(r"(?:\{[\w:-]+\}|:[\w:]+:)?(`+).+?\1", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SENTENCE_END = re.compile(r";\s+|(?<=[.!?:])[*_\")]*\s+(?=[*_\"(]*[A-Z0-9])")
_BLOCK_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*|#>:]|\d+\.)\s*)")
_WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True)
class Problem:
    """A finding in a text.

    :param line: counted from 1.
    """

    line: int
    message: str


@cache
def replaced_terms() -> frozenset[str]:
    """Return the words of the glossary's last column."""
    rows = re.findall(r"^\|.*\| ([^|]*) \|$", GLOSSARY.read_text(), re.MULTILINE)
    cells = [cell for cell in rows if cell not in ("Not", "---")]
    return frozenset(term for cell in cells for term in cell.split(", ") if term)


@cache
def _avoided() -> re.Pattern[str]:
    terms = sorted({*(replaced_terms() - EVERYDAY), *AVOIDED}, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, terms))})\b", re.IGNORECASE)


def find_problems(text: str) -> Iterator[Problem]:
    """Yield the problems of a text in Markdown or reStructuredText, in order."""
    prose = _strip(text)
    start = 0
    for end in [*_BLOCK_END.finditer(prose), None]:
        block = prose[start : end.start() if end else len(prose)]
        yield from _find_in_block(block, prose.count("\n", 0, start) + 1)
        start = end.end() if end else start


def _find_in_block(block: str, line: int) -> Iterator[Problem]:
    for start, sentence in _split_sentences(block):
        at = line + block.count("\n", 0, start)
        for found in _avoided().finditer(sentence):
            word = found[0].lower()
            yield Problem(at, f"avoid {word!r}: {AVOIDED.get(word, 'see the glossary')}")
        if "|" in block or block.lstrip().startswith("#"):
            continue  # cells of a table and headings are no sentences
        words = _WORD.findall(sentence)
        excerpt = f"{' '.join(words[:6])} …"
        if len(words) > MAX_WORDS:
            yield Problem(at, f"a sentence of {len(words)} words: {excerpt}")
        is_question = sentence.rstrip(" *_\n").endswith("?")
        if _OPENER.match(sentence.lstrip(" *-_>0123456789.")) and not is_question:
            yield Problem(at, f"begin with the subject: {excerpt}")


def _split_sentences(block: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a block with their offsets."""
    start = len(block) - len(block.lstrip())
    for end in [*_SENTENCE_END.finditer(block), None]:
        yield start, block[start : end.start() if end else len(block)]
        start = end.end() if end else start


def _strip(text: str) -> str:
    """Remove markup and code, keep the words of links and all line numbers."""
    for pattern in (_GENERATED, _COMMENT, _FENCE, _HTML, _URL):
        text = pattern.sub(_newlines, text)
    text = _ROLE.sub(lambda found: "Code" + _newlines(found), text)
    return _LINK.sub(lambda found: found[1], text)


def _newlines(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def read_docstrings(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of a module with their lines."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring


def pages() -> list[Path]:
    """Return the texts that are linted."""
    named = ["README.md", "CHANGES.md", "CONTRIBUTING.md", "SECURITY.md", "example_app/README.md"]
    docs = sorted((ROOT / "docs").rglob("*.md"))
    skipped = {"docs/changes.md", "docs/contributing.md", "docs/reference/glossary.md"}
    return [
        path
        for path in [*(ROOT / name for name in named), *docs]
        if path.relative_to(ROOT).as_posix() not in skipped
    ]


def check_page(path: Path) -> list[str]:
    """Return the problems of a page as lines with file and line."""
    name = path.relative_to(ROOT).as_posix()
    return [f"{name}:{found.line}: {found.message}" for found in find_problems(path.read_text())]


def check_docstrings(module: Path) -> list[str]:
    """Return the problems of a module's docstrings as lines with file and line."""
    name = module.relative_to(ROOT).as_posix()
    return [
        f"{name}:{line + found.line - 1}: {found.message}"
        for line, docstring in read_docstrings(module)
        for found in find_docstring_problems(docstring)
    ]


def find_docstring_problems(docstring: str) -> Iterator[Problem]:
    """Yield the problems of a docstring: those of any text, and a question word at its start."""
    if found := _DOCSTRING_OPENER.match(docstring):
        yield Problem(1, f"begin with a noun or a verb, not {found[0]!r}")
    yield from find_problems(docstring)


def check_all() -> list[str]:
    """Return the problems of all pages and docstrings."""
    modules = sorted((ROOT / "flask_lakeflow_jobs").rglob("*.py"))
    checked: Iterable[list[str]] = [
        *map(check_page, pages()),
        *map(check_docstrings, modules),
    ]
    return [line for lines in checked for line in lines]


if __name__ == "__main__":
    problems = check_all()
    print(*problems, sep="\n")
    sys.exit(1 if problems else 0)
