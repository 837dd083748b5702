"""Chapters as notebooks for Jupyter and marimo, and files of exercises."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid.course.site import CourseError, notebooks
from pellucid.course.site.exercise_files import render_exercise_file
from pellucid.course.site.notebooks import convert_text, split_exercises, write_notebooks
from pellucid.course.site.sources import Page

PAGES = {"2_going_downhill"}


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("a {term}`bias`, {term}`labels <label>`", "a bias, labels"),
        ("{math}`x^2` and {ref}`this <that>`", "$x^2$ and this"),
        ("[next](2_going_downhill.md#the-slope) [word](glossary.md)", "[next](2_going_downhill.ipynb) word"),
        ("(label)=\n## Title\n% a comment\ntext", "## Title\ntext"),
        ("```{math}\n:label: loss\nL = x\n```", "$$\nL = x\n$$"),
        ("$$\ny = x\n$$ (neuron)", "$$\ny = x\n$$"),
        (":::{note}\nA {term}`bias`.\n:::", "> **Note**\n>\n> A bias."),
        ("```{admonition} Predict\n:class: tip\n\nWhat?\n```", "> **Predict**\n>\n>\n> What?"),
        ("```{dropdown} Answer\nIt is 2.\n```", "<details>\n<summary>Answer</summary>\n\nIt is 2.\n\n</details>"),
        ("```python\nx = {term}`y`\n```", "```python\nx = {term}`y`\n```"),
        ("```{code-block} console\n$ pellucid\n```", "```console\n$ pellucid\n```"),
        ("```{toctree}\n:hidden:\n\na\n```\nend", "end"),
    ],
)
def test_myst_becomes_markdown(myst: str, plain: str) -> None:
    assert convert_text(myst, PAGES) == plain


def test_exercises_split_a_text() -> None:
    text = "before\n\n```{exercise} 1.z\n```\n\nbetween\n:::{exercise} 1.b\n:::"
    kinds = [(kind, text.strip()) for kind, text in split_exercises(text)]
    assert kinds == [("text", "before"), ("exercise", "1.z"), ("text", "between"), ("exercise", "1.b"), ("text", "")]


def test_a_jupyter_notebook_has_all_cells(sample_site: Path) -> None:
    import nbformat

    notebook = nbformat.read(sample_site / "notebooks" / "1_neuron.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "assert z == 4.75" in code
    assert 'pel.course.check("1.z", ...)' in "\n".join(code)
    assert 'def count(numbers):\n    return ...\n\n\npel.course.check("1.count", count)' in "\n".join(code)
    assert "**Exercise 1.z.** Write the weighted sum $z$ of `x` and `w` with the bias `b`." in text
    assert "[two moons](2_moons.ipynb)" in text
    assert "{term}" not in text
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    assert [cell.metadata.get("tags") for cell in notebook.cells if "assert z" in cell.source] == [["assertions"]]


MARIMO = """#!/bin/sh
# A Python whose marimo writes its arguments to its target, or fails with the status {status}.
for last; do :; done
if [ {status} = 0 ]; then echo "$@" > "$last"; else echo 'cannot parse cell 3'; exit {status}; fi
"""


@pytest.fixture
def replace_marimo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that replaces marimo, which takes a second to start, by a script with an exit status."""

    def replace(status: int) -> None:
        script = tmp_path / "python"
        script.write_text(MARIMO.format(status=status), "utf-8")
        script.chmod(0o755)
        monkeypatch.setattr(notebooks, "sys", SimpleNamespace(executable=str(script)))

    return replace


PAGE = Page("guides/page", Path("page.md"), "# Page\n\n```{code-cell}\nx = 1\n```\n")


def test_marimo_converts_each_notebook(tmp_path: Path, replace_marimo: Callable[[int], None]) -> None:
    replace_marimo(0)
    write_notebooks([PAGE], {}, tmp_path / "out")
    source, target = tmp_path / "out" / "page.ipynb", tmp_path / "out" / "page.py"
    assert target.read_text("utf-8") == f"-m marimo -q -y convert {source} -o {target}\n"
    assert "x = 1" in source.read_text("utf-8")


def test_a_notebook_that_marimo_cannot_convert_is_named(tmp_path: Path, replace_marimo: Callable[[int], None]) -> None:
    replace_marimo(3)
    with pytest.raises(CourseError, match=r"page.ipynb: marimo cannot convert this notebook. cannot parse cell 3"):
        write_notebooks([PAGE], {}, tmp_path / "out")


def test_exercise_files_have_stubs(sample_site: Path) -> None:
    text = (sample_site / "notebooks" / "chapter1.py").read_text("utf-8")
    assert text == (
        '"""Exercises of chapter 1. Replace each `...` by your answer, and check it:\n\n'
        '    pellucid check chapter1.py\n"""\n\nimport numpy as np\n\n\n'
        'def z(x, w, b):\n    """Write the weighted sum $z$ of `x` and `w` with the bias `b`."""\n    return ...\n\n\n'
        "# 1.count: How many of the numbers are positive?\ndef count(numbers):\n    return ...\n"
    )


def test_long_questions_and_backslashes_are_python() -> None:
    import pellucid as pel
    from pellucid.course.exercise import Exercise
    from pellucid.course.site.exercise_files import make_stub

    w = pel.scalar("w")
    question = r"The loss is $\frac{1}{2} w^2$. " + "Say it again, with many words. " * 5
    stub = make_stub(Exercise("slope", "dL/dw", question, w, {"w": w}, "w"))
    text = render_exercise_file(2, {"2.slope": {"kind": "formula", "question": question, "stub": stub}})
    found: dict = {}
    exec(compile(text, "chapter2.py", "exec"), found)
    assert found["slope"](1.0) is ...
    assert r"$\frac{1}{2} w^2$" in found["slope"].__doc__
    assert max(map(len, text.splitlines())) <= 100


def test_notebooks_are_equal_in_every_build(sample_site: Path) -> None:
    ids = [
        cell["id"] for cell in json.loads((sample_site / "notebooks" / "1_neuron.ipynb").read_text("utf-8"))["cells"]
    ]
    assert ids == [f"cell-{number}" for number in range(len(ids))]
