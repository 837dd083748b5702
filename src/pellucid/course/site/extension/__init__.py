"""Extension of Sphinx: formulas as MathML, live figures, exercises, links to notebooks and names, navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.course.site.extension import (
    assets,
    chapter_pages,
    directives,
    formulas,
    navigation,
    notebook_links,
    reference_names,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the parts of the extension."""
    app.add_config_value("pellucid_executed", "", "env", str)
    for part in (formulas, assets, directives, chapter_pages, notebook_links, navigation, reference_names):
        part.register(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
