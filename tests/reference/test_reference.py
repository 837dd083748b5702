"""The reference: complete, correct, valid in every format, and up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

import pellucid as pel
from pellucid.cli import main
from pellucid.graph.op import OPS
from pellucid.graph.op_decorator import is_built_in
from pellucid.graph.operators import FUNCTIONS
from pellucid.reference import PublicName, find_public_names
from pellucid.reference.docstrings import parse_docstring, split_markup
from pellucid.reference.facts import Facts, collect_facts, collect_rules, list_lines
from pellucid.reference.inventory import INTERNAL, MODULES, OPERATIONS, SECTIONS
from pellucid.reference.terminal import format_facts, latex_to_text
from pellucid.show.formulas.mathml import latex_to_mathml

Output = pytest.CaptureFixture[str]
Names = Mapping[str, PublicName]


@pytest.fixture(scope="module")
def operations(names: Names) -> list[PublicName]:
    return [entry for entry in names.values() if entry.kind == "operation"]


def get_facts(name: str) -> Facts:
    [entry] = find_public_names(name)
    return collect_facts(entry)


def list_formulas(facts: Facts) -> list[str]:
    """Return all formulas of an entry."""
    texts = [facts.doc.sentence, *facts.doc.more, *(line for fact in list_lines(facts) for line in fact.lines)]
    return [part for text in texts for kind, part in split_markup(text) if kind == "math"]


def test_every_operation_has_a_section(names: Names) -> None:
    listed = {module for modules in OPERATIONS.values() for module in modules.split()}
    found = {e.module.rpartition(".")[2]: e.section for e in names.values() if e.kind == "operation"}
    assert listed <= set(found), "Remove modules from OPERATIONS in reference/inventory.py"
    assert {module for module, section in found.items() if section != INTERNAL} <= listed, "Add modules to OPERATIONS"
    assert {entry.section for entry in names.values()} == set(SECTIONS)


def test_every_op_and_function_has_one_entry(operations: list[PublicName]) -> None:
    functions = {f for f in FUNCTIONS.values() if is_built_in(f)}
    assert {entry.object for entry in operations} == functions
    assert len(operations) == len(functions)


@pytest.mark.usefixtures("names")
def test_every_name_of_the_package_and_its_modules_is_found() -> None:
    for name in dir(pel):
        if name not in ("__version__", "nn") and not (callable(getattr(pel, name)) and name in FUNCTIONS):
            assert [entry.object for entry in find_public_names(f"pel.{name}")] == [getattr(pel, name)]
    for module in MODULES:
        [entry] = find_public_names(f"pel.{module}")
        for name in entry.object.__all__:
            value = getattr(entry.object, name)
            [found] = find_public_names(f"pel.{module}.{name}")
            assert found.object is value


SPELLINGS = [
    ("Dense", ["pel.nn.Dense"]),
    ("nn.Dense", ["pel.nn.Dense"]),
    ("layers.Dense", ["pel.nn.Dense"]),
    ("pellucid.nn.Dense", ["pel.nn.Dense"]),
    ("pel.optimizers.Adam", ["pel.optimizers.Adam"]),
    ("nn.optimizers.Adam", ["pel.optimizers.Adam"]),
    ("accuracy", ["pel.nn.metrics.accuracy"]),
    ("mse", ["pel.losses.mean_squared_error"]),
    ("EarlyStopping", ["pel.callbacks.EarlyStopping"]),
    ("Model.fit", ["pel.Model.fit"]),
    ("Sequential.fit", ["pel.Model.fit"]),
    ("Adam.updates", ["pel.optimizers.Optimizer.updates"]),
    ("np.tanh", ["pel.tanh"]),
    ("x.sum", ["pel.sum"]),
    ("nn.activations.tanh", ["pel.tanh"]),
    ("train", ["pellucid train"]),
    ("pellucid train", ["pellucid train"]),
    ("nn.losses", ["pel.losses"]),
    ("function", ["pel.function"]),
    ("Function", ["pel.Function"]),
    ("ShapeError", ["pel.ShapeError"]),
    ("config", ["pel.config"]),
    ("typing.Mode", ["pel.typing.Mode"]),
    ("Hinge", ["pel.losses.Hinge", "pel.nn.metrics.Hinge"]),
]


def test_names_are_found_by_their_spellings() -> None:
    found = {spelled: [entry.name for entry in find_public_names(spelled)] for spelled, _ in SPELLINGS}
    assert found == dict(SPELLINGS)


HINTS = [
    ("sofmax", "Did you mean 'softmax'?"),
    ("EarlyStoping", "Did you mean 'EarlyStopping'?"),
    ("Model.fitt", "Did you mean 'Model.fit'?"),
    ("xylophone", "`pellucid reference` for a list"),
]


def test_a_misspelled_name_gets_a_hint() -> None:
    for wrong, hint in HINTS:
        with pytest.raises(pel.NoSuchNameError, match=re.escape(hint)):
            find_public_names(wrong)


def test_operations_have_facts_and_an_example(facts: dict[str, Facts], operations: list[PublicName]) -> None:
    for entry in operations:
        found = facts[entry.name]
        labels = {fact.label for fact in list_lines(found)}
        assert found.doc.example.startswith(">>> "), entry.name
        assert found.signature.startswith("("), entry.name
        assert "Gradient" in labels, entry.name
        if entry.short_name in OPS:
            assert {"Dtypes", "Cost"} <= labels, entry.name
            assert found.formulas.formula or "inner graphs" in found.gradient, entry.name


def test_every_formula_becomes_mathml(facts: dict[str, Facts], operations: list[PublicName]) -> None:
    names_by_formula = {latex: entry.name for entry in operations for latex in list_formulas(facts[entry.name])}
    assert len(names_by_formula) > 800
    for latex, name in names_by_formula.items():
        assert "\\" not in re.sub(r"<[^>]*>", "", latex_to_mathml(latex, "inline")), (name, latex)
        assert "`" not in latex, name


GRADIENTS = [
    ("tanh", [r"\bar{x} = \bar{y} \odot \left(1 - y^2\right)"]),
    ("matmul", [r"\bar{X} = \bar{Z} Y^\top", r"\bar{Y} = X^\top \bar{Z}"]),
    ("sum", [r"\bar{X} = \bar{y}"]),
    ("inv", [r"\bar{X} = -Y^\top \bar{Y} Y^\top"]),
    ("where", [r"\bar{x} = \begin{cases} \bar{z} & \mathit{condition} \\ 0 & \text{otherwise} \end{cases}"]),
]


def test_the_gradient_is_the_ops_own_on_symbols() -> None:
    for name, gradients in GRADIENTS:
        assert get_facts(f"pel.{name}").formulas.gradients[: len(gradients)] == gradients, name


REASONS = [
    ("equal", "none: the result is booleans."),
    ("argmax", "none: the result is integers."),
    ("sign", "none: `grad` treats it as a constant."),
    ("quantile", "through its definition; `grad` shows it."),
    ("scan_loop", "through its inner graphs"),
    ("stack", "through the ops that it uses."),
]


def test_a_missing_gradient_is_explained() -> None:
    for name, why in REASONS:
        facts = get_facts(f"pel.{name}")
        assert facts.gradient.startswith(why), name
        assert not facts.formulas.gradients, name


def test_aliases_lead_to_the_same_entry() -> None:
    for name in ("pow", "pel.power", "np.power"):
        assert get_facts(name) is get_facts("pel.pow")
    assert "pel.linalg.inv" in get_facts("inv").aliases
    assert "x.sum" in get_facts("pel.sum").aliases


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


def test_one_entry_in_a_terminal(capsys: Output) -> None:
    assert main(["reference", "softmax"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("pel.softmax(x, axis=-1)\n")
    assert "softmax(x)_i = e^{x_i} / ∑_j e^{x_j}" in output
    assert "X_bar = Y * (Y_bar - (Y_bar * Y).sum(axis=1, keepdims=True))" in output
    assert ">>> pel.simplify(" in output


@pytest.mark.parametrize("columns", [60, 100])
def test_text_fits_the_terminal(columns: int, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["reference", "Dense", "Model.fit"]) == 0
    output = capsys.readouterr().out
    assert "kernel_initializer" in output
    lines = [line for line in output.splitlines() if not line.startswith(("  >>>", "  ..."))]
    assert columns - 12 < max(map(len, lines)) <= columns


def test_a_command_shows_its_help(capsys: Output) -> None:
    assert main(["reference", "train"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Usage: pellucid train ")
    assert "    pellucid train photos/                    folder or zip of images\n" in output
    assert "--epochs" in output


def test_without_a_name_everything_is_listed(names: Names, capsys: Output) -> None:
    assert main(["reference"]) == 0
    listed = set(re.findall(r"\w+", capsys.readouterr().out))
    hidden = ("module", "method", "property")
    assert {e.short_name for e in names.values() if e.section != INTERNAL and e.kind not in hidden} <= listed


def test_json_holds_the_facts(capsys: Output) -> None:
    assert main(["reference", "tanh", "grad", "--json"]) == 0
    tanh, grad = json.loads(capsys.readouterr().out)
    assert tanh["formulas"]["formula"] == r"y = \tanh(x)"
    assert grad["doc"]["parameters"][0]["name"] == "cost"


def test_an_unknown_name_is_a_usage_error(capsys: Output) -> None:
    assert main(["reference", "sofmax"]) == 2
    assert capsys.readouterr().err == "error: The reference has no 'sofmax'. Did you mean 'softmax'?\n"


def test_formulas_in_a_terminal_have_its_signs(facts: dict[str, Facts], operations: list[PublicName]) -> None:
    assert latex_to_text(r"\log \sum_i e^{x_i} \le \operatorname{max}(x)") == "log ∑_i e^{x_i} ≤ max(x)"
    assert [e.name for e in operations if format_facts(facts[e.name], 100).count("\n") <= 3] == []
