"""The reference: complete, correct, valid in every format, and up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.reference import format_entry, latex_to_text
from pellucid.graph.op import OPS
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.show.mathml import latex_to_mathml
from pellucid.show.reference import (
    CHAPTERS,
    Entry,
    collect_entries,
    collect_facts,
    collect_internal_ops,
    collect_rules,
    find_entry,
    group_by_chapter,
)
from pellucid.show.reference_docstring import parse_docstring, split_markup

ROOT = Path(__file__).parent.parent.parent
FOUND = collect_entries()
NAMES = sorted(FOUND)
Output = pytest.CaptureFixture[str]


def formulas(entry: Entry) -> list[str]:
    """Return all formulas of an entry."""
    texts = [entry.doc.sentence, *entry.doc.more, *(line for fact in collect_facts(entry) for line in fact.lines)]
    return [part for text in texts for kind, part in split_markup(text) if kind == "math"]


def test_every_function_has_a_chapter() -> None:
    assert "Other functions" not in group_by_chapter(FOUND), "Add the module to CHAPTERS in show/reference.py"
    listed = {name for modules in CHAPTERS.values() for name in modules.split()}
    assert listed <= {entry.family for entry in FOUND.values()}, "Remove the module from CHAPTERS"


def test_every_op_and_function_has_one_entry() -> None:
    every = {f for f in FUNCTIONS.values() if is_built_in(f)}
    listed = [e for members in group_by_chapter(FOUND).values() for family in members for e in family.entries]
    assert {FUNCTIONS[name] for name in FOUND} == every
    assert len(FOUND) == len(every)
    assert len(listed) + len(collect_internal_ops(FOUND)) == len(FOUND)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_a_sentence_facts_and_an_example(name: str) -> None:
    entry = FOUND[name]
    labels = {fact.label for fact in collect_facts(entry)}
    assert entry.doc.sentence.endswith(".")
    assert entry.doc.example.startswith(">>> ")
    assert entry.signature.startswith("(")
    assert "Gradient" in labels
    if name in OPS:
        assert {"Dtypes", "Cost"} <= labels
        assert entry.formulas.formula or "inner graphs" in entry.gradient


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_becomes_mathml(name: str) -> None:
    for latex in formulas(FOUND[name]):
        assert "\\" not in re.sub(r"<[^>]*>", "", latex_to_mathml(latex, "inline")), latex
        assert "`" not in latex


@pytest.mark.parametrize(
    ("name", "gradients"),
    [
        ("tanh", [r"\bar{x} = \bar{y} \odot \left(1 - y^2\right)"]),
        ("matmul", [r"\bar{X} = \bar{Z} Y^\top", r"\bar{Y} = X^\top \bar{Z}"]),
        ("sum", [r"\bar{X} = \bar{y}"]),
        ("inv", [r"\bar{X} = -Y^\top \bar{Y} Y^\top"]),
        ("where", [r"\bar{x} = \begin{cases} \bar{z} & \mathit{condition} \\ 0 & \text{otherwise} \end{cases}"]),
    ],
)
def test_the_gradient_is_the_ops_own_on_symbols(name: str, gradients: list[str]) -> None:
    assert FOUND[name].formulas.gradients[: len(gradients)] == gradients


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("equal", "none: the result is booleans."),
        ("argmax", "none: the result is integers."),
        ("sign", "none: `grad` treats it as a constant."),
        ("quantile", "through its definition; `grad` shows it."),
        ("scan_loop", "through its inner graphs"),
        ("stack", "through the ops that it uses."),
    ],
)
def test_a_missing_gradient_is_explained(name: str, why: str) -> None:
    assert FOUND[name].gradient.startswith(why)
    assert not FOUND[name].formulas.gradients


def test_aliases_lead_to_the_same_entry() -> None:
    for name in ("pow", "pel.power", "np.power"):
        assert find_entry(name, FOUND) is FOUND["power"]
    assert "pel.linalg.inv" in FOUND["inv"].aliases
    assert "x.sum" in FOUND["sum"].aliases
    with pytest.raises(KeyError, match=r"has no 'sofmax'\. Did you mean 'softmax'"):
        find_entry("sofmax", FOUND)


def test_a_docstring_is_parsed() -> None:
    doc = parse_docstring(pel.scan.__doc__)
    assert doc.parameters[0].name == "step"
    assert "lambda" not in doc.sentence
    assert list(split_markup("a ``b`` `c` :math:`d`")) == [
        ("text", "a "),
        ("code", "b"),
        ("text", " "),
        ("name", "c"),
        ("text", " "),
        ("math", "d"),
    ]


def test_rules_are_listed_by_phase() -> None:
    listed = collect_rules()
    assert list(listed) == list(pel.phases())
    [first] = [row for row in listed["stabilize"][1] if row.name == "log sigmoid"]
    assert (first.before, first.after, first.when) == ("log(sigmoid(x))", "-softplus(-x)", "")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write the pages with the command, once for all tests."""
    folder = tmp_path_factory.mktemp("reference")
    paths = {ending: folder / "new" / f"reference{ending}" for ending in (".html", ".md")}
    assert [main(["reference", "--out", str(path)]) for path in paths.values()] == [0, 0]
    return {ending: path.read_text(encoding="utf-8") for ending, path in paths.items()}


