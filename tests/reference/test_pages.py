"""Pages of the reference as text, and their pictures; tests/course/test_built_course.py tests the built ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

from pellucid.reference import find_public_names, list_public_names
from pellucid.reference.course_links import index_chapters, index_glossary, list_names_in_code
from pellucid.reference.facts import Facts
from pellucid.reference.inventory import SECTIONS
from pellucid.reference.pages import get_page, list_pages, write_frameworks, write_index, write_name, write_section
from pellucid.reference.pictures import draw_picture


@pytest.fixture(scope="module")
def get_text(facts: dict[str, Facts]) -> Callable[[str], str]:
    """A function that returns the page of a name. The first page needs an index of the course."""
    write_name(find_public_names("pel.tanh")[0])
    return lambda name: write_name(find_public_names(name)[0])


def test_pages_differ_on_file_systems_without_case() -> None:
    repeated = [page for page, count in Counter(page.lower() for page in list_pages().values()).items() if count > 1]
    assert repeated == []
    assert len(list_pages()) == sum(entry.owner is None for entry in list_public_names().values())


def test_the_page_of_an_operation(get_text: Callable[[str], str]) -> None:
    text = get_text("pel.tanh")
    assert text.startswith("pel.tanh\n========\n")
    assert ".. py:function:: pel.tanh(x)" in text
    assert r".. math:: \bar{x} = \bar{y} \odot \left(1 - y^2\right)" in text
    assert ":Parameters: **x** (*Expr, array or number*)" in text
    assert "   >>> " in text
    assert "   single: np.tanh" in text
    assert ":In the course: :doc:`/1_one_neuron`" in text
    assert '<figure class="reference-picture"><svg aria-hidden="true"' in text
    assert ":See also: :pellucid:`pel.sinh`" in text


def test_the_page_of_a_class_has_its_methods(get_text: Callable[[str], str]) -> None:
    text = get_text("Model")
    assert ".. py:class:: pel.Model(inputs, outputs, name=None)" in text
    assert "   .. py:method:: fit(x=None, " in text
    assert "   .. py:property:: layers" in text


OTHER_KINDS = [
    ("pellucid train", "   Usage: pellucid train "),
    ("ShapeError", ".. py:exception:: pel.ShapeError(*args)"),
    ("typing.Mode", "   :value: Literal['auto', 'xla', 'native', 'numpy', 'guard']"),
    ("pel.losses", ":pellucid:`pel.losses.huber`\n      Huber loss"),
    ("byhand.moons.initialize", "dtype=float)"),
    ("nn.MultiHeadAttention", "   \\A. Vaswani et al., Attention"),  # no list that begins with A
    ("nn.metrics.Accuracy", ":Glossary: :term:`accuracy`"),
]


def test_pages_of_other_kinds(get_text: Callable[[str], str]) -> None:
    for name, expected in OTHER_KINDS:
        assert expected in get_text(name), name


@pytest.mark.usefixtures("facts")
def test_every_name_is_in_the_list_of_its_section() -> None:
    listed = {section: write_section(section) for section in SECTIONS}
    assert all(f"\n   {get_page(e)}\n" in listed[e.section] for e in list_public_names().values() if e.owner is None)
    index = write_index()
    assert index.count("\n   section-") == len(SECTIONS)


def test_names_of_other_frameworks_are_listed() -> None:
    text = write_frameworks()
    assert "``requires_grad``" in text
    assert "``pel.constant(value)``" in text


def test_names_are_found_in_the_code_of_chapters() -> None:
    text = "```{code-cell}\n:tags: [figure]\nfrom pellucid import nn\nnn.Dense(3)(pel.tanh(x))\nmodel.fit(x)\n```\n"
    assert {entry.name for entry in list_names_in_code(text)} == {"pel.nn", "pel.nn.Dense", "pel.tanh"}
    [sequential] = find_public_names("Sequential")
    assert "5_fitting_too_well" in index_chapters()[sequential]
    assert "model" in index_glossary()[sequential]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("softplus", "softplus and its derivative for x from -4 to 4."),
        ("sqrt", "sqrt and its derivative for x from 0 to 4."),
        ("losses.huber", "smallest, 0 at 0; largest, 2.5 at -3."),
        ("StepDecay", "0.1 at step 0, at most 0.1, first at step 0, and 0.00625 at step 1000."),
        ("HeNormal", "Histogram of 10,000 values of HeNormal"),
        ("data.moons", "200 points of moons: 100 of class 0, 100 of class 1."),
    ],
)
def test_pictures_have_descriptions_and_the_colors_of_the_page(name: str, description: str) -> None:
    drawing = draw_picture(find_public_names(name)[0])
    assert drawing is not None
    assert description in drawing.description
    assert drawing.svg.startswith("<svg ")
    assert drawing.svg.endswith("</svg>")
    assert "currentColor" in drawing.svg
    assert not re.search(r"<style|<metadata|<script|https?://(?!www\.w3\.org)", drawing.svg)
    assert drawing == draw_picture(find_public_names(name)[0])


def test_other_names_have_no_picture() -> None:
    for name in ("pel.softmax", "stop_gradient", "Dense", "losses.ctc", "Zeros"):
        assert draw_picture(find_public_names(name)[0]) is None, name
