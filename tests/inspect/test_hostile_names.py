"""Names from files cannot add code or markup to anything that is generated: Python, TOML, LaTeX, HTML and plots."""

from __future__ import annotations

import ast
import functools
import io
import json
import os
import re
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid import nn
from pellucid.graph.serialization import GraphReader, GraphWriter
from pellucid.graph.types import parse_dim
from pellucid.model.object_config import layer_to_config, to_code
from pellucid.saving.objects import ObjectReader, ObjectWriter
from pellucid.show.formulas.latex_names import COMMANDS, name_to_latex
from pellucid.show.formulas.mathml import latex_to_mathml
from pellucid.show.sources.literals import docstring_to_source, keyword_to_source, string_to_source
from pellucid.show.sources.numpy_source import VariableNames

PLAIN = "plain"
CALL = "__import__('pathlib').Path('hacked').touch()"
FIXED = [
    f'net"""\n{CALL}\n"""',
    f"\n{CALL}\n",
    f"x); {CALL}; (",
    f"' + {CALL} + '",
    f"{{{CALL}}}",
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "a\\",
    "class",
    "None",
    "lambda",
    "__name__",
    "__builtins__",
    "__debug__",
    "print",
    "len",
    "float",
    "np",
    "step",
    "x",
    "inf",
    "W_2",
    "²",
    "ﬁ",
    "\U0001d422\U0001d41f",
    "x\0y",
    "\x7f",
    "\r",
    "\u2028",
    "\ud800",
    "é",
    "a b",
    "1",
    " ",
    "#",
    "?",
    "y" * 10_000,
    "<script>alert(1)</script>",
    r"\input{secret}",
    r"\href{javascript:alert(1)}{x}",
    r"$\frac{$",
    "a$b$c",
    "}",
    "{",
    "^",
    r"\alpha_{",
    "&#x3c;b&#x3e;",
    "`",
    "%",
    "~",
    '"><img src=x onerror=alert(1)>',
]
LETTERS = st.characters(codec="utf-8") | st.sampled_from("\"'\\\n\r\t{}()[]<>$%&#`;:=,._ \0")
NAMES = st.sampled_from(FIXED) | st.text(LETTERS, min_size=1, max_size=30)
FEW, MANY = settings(max_examples=6), settings(max_examples=300)


def sequential(name: str) -> Any:
    nn.set_random_seed(0)
    layers = [nn.Input((2,), name=name), nn.Dense(3, activation="tanh", name=name), nn.Dense(1, name=f"{name}2")]
    model = pel.Sequential(layers, name=name)
    model.compile("sgd", "mse")
    return model


def functional(name: str) -> Any:
    nn.set_random_seed(0)
    x = nn.Input((2,), name=name)
    h = nn.Dense(3, name=name)(x)
    model = pel.Model(
        x, {name: nn.Dense(2, name=f"{name}1")(h), f"{name}b": nn.Dense(2, name=f"{name}2")(h)}, name=name
    )
    model.compile("sgd", {name: "mse", f"{name}b": "mae"})
    return model


def function(name: str) -> Any:
    sizes = [name, f"{name}2"]
    if any(parse_dim(size) is not None and not size.isidentifier() for size in sizes):
        sizes = [PLAIN, f"{PLAIN}2"]  # the text is a formula, such as "A-2", and no name
    x = pel.tensor(name, (*sizes, 2))
    w = pel.shared([1.0, 2.0], name)
    h = pel.named(name if name.strip() else PLAIN, pel.tanh(pel.reshape(x * w, (*sizes, 2, 1))))
    y = pel.scan(lambda h, a: h + a, pel.transpose(h, (1, 0, 2, 3)), h[:, 0])
    return pel.function(
        [x], {name: h.sum(axis=0).max(), "y": y[-1].mean()}, updates={w: w - 0.1 * h.sum()}, mode="numpy"
    )


WRITERS: dict[str, Callable[[str], str]] = {
    "NumPy script of a model": lambda name: sequential(name).to_source("numpy"),
    "expressions of a model": lambda name: sequential(name).to_source("expressions"),
    "layers of a sequential model": lambda name: sequential(name).to_source("layers"),
    "layers of a functional model": lambda name: functional(name).to_source("layers"),
    "NumPy script of a function": lambda name: pel.to_source(function(name), "numpy"),
    "expressions of a function": lambda name: pel.to_source(function(name), "expressions"),
}


