"""How Sphinx builds these pages: `make docs`, warnings are errors."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

from polystance import __version__

project = "polystance"
author = "The polystance authors"
copyright = f"2026, {author}"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "polystance"
html_static_path: list[str] = []

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True  # attributes of a dataclass once, not as members too
napoleon_numpy_docstring = False


def _code(app: object, what: str, name: str, found: object, options: object, lines: list[str]) -> None:
    """Single backticks of a docstring mean code; reStructuredText wants two, and a gap before a letter."""
    text = re.sub(
        r"(?<!`)`([^`]+)`(?!`)(\w?)",
        lambda m: f"``{m[1]}``" + (f"\\ {m[2]}" if m[2] else ""),
        "\n".join(lines),
    )
    lines[:] = text.split("\n")


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _code, priority=1)  # before napoleon
