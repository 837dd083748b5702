"""`why`: the arithmetic of an element adds up to its value, for every op."""

import numpy as np
import pytest
from latex2mathml.converter import convert

import pellucid as pel
from pellucid.graph.expr import Input
from pellucid.graph.op import OPS, OUTPUT
from pellucid.graph.subgraph import Subgraph
from pellucid.show.why.element_arithmetic import Why
from tests.named_case import name_case

X = pel.matrix("X", shape=("n", 2))
DATA = {"X": np.array([[0.5, -1.0], [2.0, 0.25], [-3.0, 4.0]], "float32")}
W, b = pel.shared([[1.0, -2.0], [0.5, 3.0]], "W"), pel.shared([0.125, -1.0], "b")


def lines(*args, **settings):
    return [line.strip() for line in str(pel.why(*args, **settings)).splitlines()]


def test_an_element_of_a_layer_is_a_sum_of_products():
    assert lines(X @ W + b, (2, 1), DATA) == [
        "z[2, 1] = 17",
        "= X[2, 0] * W[0, 1] + X[2, 1] * W[1, 1] + b[1]",
        "= (-3) * (-2) + 4 * 3 + (-1)",
        "where z = X @ W + b",
    ]


def test_element_indices_differ_from_indices_of_names():
    W2 = pel.shared([[1.0], [2.0]], "W2")
    assert r"X_{0, 0} \, (W_{2})_{0, 0} + X_{0, 1} \, (W_{2})_{1, 0}" in pel.why(X @ W2, (0, 0), DATA).latex()


@pytest.mark.parametrize(
    ("made", "written"),
    [
        (X * 1e-9, r"5 \cdot 10^{-10}"),
        (X / 0, r"\infty"),
        (X > 0, r"\mathrm{true}"),
    ],
)
def test_the_value_of_an_element_is_latex(made, written):
    assert pel.why(made, (0, 0), DATA).latex().splitlines()[-2] == f"&= {written}"


def test_levels_are_nested():
    p = pel.softmax(pel.tanh(X @ W) @ W + b)
    w = pel.why(p, (1, 0), DATA, depth=3)
    written = str(w)
    assert "= exp(z[1, 0] - max(z[1, 0], z[1, 1])) / (exp(" in written
    assert "z[1, 0] = " in written
    assert "= h[1, 0] * W[0, 0] + h[1, 1] * W[1, 0] + b[0]" in written
    assert "h[1, 0] = " in written
    assert str(pel.why(p, (1, 0), DATA)).splitlines()[:3] == str(w.expand(1)).splitlines()[:3]
    assert {o.name for o in w.where("X")} == {"X[1, 0]", "X[1, 1]"}
    assert {o.name for o in w.where("W")} == {"W[0, 0]", "W[0, 1]", "W[1, 0]", "W[1, 1]"}


def test_automatic_names_avoid_used_names():
    h = pel.named("h", pel.tanh(X @ W))
    written = str(pel.why(pel.exp(-pel.named("p", pel.softmax(h))), (0, 0), DATA, depth=3))
    assert written.startswith("h1[0, 0] = ")
    assert "where h1 = exp(-p)" in written


def test_arithmetic_stops_at_names():
    h = pel.named("hidden", pel.tanh(X @ W))
    w = pel.why((h * 2).sum(axis=1), 0, DATA)
    assert [o.name for o in w.where("hidden")] == ["hidden[0, 0]", "hidden[0, 1]"]
    assert "hidden" in str(pel.why(h * 2, (0, 0), DATA))
    assert pel.why(h, (0, 1), DATA).name == "hidden[0, 1]"
    assert pel.why(pel.exp(X), (0, 0), DATA, names={pel.exp(X): "e"}).name == "e[0, 0]"


