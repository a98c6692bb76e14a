"""Sphinx directives that put the code's own tables into the book."""

from __future__ import annotations

from typing import Any

import book_tables
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class MadeOfCode(SphinxDirective):
    """Puts Markdown that was made of the code where it stands."""

    def put(self, markdown: str) -> list[nodes.Node]:
        """Read Markdown as if it stood in the page.

        :param markdown: it.
        """
        around = nodes.Element()
        around.document = self.state.document
        lines = StringList(markdown.splitlines(), source="code")
        self.state.nested_parse(lines, self.content_offset, around, match_titles=True)
        return around.children


class CodeTable(MadeOfCode):
    """A table: ``{code-table} keys``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.put(book_tables.TABLES[self.arguments[0]]().to_markdown())


class CommandLine(MadeOfCode):
    """The reference of the command line: ``{command-line}``."""

    def run(self) -> list[nodes.Node]:
        return self.put(book_tables.commands())


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of the directives."""
    app.add_directive("code-table", CodeTable)
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
