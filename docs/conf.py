"""How Sphinx builds the site (`make docs`) from the Markdown pages, which also read well on a code host.

The root of the sources is the checkout, so that links to the README, examples and cameras hold as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from photomitrus_cli import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "astromap"
author = "The astromap developers"
version = release = __version__

extensions = ["myst_parser"]
include_patterns = ["README.md", "CHANGES.md", "CONTRIBUTING.md", "docs/*.md"]
exclude_patterns = [".*", "build", "demo", "dist", "*.egg-info", "tests"]
root_doc = "docs/index"
# Anchors of headings are made as code hosts make them; a link to one that is not there ends a strict build.
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Pages out of the tree of contents are those of the checkout's root, which pages link to.
suppress_warnings = ["toc.not_included"]

html_theme = "alabaster"
html_theme_options = {
    "description": "Infrared survey frames to calibrated maps, stacks and fluxes",
    "fixed_sidebar": True,
    "page_width": "72rem",
    "body_max_width": "none",
    "show_powered_by": False,
}
html_title = f"astromap {release}"
html_copy_source = False
html_show_copyright = False
html_last_updated_fmt = None

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\| \[[^\]]*\]\(([\w-]+)\.md\) \|", re.MULTILINE)


def contents(text: str) -> str:
    """Make the tree of contents, which Sphinx wants, from the tables of the index.

    Parameters
    ----------
    text : str
        The page index.md: a section for each part, with a table whose first column links to pages.

    Returns
    -------
    str
        A hidden tree for each section that has such a table.
    """
    trees = []
    _, *parts = _HEADING.split(text)
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        pages = _ROW.findall(body)
        if pages:
            trees.append("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```\n"]))
    return "\n".join(trees)


def setup(app: Sphinx) -> None:
    """Let Sphinx read the index with its tree."""

    def add_contents(_: Sphinx, name: str, source: list[str]) -> None:
        """Append the tree of contents to the index."""
        if name == root_doc:
            source[0] += "\n" + contents(source[0])

    app.connect("source-read", add_contents)