def get_effects(code: str) -> set[str]:
    """Return the imports, the calls, and the statements without a target of a program."""
    tree, found = ast.parse(code), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            found.add(f"call {getattr(function, 'attr', None) or getattr(function, 'id', type(function).__name__)}")
        has_effect = isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Constant, ast.Call))
        if has_effect or isinstance(node, (ast.Import, ast.ImportFrom, ast.Delete, ast.ClassDef)):
            found.add(ast.unparse(node))
    return found


@functools.cache
def get_plain_effects(writer: str) -> set[str]:
    return get_effects(WRITERS[writer](PLAIN))


def check_code(writer: str, name: str) -> None:
    code = WRITERS[writer](name)
    assert get_effects(code) == get_plain_effects(writer), code
    code.encode()


@pytest.mark.parametrize("writer", WRITERS)
@FEW
@given(NAMES)
def test_names_add_no_statement_to_generated_code(writer: str, name: str) -> None:
    check_code(writer, name)


@pytest.mark.parametrize("writer", WRITERS)
def test_known_attacks_add_no_statement_to_generated_code(writer: str) -> None:
    for name in FIXED[:4]:
        check_code(writer, name)


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
@MANY
@given(NAMES)
def test_many_names_add_no_statement_to_generated_code(writer: str, name: str) -> None:
    check_code(writer, name)


@FEW
@example("\ud800")
@given(NAMES)
def test_toml_keeps_names(name: str) -> None:
    valid = name.encode("utf-8", "replace").decode()
    table = tomllib.loads(sequential(name).to_source("toml"))
    assert table["model"] == {"kind": "Sequential", "name": valid}
    assert [layer["name"] for layer in table["layers"]] == [valid, f"{valid}2"]
    table = tomllib.loads(functional(name).to_source("toml"))
    assert set(table["loss"]["by_output"]) == {valid, f"{valid}b"}
    assert table["model"]["name"] == valid


@given(NAMES, NAMES)
def test_literals_evaluate_to_their_text(name: str, other: str) -> None:
    assert ast.literal_eval(string_to_source(name)) == name
    assert ast.get_docstring(ast.parse(docstring_to_source(name)), clean=False) == name
    tree = ast.parse(f"f({keyword_to_source(name, '1')})", mode="eval").body
    assert isinstance(tree, ast.Call)
    assert not tree.args
    assert len(tree.keywords) == 1
    variables = VariableNames(["step"])
    first, second = variables.new_name(name), variables.new_name(other)
    assert len(first) <= 120
    assert [ast.dump(n) for n in ast.walk(ast.parse(f"{first} = {second}")) if isinstance(n, ast.Name)] == [
        ast.dump(ast.Name(first, ast.Store())), ast.dump(ast.Name(second, ast.Load()))
    ]  # fmt: skip
    assert first != second


