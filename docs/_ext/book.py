"""What the book is written with, beside Sphinx: the code's own tables, and references to tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import book_tables
import book_tests
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole


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


class TestRole(SphinxRole):
    """A test by what it says, with its file to read: ``{test}`tests/test_x.py::test_y```."""

    __test__ = False

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            test = book_tests.found(self.text, Path(self.env.srcdir).parent)
        except LookupError as error:
            message = self.inliner.reporter.warning(str(error), line=self.lineno)
            return [nodes.problematic(self.rawtext, self.rawtext)], [message]
        reference = download_reference(
            self.rawtext, "", nodes.Text(test.sentence), reftarget=f"/../{test.file}"
        )
        return [reference], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx of it."""
    app.add_directive("code-table", CodeTable)
    app.add_directive("command-line", CommandLine)
    app.add_role("test", TestRole())
    return {"parallel_read_safe": True}