@pytest.mark.parametrize(
    ("made", "index", "expected"),
    [
        (X.T[::-1], (1, 2), "X[2, 0] = -3"),
        (pel.concatenate([X, X * 0 + 1]), (1, 1), "X[1, 1] = 0.25"),
        (pel.where(X > 0, X, 10 * X), (0, 1), "= where(X[0, 1] > 0, X[0, 1], 10 * X[0, 1])"),
        (X.max(axis=0), (1,), "= max(X[0, 1], X[1, 1], X[2, 1])"),
        (X.mean(axis=0), (0,), "= (X[0, 0] + X[1, 0] + X[2, 0]) / 3"),
        (X.sum() * 2, (), "= c1 * 2"),
        (pel.cumsum(X, axis=0), (1, 0), "= X[0, 0] + X[1, 0]"),
        (X - X.mean(), (0, 0), "= X[0, 0] - (X[0, 0] + X[0, 1]"),
        (pel.relu(X @ W), (0, 0), "= relu(z[0, 0])"),
        (pel.argmax(X, axis=1), (1,), "= argmax(X[1, 0], X[1, 1])"),
        (pel.constant([1.0, 2.0]) * X[0], (1,), "= 2 * X[0, 1]"),
    ],
)
def test_every_kind_of_op_shows_its_operands(made, index, expected):
    written = str(pel.why(made, index, DATA))
    assert any(line.strip().startswith(expected) for line in written.splitlines()), written


@pytest.mark.parametrize("select", [lambda x: x.max(axis=1), lambda x: pel.sort(x, axis=1)[:, 1]])
def test_a_selected_element_depends_on_all_that_it_is_selected_from(select):
    x = pel.matrix("x", (40, 3), "float64")
    values = {"x": np.random.default_rng(0).normal(size=(40, 3))}
    assert [len(pel.why(select(x), i, values).where("x")) for i in range(40)] == [3] * 40


def test_a_one_hot_element_depends_on_the_class():
    y = pel.ivector("y", (2,))
    assert lines(pel.one_hot(y, 5), (0, 4), {"y": [0, 4]})[1:3] == ["= one_hot(y[0], 5)", "= one_hot(0, 5)"]


def test_an_element_that_no_operand_reaches_is_zero():
    p, y = pel.matrix("p", (2, 3)), pel.ivector("y", (2,))
    gradient = pel.grad(pel.take_along_axis(p, y[:, None]).sum() * 2, p)
    values = {"p": np.ones((2, 3)), "y": [2, 0]}
    assert lines(gradient, (0, 1), values)[1] == "= 0"


def test_a_long_sum_of_computed_elements_is_traced_at_once():
    x = pel.matrix("x", ("n", 50), "float64")
    w = pel.why((2 * x).T @ x, (0, 1), {"x": np.random.default_rng(0).normal(size=(1000, 50))})
    assert len(w.operands) == 2000
    assert len(w.env.moves) <= 3  # the transposition is not traced for each of its elements


def test_a_window_of_an_image_is_shown():
    image, kernel = pel.tensor4("image", (1, 4, 4, 1)), pel.tensor4("kernel", (2, 2, 1, 1))
    values = {"image": np.arange(16.0, dtype="float32").reshape(1, 4, 4, 1), "kernel": np.ones((2, 2, 1, 1), "float32")}
    assert "image[0, 1, 2, 0] * kernel[0, 0, 0, 0] + " in str(pel.why(pel.conv(image, kernel), (0, 1, 2, 0), values))
    pooled = lines(pel.max_pool(image), (0, 1, 1, 0), values)
    assert pooled[1] == "= max_pool(image[0, 2, 2, 0], image[0, 2, 3, 0], image[0, 3, 2, 0], image[0, 3, 3, 0])"


def test_a_loop_is_explained_step_by_step():
    x, w = pel.vector("x", (4,)), pel.shared(0.5, "w")
    h = pel.scan(lambda x_t, before: pel.tanh(x_t + w * before), x, 0.0)
    why = pel.why(h, 3, {"x": [1.0, 2.0, 3.0, 4.0]}, depth=2)
    assert "= tanh(x[3] + w * h[2])" in str(why)
    assert "= tanh(x[2] + w * h[1])" in str(why)
    assert sorted(o.name for o in why.where("x")) == ["x[0]", "x[1]", "x[2]", "x[3]"]
    assert "h[3] * 2" in str(pel.why(h[-1] * 2, (), {"x": [1.0, 2.0, 3.0, 4.0]}))
    back = pel.scan(lambda x_t, s: x_t * s, x, 2.0, reverse=True)
    assert "= x[0] * h[1]" in str(pel.why(back, 0, {"x": [1.0, 2.0, 3.0, 4.0]}))