def test_the_html_page_is_self_contained_and_its_links_are_valid(pages: dict[str, str]) -> None:
    html = pages[".html"]
    assert html.startswith("<!doctype html>")
    assert "default-src 'none'" in html
    assert not re.search(r"<script|src=|https?://(?!www\.w3\.org)", html)
    ids = re.findall(r'id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    assert html.count("<article") == html.count("</article>") > len(FOUND)


def test_the_committed_page_is_up_to_date(pages: dict[str, str]) -> None:
    committed = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert committed == pages[".md"], "Update it: pellucid reference --out docs/reference.md"


def test_the_links_of_the_markdown_page_are_valid(pages: dict[str, str]) -> None:
    text = pages[".md"]
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(re.findall(r'<a id="([^"]+)">', text))


def test_one_entry_in_a_terminal(capsys: Output) -> None:
    assert main(["reference", "softmax"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("pel.softmax(x, axis=-1)\n")
    assert "softmax(x)_i = e^{x_i} / ∑_j e^{x_j}" in output
    assert "X_bar = Y * (Y_bar - (Y_bar * Y).sum(axis=1, keepdims=True))" in output
    assert ">>> pel.simplify(" in output


def test_without_a_name_everything_is_listed(capsys: Output) -> None:
    assert main(["reference"]) == 0
    listed = set(re.findall(r"\w+", capsys.readouterr().out))
    assert {name for name, entry in FOUND.items() if not entry.used_by} <= listed


def test_json_holds_what_the_page_holds(capsys: Output) -> None:
    assert main(["reference", "tanh", "grad", "--json"]) == 0
    tanh, grad = json.loads(capsys.readouterr().out)
    assert tanh["formulas"]["formula"] == r"y = \tanh(x)"
    assert grad["doc"]["parameters"][0]["name"] == "cost"


def test_the_suffix_selects_the_format(capsys: Output) -> None:
    assert main(["reference", "--out", "reference.pdf"]) == 2
    assert main(["reference", "softmax", "--out", "reference.md"]) == 2
    assert main(["reference", "sofmax"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        "error: --out: expected a file with the suffix .html or .md; received '.pdf'",
        "error: reference: --out writes the whole reference. Omit names and --json",
        "error: the reference has no 'sofmax'. Did you mean 'softmax'?",
    ]


def test_formulas_in_a_terminal_have_its_signs() -> None:
    assert latex_to_text(r"\log \sum_i e^{x_i} \le \operatorname{max}(x)") == "log ∑_i e^{x_i} ≤ max(x)"
    assert all(format_entry(entry).count("\n") > 3 for entry in FOUND.values())
