"""The verdict on each task of a bundle, by the text of its error. Pure."""

from __future__ import annotations

import re
from enum import Enum

# The end of a sentence; not the dots in names, paths and numbers.
_SENTENCE = re.compile(r".+?[.!](?=\s|$)", re.DOTALL)
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning): ")
_VERBS = (
    "add|allow|build|check|copy|correct|create|declare|define|fill|give|install|leave|list|mark"
    "|name|pass|put|quote|read|remove|run|set|simulate|upload|use|write"
)
_REMEDY = re.compile(rf"\b(?:{_VERBS})\b", re.IGNORECASE)


class Verdict(Enum):
    """The result of a task."""

    RAN = "ran"
    SURROUNDINGS = "needs the author's credentials or data"
    EXTRA = "needs an extra or a package"
    NOT_HERE = "not run here"
    TIME = "takes longer than the limit of a job"
    OWN = "fails by its own code"


_PATTERNS = {
    Verdict.TIME: r"^Run cancelled",
    Verdict.EXTRA: (
        r"pip install 'flask-lakeflow-jobs|^An? \w+_task needs"
        r"|needs (?:the module )?[\w.]+, (?:which|and lists)|^Correct the packages"
        r"|^There is no JAR"
        r"|^Add \S+ to sys\.path"
    ),
    Verdict.NOT_HERE: (
        r"^(?:Sail (?!has no access)|An? \w+_task|Leave \S+ out "
        r"|The local workspace (?:cannot|does not serve))"
        r"|Write the cell in"
        r"|^DuckDB "
        r"|Sail (?:has no (?!access)|runs no )|: DuckDB has no|JVM|No API found for"
    ),
    Verdict.SURROUNDINGS: (
        r"[Ss]ecret |cannot reach|Copy the file|is not in the local workspace|There is no file"
        r"|in the bundle \('spark_env_vars'|DATABRICKS_HOST|credential|bucket|does not exist"
        r"|Copy (?:some|(?:the )?files) |PATH_NOT_FOUND|Registered Model|NameResolutionError"
        r"|apache\.hadoop\.fs"
    ),
}


def find_verdict(error: str) -> Verdict:
    """Return the verdict on a task by its error, which is empty if it ran."""
    if not error:
        return Verdict.RAN
    return next(
        (verdict for verdict, each in _PATTERNS.items() if re.search(each, error)), Verdict.OWN
    )


def read_first_sentences(error: str) -> str:
    """Return the first two sentences of an error: what is wrong, and what to do about it."""
    sentences = _SENTENCE.findall(" ".join(error.split()))[:2] or [error]
    text = "".join(sentences).strip()
    return text if len(text) <= 300 else text[:299] + "…"


def has_remedy(error: str) -> bool:
    """Return whether the first sentences of an error say what to do."""
    text = _EXCEPTION.sub("", read_first_sentences(error))
    return bool(_REMEDY.search(text))
