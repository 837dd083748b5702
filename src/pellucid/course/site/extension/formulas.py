"""Formulas of pages as MathML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util import logging

from pellucid.show.formulas.mathml import latex_to_mathml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

PUNCTUATION = re.compile(r"[.,;:!?)]+")


def register(app: Sphinx) -> None:
    app.add_html_math_renderer("pellucid", (visit_inline, None), (visit_block, None))
    app.connect("doctree-read", lambda app, document: keep_punctuation(document))


def keep_punctuation(document: nodes.document) -> None:
    """Keep punctuation on the line of the formula in front of it: browsers may break lines there."""
    for formula in list(document.findall(nodes.math)):
        parent = formula.parent
        place = parent.index(formula) + 1
        after = parent[place] if place < len(parent) else None
        if isinstance(after, nodes.Text) and (mark := PUNCTUATION.match(after)):
            parent[place - 1 : place + 1] = [
                nodes.inline("", "", formula, nodes.Text(mark[0]), classes=["nobreak"]),
                nodes.Text(after[mark.end() :]),
            ]


def convert(node: nodes.Element, display: str) -> str:
    """Return the MathML of a formula; warn about LaTeX that the converter does not know."""
    latex = node.astext()
    braces = re.sub(r"\\.", "", latex)
    if braces.count("{") != braces.count("}"):
        logger.warning("the formula has braces without partner: %s", latex, location=node)
    try:
        markup = latex_to_mathml(latex.replace("{aligned}", "{split}"), display)  # the converter knows the latter
    except Exception as error:  # the converter has many classes of errors
        logger.warning(
            "the formula cannot be converted (%s: %s): %s", type(error).__name__, error, latex, location=node
        )
        return ""
    unknown = re.search(r">\s*(\\[A-Za-z]+|&amp;)<", markup)
    if unknown:
        what = "an & in an unknown environment" if unknown[1] == "&amp;" else f"an unknown command {unknown[1]}"
        logger.warning("the formula has %s: %s", what, latex, location=node)
    return markup


def visit_inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    names = "".join(f'<span id="{name}"></span>' for name in node["ids"])
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    translator.body.append(f'<div class="formula">{names}{convert(node, "block")}{number}</div>\n')
    raise nodes.SkipNode
