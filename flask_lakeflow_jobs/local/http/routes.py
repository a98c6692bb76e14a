"""The routes of the API: a handler for each method and path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

AnyHandler = TypeVar("AnyHandler")

_VARIABLE = re.compile(r"\{(\w+)(\.\.\.)?\}")


class RouteTable(Generic[AnyHandler]):
    """Finds the handler of a request."""

    def __init__(self, routes: Mapping[tuple[str, str], AnyHandler]) -> None:
        self._fixed = {key: each for key, each in routes.items() if "{" not in key[1]}
        self._variable = [
            (method, _compile(path), handler)
            for (method, path), handler in routes.items()
            if "{" in path
        ]

    def find(self, method: str, path: str) -> tuple[AnyHandler, dict[str, str]] | None:
        """Return the handler of a path, and the variables in it. A fixed path comes first.

        It may end with a slash: older SDKs send statements to ``sql/statements/``.
        """
        if handler := self._fixed.get((method, path.removesuffix("/"))):
            return handler, {}
        for own_method, pattern, handler in self._variable:
            if own_method == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None


def _compile(path: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for match in _VARIABLE.finditer(path):
        pattern += re.escape(path[end : match.start()])
        pattern += f"(?P<{match[1]}>.+)" if match[2] else f"(?P<{match[1]}>[^/]+)"
        end = match.end()
    return re.compile(pattern + re.escape(path[end:]), re.DOTALL)