class TagCollector(HTMLParser):
    """Collects tags with the names and risky values of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = [value or "" for key, value in attrs if key in ("href", "src")]
        self.found.add((tag, *sorted(key for key, _ in attrs), *links))


def get_tags(html: str) -> set[tuple[str, ...]]:
    collector = TagCollector()
    collector.feed(html)
    return collector.found


def write_html(name: str) -> str:
    step = function(name)
    model = sequential(name)
    h = pel.named(name if name.strip() else PLAIN, pel.tanh(step.program.inputs[0]))
    pages = [h._repr_html_(), step._repr_html_(), pel.explain(model)._repr_html_(), pel.tree(h)._repr_html_()]
    x = pel.vector(name)
    return "\n".join([*pages, pel.derive(pel.tanh(x).sum(), x)._repr_html_()])


@functools.cache
def get_plain_tags() -> set[str]:
    math = "mi mn mo mtext mspace msub msup mover msubsup mrow mfrac msqrt mstyle munder munderover mtable mtr mtd"
    return {tag[0] for tag in get_tags(write_html(PLAIN))} | set(math.split())


@settings(max_examples=4)
@example(FIXED[0])
@example("<script>alert(1)</script>")
@example('"><img src=x onerror=alert(1)>')
@given(NAMES)
def test_names_add_no_tags_to_html(name: str) -> None:
    for tag, *attributes in get_tags(write_html(name)):
        assert tag in get_plain_tags()
        assert not any(a.startswith("on") or a in ("href", "src") for a in attributes)


@example(r"\right")
@example("4^a^b")
@example(r"\frac")
@example(r"\sqrt[")
@given(NAMES)
def test_names_add_no_commands_to_latex(name: str) -> None:
    latex = name_to_latex(name)
    assert latex_to_mathml(f"{latex} = 1")
    assert set(re.findall(r"\\([A-Za-z]+)", latex)) <= COMMANDS
    bare = re.sub(r"\\[^A-Za-z]", "", latex)
    assert not set(bare) & set("$%#&~\n\0")
    assert bare.count("{") == bare.count("}")
    x = pel.tensor(name, (name, f"{name}2"))
    shown = pel.latex(pel.reshape(x, (f"{name}2", name)).sum(axis=0), shapes=True)
    assert not {"input", "href", "write"} & set(re.findall(r"\\([A-Za-z]+)", shown))
    assert "$" not in re.sub(r"\\\$", "", shown)


def test_known_commands_and_only_those_make_a_formula() -> None:
    assert name_to_latex(r"\hat{\mathbf{W}}_1") == r"\hat{\mathbf{W}}_1"
    assert name_to_latex(r"\input{secret}") == r"\mathrm{\backslash input\{secret\}}"


@functools.cache
def count_lines(name: str) -> int:
    return pel.mermaid(pel.tanh(pel.tensor(name, (name,)))).count("\n")


@given(NAMES)
def test_names_add_no_lines_to_flowcharts(name: str) -> None:
    assert count_lines(name) == count_lines(PLAIN)


@pytest.mark.parametrize("name", [r"$\frac{$", "a$b$c", "$"])
def test_names_are_no_formulas_in_plots(name: str) -> None:
    pel.show.draw_graph(pel.tanh(pel.vector(name)), title=name).savefig(io.BytesIO())


@pytest.mark.parametrize("name", ["softmax", "get_scipy_function", "erf", "np", "compute", "x"])
def test_variables_hide_no_function_of_a_script(name: str) -> None:
    x, w = pel.tensor("x", ("n", 3)), pel.shared(np.ones((3, 3), "float32"), name)
    outputs = pel.softmax(x @ w, axis=-1) + pel.named(f"{name}_2", pel.erf(x)) + pel.named(name, x * 2)
    computed = pel.function([x], outputs, mode="numpy")
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(pel.to_source(computed, "numpy"), namespace)
    given = np.ones((2, 3), "float32")
    np.testing.assert_allclose(namespace["compute"](given), computed(given), rtol=1e-6)


def test_names_are_not_in_generated_c() -> None:
    def write_c(name: str) -> str:
        x, w = pel.tensor(name, (4,), "float64"), pel.shared(np.ones(4), name)
        step = pel.function([x], pel.named(name, (w * x).sum()), updates={w: w - 0.1 * x}, mode="native")
        step.repeat(3, np.ones(4))
        return "".join(loop.code for loop in step.backend.compiled.values())

    assert write_c(f"*/ {CALL} /*") == write_c(PLAIN) != ""


# Files


def read_with(model: Any, change: Callable[[list[Any]], None]) -> Any:
    """Return the model of a file with changed objects."""
    writer = GraphWriter(passthrough=True)
    objects = ObjectWriter(writer)
    root = objects.add(model)
    table = json.loads(json.dumps(objects.objects))
    change(table)
    reader = ObjectReader(table, GraphReader(writer.to_data(), writer.arrays))
    return reader.decode(root)


@pytest.mark.usefixtures("interpreted", "programs_in_threads")
def test_a_loaded_model_cannot_run_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sequential(f'net"""\n{CALL}\n"""').save("net.pel")
    model = pel.load_model("net.pel")
    report = pel.check_equivalence(model, model.to_source("numpy"), steps=2)
    assert report.agrees
    assert not Path("hacked").exists()


def write_system_call() -> str:
    """Return an expression without names that runs a command by way of the globals of a class of `os`."""
    place = next(i for i, cls in enumerate(object.__subclasses__()) if cls.__name__ == "_wrap_close")
    return f"().__class__.__base__.__subclasses__()[{place}].__init__.__globals__['system']('touch hacked')"


@pytest.mark.parametrize("level", ["numpy", "expressions"])
@pytest.mark.parametrize("dim", [f"n\n    {CALL}\n#", f"({CALL})", write_system_call()])
def test_names_of_dimensions_are_not_evaluated(
    dim: str, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x = pel.tensor("x", (dim, 2))
    h = pel.named("h", pel.tanh(x))
    pel.save("e.pel", pel.reshape(h * h, (2, dim)) + 1)
    code = pel.to_source(pel.load("e.pel"), level)
    assert not Path("hacked").exists()
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(code, "code", "exec"), namespace)
    namespace["compute"](np.ones((2, 2), "float32"))
    assert not Path("hacked").exists()


def test_arguments_of_a_loaded_layer_are_no_code() -> None:
    """The attribute config of a layer is what a file says it is."""

    def change(kind: str) -> Callable[[list[Any]], None]:
        def rename(table: list[Any]) -> None:
            for entry in table:
                if entry["class"] == "layers.Dense":
                    entry["state"]["config"]["dict"].append([kind, f"Dense(2) if {CALL} else nn.Dense"])

        return rename

    for key in ("kind", f"a=1); {CALL}; (b"):
        model = read_with(sequential("net"), change(key))
        with pytest.raises(pel.ModelError, match=r"Dense has no argument .* was not written by pellucid"):
            layer_to_config(model.layers[0])
        with pytest.raises(pel.ModelError, match="Dense has no argument"):
            model.to_source("layers")
    assert to_code({"kind": "Dense", f"a=1); {CALL}; (b": 2}, "layer").startswith("nn.Dense(**{")


@pytest.mark.slow
@pytest.mark.usefixtures("interpreted")
def test_a_program_runs_in_a_separate_process(tmp_path: Path) -> None:
    model = sequential("net")
    program = tmp_path / "program.py"
    more = "import os, sys\nprint('noise', file=sys.stdout)\nos.environ['HACKED'] = '1'\n"
    program.write_text(f"{model.to_source('numpy')}\n{more}")
    assert pel.check_equivalence(model, program, steps=2)
    assert "HACKED" not in os.environ


@pytest.mark.usefixtures("interpreted")
def test_processes_that_end_or_take_too_long_are_errors() -> None:
    model = sequential("net")
    with pytest.raises(pel.ModelError, match="The process of the program ended with exit code 3"):
        pel.check_equivalence(model, "import os\nos._exit(3)\n", steps=1)
    endless = "import time\nwhile True:\n    time.sleep(1)\n"
    with pytest.raises(pel.ModelError, match=r"stopped after 0\.3 seconds, the time limit .* Pass a larger time_limit"):
        pel.check_equivalence(model, endless, steps=1, time_limit=0.3)


@pytest.mark.usefixtures("interpreted", "programs_in_threads")
def test_errors_of_a_program_are_raised() -> None:
    model = sequential("net")
    raising = model.to_source("numpy").replace("def step(x, y):", "def step(x, y):\n    raise KeyError('oh')")
    with pytest.raises(pel.ModelError, match="the program raises KeyError: 'oh'"):
        pel.check_equivalence(model, raising, steps=1)
    other = "import numpy as np\nw = np.zeros(1)\ndef step(x, y):\n    raise KeyError('x')\n"
    with pytest.raises(pel.ModelError, match="no counterpart of the tensor"):
        pel.check_equivalence(model, other, steps=1)


@pytest.mark.usefixtures("interpreted", "programs_in_threads")
def test_a_program_with_layers_is_compared() -> None:
    model = sequential("net")
    report = pel.check_equivalence(model, model.to_source("layers"), steps=2)
    assert report.agrees, report


@pytest.mark.slow
def test_programs_of_every_level_run_in_separate_processes() -> None:
    model = sequential("net")
    for level in ("numpy", "layers"):
        report = pel.check_equivalence(model, model.to_source(level), steps=2)
        assert report.agrees, report
    raising = model.to_source("numpy").replace("def step(x, y):", "def step(x, y):\n    raise KeyError('oh')")
    with pytest.raises(pel.ModelError, match="the program raises KeyError: 'oh'"):
        pel.check_equivalence(model, raising, steps=1)
    with pytest.raises(pel.ModelError, match=r"stopped after 1 seconds"):
        pel.check_equivalence(model, "while True:\n    pass\n", steps=1, time_limit=1)