def test_long_sums_name_their_largest_terms():
    x, v = pel.vector("x", (1000,)), pel.vector("v", (1000,))
    values = {"x": np.where(np.arange(1000) == 700, 50, 0.1).astype("float32"), "v": np.ones(1000, "float32")}
    written = str(pel.why(x @ v, (), values))
    assert "x[700] * v[700]" in written
    assert "(994 more)" in written
    assert len(written) < 600


@pytest.mark.slow
def test_very_deep_graphs_are_supported():
    e = pel.scalar("a")
    for _ in range(3000):
        e = pel.tanh(e) * 1.01
    w = pel.why(e, (), {"a": 0.5}, depth=3)
    assert len(str(w)) < 5000
    assert [o.name for o in w.where("a")] == ["a"]


CASES = sorted(n for n, op in OPS.items() if op is not OUTPUT and n not in ("grad_barrier",))


def make_example(op, rng):
    """Return an op on inputs, and values of the inputs."""
    if op.examples is not None:
        operands, settings = op.examples(rng)[0]
    else:
        domains = op.domain if isinstance(op.domain[0], tuple) else (op.domain,) * len(op.operands)
        real = "f" in op.accepts
        operands = [rng.uniform(*d, (2, 3)) if real else rng.integers(0, 4, (2, 3)) for d in domains]
        operands[: op.conditions] = [rng.random((2, 3)) > 0.5 for _ in range(op.conditions)]
        settings = {}
    arrays = [np.asarray(o) for o in operands]
    inputs = [Input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    made = op.function(*inputs, **settings)
    return made[0] if isinstance(made, list) else made, dict(zip(inputs, arrays, strict=True))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("part", range(3))
def test_every_op_of_the_registry_is_explained(part):
    for name in CASES[part::3]:
        with name_case(name):
            check_explanation(OPS[name])


def check_explanation(op):
    made, values = make_example(op, np.random.default_rng(0))
    found = pel.why(made, (0,) * made.ndim, values)
    if not np.prod(np.shape(found.env.value(made))):
        return
    assert found.name in str(found)
    assert convert(found.latex()).startswith("<math")
    if found.kind == "sum":
        total = sum(t.factor * float(found.operand(t.place).value) for t in found.provenance.terms)
        assert total == pytest.approx(float(found.value), rel=1e-5, abs=1e-9)
    if found.kind == "moved":
        assert found.operands[0].value == found.value
    if found.kind == "applied" and not any(isinstance(v, Subgraph) for v in found.source[1].settings.values()):
        _, expr, _ = found.source
        again = expr.op.value(
            np, *(np.asarray(found.operand(p).value) for p in found.provenance.places), **expr.settings
        )
        np.testing.assert_allclose(again, found.value, rtol=1e-6)


def test_pages_are_self_contained():
    w = pel.why(pel.softmax(X @ W + b), (0, 1), DATA)
    page = w.html()
    assert "<h1>Arithmetic of p[0, 1]</h1>" in page
    assert "<details>" in page
    assert "http:" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert w._repr_latex_().startswith("$")
    assert isinstance(w, Why)


def test_invalid_arguments_are_refused():
    with pytest.raises(TypeError, match=r"pel.why\(x \+ y, index, inputs\). Received: 3"):
        pel.why(3, 0)
    with pytest.raises(pel.UseError, match=r"integers such as \(2, 1\). Received: 0.5"):
        pel.why(X @ W, 0.5, DATA)
    with pytest.raises(TypeError, match=r"integers such as \(2, 1\). Received: \(0.5, 1\)"):
        pel.why(X @ W, (0.5, 1), DATA)
    with pytest.raises(
        pel.ShapeError, match=r"X @ W has shape \(3, 2\) here\. Expected an index of 2 integers\. Received: 1"
    ):
        pel.why(X @ W, 1, DATA)
    with pytest.raises(pel.ShapeError, match=r"Axis 0 has 3 elements\. Received: index \(3, 0\)"):
        pel.why(X @ W, (3, 0), DATA)
    with pytest.raises(pel.InputError, match="no value was given for X"):
        pel.why(X @ W, (0, 0))
    with pytest.raises(pel.InputError, match=r"expected values for inputs\. Received: a value for X @ W"):
        pel.why(X @ W + 1, (0, 0), {**DATA, X @ W: 1})
    with pytest.raises(pel.InputError, match=r"z\[0, 0\] does not depend on anything named 'V'.*It depends on: .*W"):
        pel.why(X @ W, (0, 0), DATA).where("V")
