"""Templates and routes, compiled once for all apps of a process of tests.

Tests create thousands of apps, each with the same templates and routes.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class _Templates(BytecodeCache):
    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


class CachedRule(Rule):
    """A route whose functions that build URLs are compiled once for all equal routes."""

    _builders: dict[tuple[object, ...], Builder] = {}  # noqa: RUF012

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        if self.defaults:  # they are part of the compiled code
            return super()._compile_builder(append_unknown)
        key = (append_unknown, self.rule, *self._trace)
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


def share_compiled_code() -> None:
    """Let all apps share their compiled templates and routes."""
    Flask.jinja_options = {"bytecode_cache": _Templates()}
    Flask.url_rule_class = CachedRule
