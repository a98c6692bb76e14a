"""Tells functions of tables the columns of what they read, which Spark refuses to analyze for them.

The tables of the pipeline do not exist yet. In a plan to analyze, their own plans take their place.
"""

from __future__ import annotations

import re

from .stages import inline, iter_reads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ABOUT_PLANS = ("schema", "is_streaming", "tree_string")


class NotKnownYet(BaseException):
    """A function asks about a table that the pipeline may define later; it must not catch this."""


class PlanAnalysis:
    """The analysis of plans in functions of tables.

    :param client: of Spark Connect.
    :param path: returns a name with its schema.
    """

    def __init__(self, client: Any, path: Callable[[str], str]) -> None:
        self._client = client
        self._path = path
        #: The plans of tables by name.
        self.plans: dict[str, Any] = {}
        #: The names of all tables of the pipeline; ``None`` while more of them may follow.
        self.defined: set[str] | None = None
        #: The names of those whose functions wait for others.
        self.pending: set[str] = set()

    def install(self) -> None:
        """Answer in place of Spark."""
        client, analyze = self._client, self._client._analyze

        def _analyze(method: str, **options: Any) -> Any:
            extensions = getattr(client.thread_local, "user_context_extensions", None)
            if not extensions or not (method == "ddl_parse" or self._can_answer(method, options)):
                return analyze(method, **options)
            if "plan" in options:
                options["plan"] = inline(options["plan"], self.plans, self._path, is_eager=True)
            client.thread_local.user_context_extensions = []
            try:
                return analyze(method, **options)
            finally:
                client.thread_local.user_context_extensions = extensions

        client._analyze = _analyze

    def _can_answer(self, method: str, options: dict[str, Any]) -> bool:
        if method not in _ABOUT_PLANS:
            return False
        names, words = set(), set()
        for name, text, _ in iter_reads(options["plan"]):
            names |= {self._path(name)} if name else set()
            words |= set(re.findall(r"\w+", text.lower()))
        unknown = names - self.plans.keys() | names & self.pending
        if unknown & self.pending or (self.defined is None and (unknown or words)):
            raise NotKnownYet
        defined = self.defined or set()
        return not (unknown & defined or any(each.rpartition(".")[2] in words for each in defined))
