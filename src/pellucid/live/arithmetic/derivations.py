"""Derivations of gradients as parts of a page."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from html import escape

from pellucid.graph.expr import Expr
from pellucid.show.derivations.derive import derive
from pellucid.show.formulas.mathml import FONTS
from pellucid.show.pages.formula_page import HtmlPage

REPEATED = re.compile(r' xmlns="http://www\.w3\.org/1998/Math/MathML"| style="font-family: [^"]*"')
"""Attributes of every formula, which a page sets once."""


class FragmentPage(HtmlPage):
    """A part of a page, with headings below those of the page."""

    def heading(self, title: str, *note: str) -> None:
        self.parts.append(f"<h4>{escape(title)}</h4>")
        if note:
            self.note(*note)


def render_derivation(cost: Expr, variable: Expr, names: Mapping[Expr, str]) -> str:
    """Return the derivation of a gradient as HTML with MathML, as `derive` writes it."""
    written = re.sub(REPEATED, "", derive(cost, variable, names=names).render(FragmentPage()))
    return f"<style>math {{ font-family: {FONTS} }}</style>{written}"


def compress_texts(texts: Sequence[str]) -> str:
    """Return texts as base64 of a compressed JSON list. Derivations of one cost have most formulas in common."""
    return base64.b64encode(zlib.compress(json.dumps(list(texts)).encode(), 9)).decode()
