"""Scripts of pages: the runtime of live figures and the checker of exercises, only where a page needs them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging

from pellucid.live.page import RUNTIME

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

EXERCISES = Path(__file__).parents[2] / "exercises.js"
"""The checker of formulas in pages, built from ``web/``."""

SCRIPTS = {"<pellucid-figure>": RUNTIME, "<pellucid-exercise>": EXERCISES}
"""The script of each element."""


def register(app: Sphinx) -> None:
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_scripts)


def copy_scripts(app: Sphinx) -> None:
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS.values():
        if script.exists():
            shutil.copyfile(script, static / script.name)


def add_scripts(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    html = "".join(node.astext() for node in doctree.findall(nodes.raw)) if doctree else ""
    for element, script in SCRIPTS.items():
        if element not in html:
            continue
        if not script.exists():
            logger.warning("%s is missing, and a page has an exercise. Build it: make runtime", script, location=name)
            continue
        app.add_js_file(script.name, loading_method="defer")
