"""How the book is built: ``tox -e docs``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "flask-lakeflow-jobs"
author = copyright = "The flask-lakeflow-jobs maintainers"  # noqa: A001
release = version = version_of(project)

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "myst_parser",
    "pallets_sphinx_themes",
    "lakeflow_docs",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "fieldlist", "colon_fence"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# Links into other projects' books work where those can be reached; the build does not need them.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
nitpicky = False

html_theme = "flask"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_theme_options = {"index_sidebar_logo": False}
html_sidebars = {"**": ["globaltoc.html", "searchbox.html"]}
