"""The view of numbers: pages write the arithmetic of `why` with the values that they have."""

import base64
import functools
import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Constant
from pellucid.graph.naming import strip_calls
from pellucid.graph.traversal import topological
from pellucid.live.arithmetic import ArithmeticEncoder
from pellucid.live.page import render_page
from pellucid.live.spec import assemble_figure
from pellucid.live.views.numbers import add_gradients, name_loss
from pellucid.show.why.arithmetic_page import TEXT_NAMES, write_arithmetic
from pellucid.show.why.element_arithmetic import Why
from pellucid.show.why.element_values import ValueEnv
from tests.conftest import AXE

WEB = Path(__file__).parents[2] / "web"
ESBUILD = WEB / "node_modules" / ".bin" / "esbuild"
ROWS = 30


def make_layer(name: str, rows: int, columns: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows + columns)
    return pel.shared(rng.normal(size=(rows, columns)), f"W{name}"), pel.shared(rng.normal(size=columns), f"b{name}")


def make_inputs(features: int = 2) -> tuple[Any, Any, Any]:
    X = pel.matrix("X", ("n", features), "float64")
    return X, pel.ivector("y", ("n",)), pel.vector("t", ("n",), "float64")


def make_moons() -> tuple[list[Any], Any]:
    X, y, _ = make_inputs()
    (W1, b1), (W2, b2) = make_layer("1", 2, 3), make_layer("2", 3, 2)
    l2 = pel.scalar("l2", "float64")
    h = pel.named("h", pel.tanh(X @ W1 + b1))
    p = pel.named("p", pel.softmax(h @ W2 + b2))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean() + l2 * ((W1**2).sum() + (W2**2).sum())
    return [p], loss


def make_regression() -> tuple[list[Any], Any]:
    X, _, t = make_inputs()
    (W1, b1), (W2, b2) = make_layer("1", 2, 20), make_layer("2", 20, 1)
    y_hat = (pel.relu(X @ W1 + b1) @ W2 + b2)[:, 0]
    return [], ((y_hat - t) ** 2).mean()


def make_logistic_regression() -> tuple[list[Any], Any]:
    X, y, _ = make_inputs()
    w, b = pel.shared([0.5, -1.0], "w"), pel.shared(0.25, "b")
    p = pel.named("p", pel.sigmoid(X @ w.astype("float64") + b.astype("float64")))
    return [p], pel.losses.binary_crossentropy(y.astype("float64"), p).mean()


def make_many_classes() -> tuple[list[Any], Any]:
    X, y, _ = make_inputs(40)
    W, b = make_layer("", 40, 10)
    return [], pel.sparse_crossentropy(y, X @ W + b).sum()


def make_gathers() -> tuple[list[Any], Any]:
    X, y, t = make_inputs()
    E = pel.shared(np.random.default_rng(0).normal(size=(10, 2)), "E")
    picked = pel.named("picked", X[pel.arange_like(y, 0), y % 2])
    return [pel.named("e", E[y] * X), pel.named("rest", pel.concatenate([X, X * X], axis=1))], (picked * t).sum()


NETWORKS: dict[str, Callable[[], tuple[list[Any], Any]]] = {
    "moons": make_moons,
    "regression": make_regression,
    "logistic regression": make_logistic_regression,
    "many classes": make_many_classes,
    "gathers": make_gathers,
}


def draw_values(leaves: list[Any], seed: int, classes: int) -> dict[Any, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"n": ROWS}
    draw: dict[str, Callable[..., Any]] = {"f": rng.normal, "i": lambda size: rng.integers(0, classes, size)}
    return {e: np.asarray(draw[e.dtype.kind](size=tuple(sizes.get(d, d) for d in e.shape)), e.dtype) for e in leaves}


@functools.cache
def encode(name: str) -> tuple[ArithmeticEncoder, list[Any], Any]:
    roots, loss = NETWORKS[name]()
    (*roots, loss), _ = strip_calls([*roots, loss])
    leaves = [e for e in topological([*roots, loss]) if e.op is None and not hasattr(e, "value")]
    classes = 10 if name in ("many classes", "gathers") else 2
    data = [e for e in leaves if "n" in e.shape]
    encoder = ArithmeticEncoder(draw_values(leaves, 0, classes), data)
    encoder.add(roots or [loss], {loss: name_loss(loss)})
    add_gradients(encoder, encoder.shown, loss)
    return encoder, leaves, draw_values(leaves, 1, classes)


