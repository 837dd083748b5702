"""The reference: complete, true to the ops, readable in every form, and the committed page up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.cli.reference import as_text, plain_math
from pellucid.graph.op import is_built_in
from pellucid.graph.op_def import OPS
from pellucid.graph.operators import FUNCTIONS
from pellucid.show.mathml import mathml
from pellucid.show.reference import Entry, behind, entries, entry_named, families
from pellucid.show.reference_docstring import read, spans
from pellucid.show.reference_facts import facts, rules

ROOT = Path(__file__).parent.parent.parent
FOUND = entries()
NAMES = sorted(FOUND)
Output = pytest.CaptureFixture[str]


def formulas(entry: Entry) -> list[str]:
    """Return all LaTeX of an entry."""
    texts = [entry.doc.sentence, *entry.doc.more, *(line for fact in facts(entry) for line in fact.lines)]
    return [part for text in texts for kind, part in spans(text) if kind == "math"]


def test_every_op_and_function_has_one_entry() -> None:
    every = {f for f in FUNCTIONS.values() if is_built_in(f)}
    listed = [e for members in families(FOUND).values() for family in members for e in family.entries]
    assert {FUNCTIONS[name] for name in FOUND} == every
    assert len(FOUND) == len(every)
    assert len(listed) + len(behind(FOUND)) == len(FOUND)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_tells_what_how_and_shows_it(name: str) -> None:
    entry = FOUND[name]
    told = {fact.label for fact in facts(entry)}
    assert entry.doc.sentence.endswith(".")
    assert entry.doc.example.startswith(">>> ")
    assert entry.signature.startswith("(")
    assert "Gradient" in told
    if name in OPS:
        assert {"Dtypes", "Cost"} <= told
        assert entry.letters.formula or "graphs inside" in entry.gradient


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_becomes_mathml(name: str) -> None:
    for latex in formulas(FOUND[name]):
        assert "\\" not in re.sub(r"<[^>]*>", "", mathml(latex, "inline")), latex
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
def test_the_gradient_is_the_ops_own_on_letters(name: str, gradients: list[str]) -> None:
    assert FOUND[name].letters.gradients[: len(gradients)] == gradients


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("equal", "none: the result is of booleans."),
        ("argmax", "none: the result is of integers."),
        ("sign", "none: `grad` takes it for a constant."),
        ("quantile", "through its definition; `grad` writes it out."),
        ("scan_loop", "through the graphs inside it"),
        ("stack", "through the ops it is written in."),
    ],
)
def test_where_there_are_no_letters_the_reference_says_why(name: str, why: str) -> None:
    assert FOUND[name].gradient.startswith(why)
    assert not FOUND[name].letters.gradients


def test_other_names_lead_to_the_same_entry() -> None:
    for name in ("pow", "pel.power", "np.power"):
        assert entry_named(name, FOUND) is FOUND["power"]
    assert "pel.linalg.inv" in FOUND["inv"].aliases
    assert "x.sum" in FOUND["sum"].aliases
    with pytest.raises(KeyError, match=r"has no 'sofmax'\. Did you mean 'softmax'"):
        entry_named("sofmax", FOUND)


def test_a_docstring_is_taken_apart() -> None:
    doc = read(pel.scan.__doc__)
    assert doc.parameters[0].name == "step"
    assert "lambda" not in doc.sentence
    assert list(spans("a ``b`` `c` :math:`d`")) == [
        ("plain", "a "),
        ("code", "b"),
        ("plain", " "),
        ("name", "c"),
        ("plain", " "),
        ("math", "d"),
    ]


def test_rules_are_listed_by_phase() -> None:
    listed = rules()
    assert list(listed) == list(pel.phases())
    [first] = [row for row in listed["stabilize"][1] if row.name == "log sigmoid"]
    assert (first.before, first.after, first.when) == ("log(sigmoid(x))", "-softplus(-x)", "")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Have the command write the pages, once for all tests that read them."""
    folder = tmp_path_factory.mktemp("reference")
    paths = {ending: folder / "new" / f"reference{ending}" for ending in (".html", ".md")}
    assert [main(["reference", "--out", str(path)]) for path in paths.values()] == [0, 0]
    return {ending: path.read_text(encoding="utf-8") for ending, path in paths.items()}


def test_the_page_of_html_stands_alone_and_its_links_lead_somewhere(pages: dict[str, str]) -> None:
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
    assert committed == pages[".md"], "Write it anew: pellucid reference --out docs/reference.md"


def test_the_links_of_the_markdown_lead_somewhere(pages: dict[str, str]) -> None:
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
    assert {name for name, entry in FOUND.items() if not entry.behind} <= listed


def test_json_holds_what_the_page_holds(capsys: Output) -> None:
    assert main(["reference", "tanh", "grad", "--json"]) == 0
    tanh, grad = json.loads(capsys.readouterr().out)
    assert tanh["letters"]["formula"] == r"y = \tanh(x)"
    assert grad["doc"]["parameters"][0]["name"] == "cost"


def test_pages_are_written_by_the_ending_of_their_name(capsys: Output) -> None:
    assert main(["reference", "--out", "reference.pdf"]) == 2
    assert main(["reference", "softmax", "--out", "reference.md"]) == 2
    assert main(["reference", "sofmax"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        "error: --out: expected a file that ends in .html or .md; received one that ends in '.pdf'",
        "error: reference: --out writes the whole reference. Leave the names and --json out",
        "error: the reference has no 'sofmax'. Did you mean 'softmax'?",
    ]


def test_formulas_in_a_terminal_have_its_signs() -> None:
    assert plain_math(r"\log \sum_i e^{x_i} \le \operatorname{max}(x)") == "log ∑_i e^{x_i} ≤ max(x)"
    assert all(as_text(entry).count("\n") > 3 for entry in FOUND.values())
