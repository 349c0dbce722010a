"""Builds the site of the documentation: `make docs`, into docs/_build.

What a page shows of the tool is made from the tool: screens are those of reports/samples, and the
reference of the command line is made of --help. A warning is an error, and nothing that a page
needs is fetched when it is looked at.
"""

from __future__ import annotations

import sys
from pathlib import Path

import reproaudit

sys.path.insert(0, str(Path(__file__).resolve().parent))  # the site's own directives

project = "reproaudit"
author = "The reproaudit authors"
copyright = author
version = release = reproaudit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "_command_line",
    "_repository",
    "_rules",
]
exclude_patterns = ["_build"]
nitpicky = True
# Of other projects, whose inventories would be fetched.
nitpick_ignore_regex = [("py:class", r"(collections\.abc|os|pathlib|torch)\..*")]
# Of docstrings: what stands in backticks is code, and two dashes are an option.
default_role = "code"
smartquotes = False
autodoc_default_options = {"exclude-members": "__init__, __new__"}
autodoc_class_signature = "separated"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"reproaudit {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Pages are the same each time they are built, and hold no copy of their sources.
html_last_updated_fmt = None
html_copy_source = False
html_show_copyright = False
highlight_language = "text"