@dataclass
class Elements:
    """Some elements of the expressions of a network, with their values."""

    env: ValueEnv
    encoder: ArithmeticEncoder
    arrays: list[np.ndarray]
    places: list[tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": {"expressions": self.encoder.to_json(), "definitions": self.encoder.list_definitions()},
            "values": [a.ravel().tolist() for a in self.arrays],
            "dtypes": [str(a.dtype) for a in self.arrays],
            "elements": [{"of": of, "at": at} for of, at in self.places],
        }


def choose_elements(name: str) -> Elements:
    encoder, _, values = encode(name)
    env = ValueEnv(values, encoder.names, [])
    env.user_exprs, env.auto_names = encoder.env.user_exprs, encoder.env.auto_names
    arrays = [np.asarray(env.value(e)) for e in encoder.expressions]
    rng = np.random.default_rng(2)
    places = [
        (number, int(at))
        for number, e in enumerate(encoder.expressions)
        if e in encoder.trees
        for at in sorted({0, arrays[number].size - 1, *rng.integers(0, arrays[number].size, 4)})
    ]
    return Elements(env, encoder, arrays, places)


FAST = ("moons", "logistic regression", "gathers")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of pages that writes arithmetic, for Node."""
    if shutil.which("node") is None or not ESBUILD.exists():
        pytest.skip("the code of pages needs Node and esbuild: run npm ci in web/")
    path = tmp_path_factory.mktemp("numbers") / "numbers_page.mjs"
    source = Path(__file__).with_name("numbers_page.mjs")
    subprocess.run([ESBUILD, source, "--bundle", "--platform=node", "--format=esm", f"--outfile={path}"], check=True)
    return path


def explain_in_node(bundle: Path, chosen: list[Elements]) -> list[Any]:
    """Return what the code of pages writes about elements; one process of Node writes all."""
    text = json.dumps([each.to_json() for each in chosen])
    done = subprocess.run(["node", bundle], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def explained(bundle: Path) -> dict[str, tuple[Elements, list[Any]]]:
    chosen = [choose_elements(name) for name in FAST]
    return dict(zip(FAST, zip(chosen, explain_in_node(bundle, chosen), strict=True), strict=True))


FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "max": max,
    "relu": lambda x: max(x, 0.0),
    "where": np.where,
}
FUNCTIONS |= {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log1p": np.log1p,
    "abs": abs,
    "maximum": max,
    "softplus": lambda x: np.logaddexp(0, x),
}


def check_numbers(written: str, value: Any) -> bool:
    """Check that the line of numbers adds up to the value, and tell whether there is one."""
    lines = [line.strip() for line in written.splitlines() if line.startswith("  = ")]
    if len(lines) < 2 or "one_hot" in lines[1]:
        return False
    line = lines[1].removeprefix("= ")
    numbers = [abs(float(n)) for n in re.findall(r"\d+\.?\d*(?:e-\d+)?", line)]
    assert abs(eval(line, {"__builtins__": {}}, FUNCTIONS) - value) <= 5e-3 * max(*numbers, abs(value))
    return True


def find_operands(w: Why) -> set[str]:
    """Return the names of the elements in the arithmetic."""
    found: list[Why] = []

    def collect(operand: Why) -> Any:
        found.append(operand)
        return TEXT_NAMES.format_leaf(operand)

    if w.kind in ("given", "whole"):
        return set()
    write_arithmetic(w, TEXT_NAMES._replace(format_leaf=collect))
    return {o.name for o in found if not isinstance(o.expr, Constant)}


@pytest.mark.parametrize("name", FAST)
def test_pages_write_what_why_prints(name: str, explained: dict[str, tuple[Elements, list[Any]]]) -> None:
    """The arithmetic is read at some values and labels; pages write it with others."""
    check_explanations(name, *explained[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in FAST])
def test_pages_write_what_why_prints_of_large_networks(name: str, bundle: Path) -> None:
    chosen = choose_elements(name)
    check_explanations(name, chosen, *explain_in_node(bundle, [chosen]))


def check_explanations(name: str, chosen: Elements, written: list[Any]) -> None:
    checked = 0
    for (of, at), found in zip(chosen.places, written, strict=True):
        expr, array = chosen.encoder.expressions[of], chosen.arrays[of]
        w = Why(chosen.env, expr, tuple(map(int, np.unravel_index(at, array.shape))))
        assert found["kind"] != "closed" or name == "gathers"
        if found["kind"] != "closed":
            assert found["text"] == str(w)
            assert set(found["operands"]) <= find_operands(w)
            checked += check_numbers(found["text"], w.value)
    assert checked > 8


def test_labels_choose_the_arithmetic() -> None:
    """Gathers follow the labels of the page, and so do gradients of gathered elements."""
    encoder, _, _ = encode("moons")
    entries = {e["name"]: e for e in encoder.to_json() if "name" in e}
    gradient = entries["dL/dp"]["arithmetic"]
    [chosen] = [piece["chosen"] for piece in gradient["then"]["pieces"] if "chosen" in piece]
    assert [encoder.expressions[c["by"]["of"]].name for c in chosen] == ["y"]
    assert gradient["kind"] == "choice"
    assert gradient["else"] == {"kind": "sum", "pieces": ["0"]}


def test_irregular_elements_are_not_guessed() -> None:
    """The operands of the gradient of a lookup table depend on the indices."""
    encoder, _, _ = encode("gathers")
    entries = {e["name"]: e for e in encoder.to_json() if "name" in e}
    assert entries["dL/dX"]["arithmetic"]["kind"] == "closed"
    x = pel.vector("x", ("n",))
    sums = ArithmeticEncoder({x: np.ones(9, "float32")}, [x])
    sums.add([pel.named("total", pel.cumsum(x))])
    assert [e["arithmetic"]["kind"] for e in sums.to_json()] == ["closed"]


def test_arithmetic_that_only_the_present_data_have_is_not_shown() -> None:
    """With labels 0, 1, 2, ... the gradient of a lookup table looks like a copy; with others it is none."""
    X, y, _ = make_inputs()
    E = pel.shared(np.ones((6, 2)), "E")
    values = {X: np.ones((6, 2)), y: np.arange(6, dtype="int32"), E: E.get_value()}
    encoder = ArithmeticEncoder(values, [X, y])
    encoder.add([pel.named("gradient", pel.grad((E[y] * X).sum(), E))])
    assert encoder.to_json()[0]["arithmetic"] == {"kind": "closed"}


def test_elements_of_a_row_may_have_their_own_arithmetic() -> None:
    encoder, _, _ = encode("gathers")
    [rest] = [e for e in encoder.to_json() if e.get("name") == "rest"]
    assert [t["kind"] for t in rest["arithmetic"]] == ["moved", "moved", "applied", "applied"]


def test_ops_on_whole_arrays_are_written_in_names() -> None:
    x = pel.matrix("x")
    encoder = ArithmeticEncoder({x: np.eye(2, dtype="float32")})
    encoder.add([pel.named("count", pel.size(x, axis=0))])
    assert encoder.to_json()[0]["arithmetic"] == {"kind": "whole", "text": "size(x, axis=0)"}


def make_figure(*expressions: Any, **changes: Any) -> Any:
    X, y, _ = make_inputs()
    (W1, b1), (W2, b2) = make_layer("1", 2, 3), make_layer("2", 3, 2)
    l2, rate = pel.scalar("l2", "float64"), pel.scalar("rate", "float64")
    h = pel.named("h", pel.tanh(X @ W1 + b1))
    s = pel.named("s", h @ W2 + b2)
    p = pel.named("p", pel.softmax(s))
    penalty = l2 * ((W1**2).sum() + (W2**2).sum())
    loss = pel.named("L", pel.losses.sparse_categorical_crossentropy(y, p).mean() + penalty)
    updates = pel.optimizers.SGD(rate).updates(loss, [W1, b1, W2, b2])
    points, classes = pel.data.moons(ROWS, dtype="float64")
    figure = pel.live.Figure(
        train=pel.function([X, y, l2, rate], loss, updates=updates),
        steps=100,
        data={X: points, y: classes},
        controls=[pel.live.slider(rate, 0.01, 1, 0.3), pel.live.slider(l2, 0, 0.1, 0.01)],
        views=[pel.live.numbers(p)],
        **changes,
    )
    values = {"X": points, "y": classes, "l2": 0.01}
    return figure, {"X": X, "h": h, "s": s, "p": p, "L": loss, "W1": W1, "b1": b1, "W2": W2, "b2": b2}, values


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any], Any]:
    """A page, the parts of its network, the values of its inputs, and the only variant of its figure."""
    figure, parts, inputs = make_figure()
    spec = figure.to_spec()
    path = tmp_path_factory.mktemp("page") / "numbers.html"
    path.write_text(render_page("Numbers", [spec]), "utf-8")
    return path, parts, inputs, spec["variants"][0]


def test_a_figure_has_tables_gradients_and_derivations(saved: tuple[Path, Any, Any, Any]) -> None:
    *_, variant = saved
    [parts] = variant["views"]
    expressions = parts["expressions"]
    names = [expressions[of]["name"] for of in parts["tables"]]
    assert set(names) == {"X", "W1", "b1", "z", "h", "W2", "b2", "s", "p"}
    assert names.index("z") < names.index("h") < names.index("s") < names.index("p")
    assert [expressions[of]["name"] for of in parts["roots"]] == ["p"]
    assert parts["definitions"]["z"] == "X @ W1 + b1"
    gradients = {expressions[of]["name"]: expressions[of]["gradient"] for of in parts["tables"]}
    assert expressions[gradients["h"]["of"]]["name"] == "dL/dh"
    derivations = json.loads(zlib.decompress(base64.b64decode(parts["derivations"])))
    assert "The gradient of" in derivations[gradients["W1"]["derivation"]]
    assert all("<math" in text and "xmlns" not in text for text in derivations)
    assert len(json.dumps(parts)) < 20_000
    assert set(variant["functions"]) >= {"view0/values", "view0/gradients"}


def make_linear_figure(*expressions: Any) -> tuple[Any, Any]:
    """Return a figure of a network without a hidden layer, with a view of numbers, and its scores."""
    X, y, _ = make_inputs()
    W, b = make_layer("", 2, 2)
    l2 = pel.scalar("l2", "float64")
    s = pel.named("s", X @ W + b)
    loss = pel.named("L", pel.losses.sparse_categorical_crossentropy(y, pel.softmax(s)).mean() + l2 * (W**2).sum())
    points, classes = pel.data.moons(10, dtype="float64")
    figure = pel.live.Figure(
        train=pel.function([X, y, l2], loss, updates=pel.optimizers.SGD(0.1).updates(loss, [W, b])),
        steps=10,
        data={X: points, y: classes},
        controls=[pel.live.slider(l2, 0, 0.1, 0.01)],
    )
    return figure, s


def test_without_expressions_the_loss_is_explained() -> None:
    figure, _ = make_linear_figure()
    figure.views = [pel.live.numbers()]
    [parts] = assemble_figure(figure).own["views"]
    names = {e["name"]: e for e in parts["expressions"] if "name" in e}
    assert [parts["expressions"][of]["name"] for of in parts["roots"]] == ["L"]
    assert "gradient" not in names["L"]
    assert names["y"]["gradient"] == {"reason": "y has int32 values, which have no gradient."}
    # The gradient of the penalty is a variable: it becomes a named copy.
    assert names["dL/dc"]["arithmetic"]["kind"] == "moved"


def test_gradients_that_do_not_exist_have_a_reason() -> None:
    figure, scores = make_linear_figure()
    figure.views = [pel.live.numbers(pel.named("q", pel.softmax(2 * scores)))]
    [own] = assemble_figure(figure).own["views"]
    [root] = own["roots"]
    assert own["expressions"][root]["gradient"] == {"reason": "The loss L is not computed from q."}


def test_invalid_arguments_are_refused() -> None:
    w, x = pel.shared(1.0, "w"), pel.vector("x")
    with pytest.raises(pel.UseError, match=r"expected expressions such as the predictions p\. Received: 3"):
        pel.live.numbers(3)
    with pytest.raises(pel.UseError, match=r"expected expressions such as .* Received: function of"):
        pel.live.numbers(pel.function([x], 2 * x))
    with pytest.raises(pel.UseError, match=r"expected expressions, or a figure with train=step\. Received: neither"):
        assemble_figure(pel.live.Figure(views=[pel.live.numbers()]))
    with pytest.raises(pel.InputError, match=r"expected a value for the input x\. Received: none\. Give it in data="):
        assemble_figure(pel.live.Figure(views=[pel.live.numbers(w * x)]))


READ_PANEL = r"""
async ([choices, wanted]) => {
  const root = document.querySelector("pellucid-figure").shadowRoot;
  const panel = root.querySelector(".panel");
  const buttons = [...root.querySelectorAll(".tables td button")];
  const find = (label) => buttons.find((b) => b.ariaLabel?.startsWith(label + " = "));
  const settle = async (label) => {
    const title = panel.querySelector(".lines p");
    const isShown = () => title.textContent.startsWith(label + " = ");
    for (let k = 0; k < 200 && !isShown(); k++) await new Promise(requestAnimationFrame);
    const lines = [...panel.querySelectorAll(".lines p, .where")].filter((line) => !line.hidden);
    return lines.map((line) => line.textContent).join("\n  ");
  };
  const found = [];
  for (const label of choices) {
    // Tables out of sight follow when the figure is at rest.
    while (!find(label)) await new Promise(requestAnimationFrame);
    find(label).click();
    found.push(await settle(label));
    const gradient = [...panel.querySelectorAll("button")].find((b) => b.textContent.startsWith("Gradient"));
    if (!wanted || gradient.hidden) continue;
    gradient.click();
    found.push(await settle("dL/d" + label));
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def opened(open_page: Any, saved: tuple[Path, Any, Any, Any]) -> Any:
    return open_page(saved[0])


@pytest.fixture
def page(opened: Any) -> Any:
    opened.bring_to_front()
    return opened


def choose_row(page: Any, row: int) -> None:
    page.get_by_label("Row of the data").fill(str(row))
    page.get_by_label("Row of the data").press("Enter")


@pytest.mark.parametrize("labels", [["p[7, 1]", "s[7, 0]"], ["h[7, 2]", "W1[1, 2]", "b2[0]", "X[7, 0]"]])
def test_the_page_explains_its_own_numbers(page: Any, saved: tuple[Path, Any, Any, Any], labels: list[str]) -> None:
    _, parts, inputs, _ = saved
    trained = page.evaluate("document.querySelector('pellucid-figure').retrain({rate: 0.5})")["values"]
    for name, value in trained.items():
        parts[name].set_value(np.asarray(value))
    choose_row(page, 7)
    read = page.evaluate(READ_PANEL, [labels, True])
    gradients = {name: pel.grad(parts["L"], parts[name]) for name in ("p", "s", "h", "W1", "b2", "X")}
    z = parts["X"] @ parts["W1"] + parts["b1"]
    names = {g: f"dL/d{name}" for name, g in gradients.items()} | {pel.grad(parts["L"], z): "dL/dz"}
    expected = []
    for label in labels:
        name, index = label.rstrip("]").split("[")
        place = tuple(map(int, index.split(",")))
        expected += [str(pel.why(e, place, inputs, names=names)) for e in (parts[name], gradients[name])]
    assert list(map(normalize, read)) == list(map(normalize, expected))


def normalize(text: str) -> list[str]:
    """Number automatic names in their order: pages have one numbering for all expressions."""
    found: dict[str, str] = {}
    return re.sub(r"\b[cuz]\d*\b", lambda m: found.setdefault(m[0], f"{m[0][0]}{len(found)}"), text).split()


def test_the_chosen_number_stays_while_numbers_change(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    choose_row(page, 0)
    page.get_by_role("button", name=re.compile(r"^h\[0, 0\] = ")).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    title = page.get_by_role("group", name="Arithmetic").get_by_text(re.compile(r"^h\[0, 1\] = "))
    assert title.count() == 1
    last = title.inner_text()
    page.evaluate("document.querySelector('pellucid-figure').seek(1)")
    assert title.inner_text() != last
    page.evaluate("document.querySelector('pellucid-figure').seek(100)")
    assert title.inner_text() == last
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_operand_of_the_arithmetic_is_chosen_in_turn(page: Any) -> None:
    choose_row(page, 0)
    page.get_by_role("button", name=re.compile(r"^h\[0, 1\] = ")).click()
    panel = page.get_by_role("group", name="Arithmetic")
    panel.get_by_role("button", name=re.compile(r"^z\[0, 1\] = ")).first.click()
    panel.get_by_role("button", name="Gradient dL/dz[0, 1]").click()
    panel.get_by_text("Derivation of dL/dz").click()
    panel.get_by_text("Backward pass").wait_for()
    assert panel.locator("math").count() > 5
    assert [b.inner_text() for b in panel.get_by_role("listitem").all()[:3]] == ["h[0, 1]", "z[0, 1]", "dL/dz[0, 1]"]


def test_back_returns_to_the_number_before_and_rows_are_those_of_other_views(page: Any) -> None:
    choose_row(page, 0)
    page.get_by_role("button", name=re.compile(r"^z\[0, 1\] = ")).first.click()
    panel = page.get_by_role("group", name="Arithmetic")
    panel.get_by_role("button", name="Gradient dL/dz[0, 1]").click()
    page.evaluate("document.querySelector('pellucid-figure').retrain({l2: 0.1})")
    panel.get_by_text(re.compile(r"^dL/dz\[0, 1\] = ")).wait_for()
    panel.get_by_role("button", name="Back").click()
    panel.get_by_text(re.compile(r"^z\[0, 1\] = ")).wait_for()
    choose_row(page, 12)  # the chosen number moves to it
    panel.get_by_text(re.compile(r"^z\[12, 1\] = ")).wait_for()


@pytest.mark.slow
def test_axe_finds_nothing_serious(pages: Any, saved: tuple[Path, Any, Any, Any]) -> None:
    page = pages.open(saved[0], viewport=pages.SIZES["phone"], bypass_csp=True)
    page.get_by_role("button", name=re.compile(r"^z\[0, 1\] = ")).first.click()
    page.get_by_role("button", name="Gradient dL/dz[0, 1]").click()
    page.get_by_role("button", name="Back").click()
    page.add_script_tag(content=AXE)
    violations = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)")
    assert [v["id"] for v in violations if v["impact"] in ("serious", "critical")] == []


@pytest.fixture(scope="module")
def opened_moons(open_page: Any, moons: Any) -> Any:
    page = open_page(moons, width=390, height=844)
    choose_row(page, 4)
    return page


@pytest.fixture
def moons_page(opened_moons: Any) -> Any:
    """The page of two moons on a phone, at row 4 of the data."""
    opened_moons.bring_to_front()
    return opened_moons


def find_title(page: Any) -> Any:
    return page.get_by_role("group", name="Arithmetic").locator(".lines p").first


def test_clicks_in_other_views_choose_a_number(moons_page: Any) -> None:
    page, title = moons_page, find_title(moons_page)
    units = page.locator(".net circle:not(.chosen)")
    assert units.count() == 2 + 3 + 2
    units.nth(2 + 1).click(force=True)
    assert title.inner_text().startswith("a1[4, 1] = ")
    in_sight = "e => { const { top, bottom } = e.getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; }"
    page.wait_for_function(in_sight, arg=title.element_handle())
    # A point of an edge, seen from the picture.
    page.locator(".net svg").first.evaluate(
        """(svg) => {
          const line = svg.querySelector("line");
          const box = svg.getBoundingClientRect();
          const [x1, x2, y1, y2] = ["x1", "x2", "y1", "y2"].map((name) => Number(line.getAttribute(name)));
          const at = { clientX: box.left + x1 + 0.3 * (x2 - x1), clientY: box.top + y1 + 0.3 * (y2 - y1) };
          svg.dispatchEvent(new MouseEvent("click", at));
        }"""
    )
    assert title.inner_text().startswith("W1[0, 0] = ")
    page.locator(".heat canvas").nth(1).click(position={"x": 3, "y": 3})  # a gradient has no number of its own
    assert title.inner_text().startswith("W1[0, 0] = ")
    page.locator(".heat canvas").nth(4).click(position={"x": 30, "y": 3})
    assert title.inner_text().startswith("W2[0, 1] = ")


def test_keys_in_a_network_choose_a_number(moons_page: Any) -> None:
    page, title = moons_page, find_title(moons_page)
    page.mouse.move(0, 0)  # where it chooses no unit when the page scrolls
    page.get_by_role("application", name="Network.").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert title.inner_text().startswith("p[4, 1] = ")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert title.inner_text().startswith("W2[1, 1] = ")


@pytest.mark.slow
def test_pages_are_accessible_and_fit_on_a_phone(moons_page: Any, check_with_axe: Any, check_on_a_phone: Any) -> None:
    check_with_axe(moons_page)
    check_on_a_phone(moons_page)
