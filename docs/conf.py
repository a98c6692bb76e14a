"""Configuration of the documentation: ``tox -e docs``."""

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
    "myst_parser",
    "sphinx_copybutton",
    "docs_html",
    "docs_roles",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "fieldlist", "colon_fence"]
myst_heading_anchors = 3
myst_ref_domains = ["std", "py"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"footer_icons": []}
if "\nUnreleased\n" in (Path(__file__).parents[1] / "CHANGES.md").read_text():
    html_theme_options["announcement"] = "Nothing is released yet: install it from a clone."
html_show_sourcelink = False
html_copy_source = False
# What is copied from a console is what was typed.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
