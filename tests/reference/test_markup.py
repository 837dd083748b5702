"""Markup of all docstrings, chapters and guides, as the site reads it. `make course` fails if Sphinx has a warning."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path

import pytest

from pellucid.course.site.sources import collect_pages
from pellucid.reference import PublicName
from pellucid.reference.docstrings import get_docstring
from tests.reference.site_markup import find_markup_faults, find_unknown_names

Texts = dict[str, str]


@pytest.fixture(scope="module")
def docstrings(names: Mapping[str, PublicName]) -> Texts:
    return {name: get_docstring(entry) for name, entry in names.items() if entry.kind != "command"}


@pytest.fixture(scope="module")
def pages() -> Texts:
    return {page.name: page.text for page in collect_pages()}


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory, pages: Texts, docstrings: Texts) -> list[str]:
    gc.disable()  # it would visit the nodes of all pages again and again
    try:
        return find_markup_faults(tmp_path_factory.mktemp("site"), pages, docstrings)
    finally:
        gc.enable()


def test_docstrings_chapters_and_guides_have_no_faults(faults: list[str]) -> None:
    assert not faults, "\n".join(faults)


def test_docstrings_and_pages_name_nothing_that_is_missing(docstrings: Texts, pages: Texts) -> None:
    found = find_unknown_names(docstrings, pages)
    assert not found, "\n".join(found)


DOCSTRINGS = {
    "pel.tanh": "Hyperbolic :math:`x + y tangent.",
    "pel.sinh": "A :mth:`x`.\n\nParameters\n----------\nx : Expr\n    A *star.",
    "pel.cosh": "See :func:`pel.nope`, :term:`wieght`, |name| and target_.",
    "pel.sin": r":math:`\frobnicate x` and :math:`x^{2`. See `nn.Dens`, `nope` and `config.nope`.",
    "pel.cos": ".. nowt:: x\n\n- A list\nwithout end.",
    "pel.tan": "The :math:`x has an end in `tanh`.",
    "pel.exp": "Parameters\n----------\nx : Expr\n    One.\n      Two.\n    Three.",
    "pel.nn.EinsumDense": "Product.\n\nReturns\n-------\nExpr\n    Shape (batch, *output_shape).",
}
FAULTS_OF_DOCSTRINGS = r"""
docstring of pel.tanh:1: WARNING: Inline interpreted text or phrase reference start-string without end-string.
docstring of pel.sinh:1: ERROR: Unknown interpreted text role "mth".
The line: :Parameters: **x** (*Expr*) -- A *star.
docstring of pel.cosh:1: WARNING: py:func reference target not found: pel.nope
docstring of pel.cosh:1: WARNING: term not in glossary: 'wieght'
docstring of pel.cosh:1: ERROR: Undefined substitution referenced: "name".
docstring of pel.cosh:1: ERROR: Unknown target name: "target".
docstring of pel.sin:1: WARNING: the formula has an unknown command \frobnicate
docstring of pel.sin:1: WARNING: the formula has braces without partner: x^{2
docstring of pel.sin: there is no `nn.Dens`
docstring of pel.sin: there is no `nope`
docstring of pel.sin: there is no `config.nope`
docstring of pel.cos:1: ERROR: Unknown directive type "nowt".
docstring of pel.cos:4: WARNING: Bullet list ends without a blank line; unexpected unindent.
docstring of pel.tan:1: WARNING: the formula has no end: x has an end in `tanh
WARNING: Definition list ends without a blank line; unexpected unindent. [docutils] The line: Three.
The line: :returns: *Expr* -- Shape (batch, *output_shape).
"""

PAGES = {
    "index": "# Start\n\n```{toctree}\n1_one\n2_two\n```\n",
    "1_one": "# 1\n\n```{exercise} 4.nope\n```\n\n```{exercise}\n```\n\n```{dropdwn} x\ny\n```\n\n{trm}`x`, $a &= b$\n",
    "2_two": "# Two\n\n{term}`wieght`, [x](nowhere.md), [y](1_one.md#nope), {eq}`nope`, `pel.nope`, `nn.Dense`\n",
    "guides/alone": "# Alone\n\n#### Four\n\n```{image} nope.png\n```\n",
}
FAULTS_OF_PAGES = """
1_one.md: WARNING: there is no exercise 4.nope
1_one.md:6: ERROR: Directive 'exercise': 1 argument(s) required, 0 supplied
1_one.md:9: WARNING: Unknown directive type: 'dropdwn'
1_one.md:13: WARNING: Unknown interpreted text role "trm".
1_one.md:13: WARNING: the formula has an & in an unknown environment: a &= b
2_two.md:3: WARNING: term not in glossary: 'wieght'
2_two.md:3: WARNING: 'myst' cross-reference target not found: 'nowhere.md'
2_two.md:3: WARNING: local id not found in doc '1_one': 'nope'
2_two.md:3: WARNING: equation not found: nope
2_two.md: there is no `pel.nope`
guides/alone.md: WARNING: document isn't included in any toctree
guides/alone.md:3: WARNING: Non-consecutive header level increase; H1 to H4
guides/alone.md:5: WARNING: image file not readable: guides/nope.png
"""


def test_every_fault_is_reported_with_its_place(tmp_path: Path) -> None:
    found = [*find_markup_faults(tmp_path, PAGES, DOCSTRINGS), *find_unknown_names(DOCSTRINGS, PAGES)]
    expected = (FAULTS_OF_DOCSTRINGS + FAULTS_OF_PAGES).strip().splitlines()
    missing = [fault for fault in filter(None, expected) if not any(fault in line for line in found)]
    assert not missing, "\n".join(["missing:", *missing, "found:", *found])
    assert not [line for line in found if "WARNING" in line and not any(fault in line for fault in expected)]
