"""Names of packages: two are the same if only case and separators differ (PEP 503). Pure."""

from __future__ import annotations

import re


def name_of(requirement: str) -> str:
    """Return the name of the package in a requirement, such as ``cowsay>=6``."""
    return re.split(r"[\s(\[<>=!~;@]", requirement)[0]


def normalize_name(requirement: str) -> str:
    """Return the name of the package in a requirement, spelled as package indexes spell it."""
    return re.sub(r"[-_.]+", "-", name_of(requirement)).lower()


def declares(text: str, package: str) -> bool:
    """Return whether the text of a project file gives its project this name."""
    pattern = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", package)))
    declaration = rf"""\bname\s*=\s*["']?{pattern}["']?\s*(?:[,)]|$)"""
    return re.search(declaration, text, re.MULTILINE | re.IGNORECASE) is not None
