"""Navigation of large sites: the sidebar shows the branch of the page, and not all pages of the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def register(app: Sphinx) -> None:
    app.connect("html-page-context", collapse_branches, priority=100)  # before Furo
    app.connect("html-page-context", complete_captions, priority=900)  # after Furo


def collapse_branches(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Make the theme leave out pages of other branches, which would be hundreds of links in each page."""
    make_tree = context["toctree"]
    context["toctree"] = lambda **options: make_tree(**{**options, "collapse": True})


def complete_captions(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give captions of the navigation a level: Furo marks them as headings without one."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
