"""The Sphinx role ``{test}``, a reference to a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docs_references
from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


class TestRole(SphinxRole):
    """A link to a test's file: ``{test}`title <tests/test_x.py::test_y>```."""

    __test__ = False

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            test = docs_references.find_test(self.text, Path(self.env.srcdir).parent)
        except LookupError as error:
            message = self.inliner.reporter.warning(str(error), line=self.lineno)
            return [nodes.problematic(self.rawtext, self.rawtext)], [message]
        reference = download_reference(
            self.rawtext, "", nodes.Text(test.title), reftarget=f"/../{test.file}"
        )
        return [reference], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role."""
    app.add_role("test", TestRole())
    return {"parallel_read_safe": True}
