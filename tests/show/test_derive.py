"""Derivations: the steps equal the gradient, and read like a textbook."""

import inspect
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from latex2mathml.converter import convert

import pellucid as pel
from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Input
from pellucid.graph.op import OPS, OUTPUT
from pellucid.graph.types import is_float
from pellucid.show.derivations.derivation_page import describe_rule
from pellucid.show.derivations.gradient_rules import derive_rule
from pellucid.show.pages.formula_page import HtmlPage, TextStyle
from tests.named_case import name_case


def moons(rng):
    X, y = pel.matrix("X", shape=("n", 2), dtype="float64"), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared(rng.standard_normal((2, 3)), "W1"), pel.shared(np.zeros(3), "b1")
    W2, b2 = pel.shared(rng.standard_normal((3, 2)), "W2"), pel.shared(np.zeros(2), "b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    values = {"X": rng.standard_normal((5, 2)), "y": np.array([0, 1, 1, 0, 1], "int32")}
    return loss, [W1, b1, W2, b2], values


def adder(rng):
    x, y = pel.matrix("x", (4, 2), "float64"), pel.matrix("y", (4, 1), "float64")
    shapes = {"Wx": (2, 3), "Wh": (3, 3), "Wo": (3, 1)}
    Wx, Wh, Wo = (pel.shared(rng.standard_normal(shape), name) for name, shape in shapes.items())
    h = pel.scan(lambda x_t, h: pel.sigmoid(x_t @ Wx + h @ Wh), x, np.zeros(3))
    o = pel.named("o", pel.sigmoid(h @ Wo))
    error = pel.named("E", ((y - o) ** 2).sum() / 2)
    return error, [Wx, Wh, Wo], {"x": rng.standard_normal((4, 2)), "y": rng.standard_normal((4, 1))}


def test_the_moons_network_reads_like_a_textbook(rng):
    loss, parameters, values = moons(rng)
    derivation = pel.derive(loss, parameters, values)
    assert derivation.latex().splitlines()[1:-1] == [
        r"z_{1} &= X W_{1} + b_{1} \\",
        r"h &= \tanh(z_{1}) \\",
        r"z_{2} &= h W_{2} + b_{2} \\",
        r"L &= \sum \left(-\log \operatorname{softmax}(z_{2})_{y}\right) + 0.005 \, "
        r"\left(\sum W_{1}^2 + \sum W_{2}^2\right) \\",
        r"\bar{z}_{2} &= \operatorname{softmax}(z_{2}) - \operatorname{onehot}(y) \\",
        r"\bar{b}_{2} &= \sum_{n} \bar{z}_{2} \\",
        r"\bar{W}_{2} &= 0.01 \, W_{2} + h^\top \bar{z}_{2} \\",
        r"\bar{h} &= \bar{z}_{2} W_{2}^\top \\",
        r"\bar{z}_{1} &= \bar{h} \odot \left(1 - h^2\right) \\",
        r"\bar{b}_{1} &= \sum_{n} \bar{z}_{1} \\",
        r"\bar{W}_{1} &= 0.01 \, W_{1} + X^\top \bar{z}_{1}",
    ]
    assert derivation.max_error() < 1e-14
    notes = {step.name: step.notes for step in derivation.steps}
    assert notes["b1"] == ["b1 is broadcast along n, so its gradient is summed over it"]
    assert notes["W1"] == ["the sum of the gradients along 2 paths from the cost"]


def test_names_that_only_gradients_use_are_defined():
    scores, y = pel.matrix("z", shape=("n", 3)), pel.ivector("y", shape=("n",))
    p = pel.named("p_derived", pel.softmax(scores * 2))
    derivation = pel.derive(pel.losses.sparse_categorical_crossentropy(y, p).sum(), scores)
    lines = str(derivation).splitlines()
    [definition] = [number for number, line in enumerate(lines) if line.strip().startswith("p_derived = softmax(")]
    [use] = [number for number, line in enumerate(lines) if "_bar = p_derived - one_hot(y, 3)" in line]
    assert definition < use
    # A variable of the derivation keeps its name behind its barrier.
    text = str(pel.derive(pel.losses.sparse_categorical_crossentropy(y, p).sum(), [p, scores]))
    assert "softmax(" not in text.split("1.", 1)[1].replace("A = softmax(X)", "")


def test_letters_of_rules_are_not_those_of_the_network(rng):
    X, y, u = pel.matrix("X", shape=("n", 2)), pel.vector("y", shape=("n",)), pel.scalar("u")
    v = pel.shared(rng.normal(size=2), "v")
    z = pel.named("z", pel.tanh(X @ v))
    derivation = pel.derive(pel.named("A", (u * (z - y) ** 2).sum()), [v])
    rules = [rule for step in derivation.steps for rule in step.rules]
    assert len(rules) >= 5
    symbols = {name.removesuffix("_bar").lower() for rule in rules for name in rule.names.values()}
    assert symbols.isdisjoint("xyuvza")
    assert all(len(set(rule.names.values())) == len(rule.names) for rule in rules)
    assert "Elementwise hyperbolic tangent: b = tanh(w) gives w_bar = b_bar * (1 - b ** 2)" in str(derivation)


def test_the_adder_reads_as_backpropagation_through_time(rng):
    error, parameters, values = adder(rng)
    derivation = pel.derive(error, parameters, values)
    lines = derivation.latex().splitlines()
    assert r"h_{t} &= \sigma(x_{t} W_{x} + h_{t-1} W_{h}) \\" in lines
    assert lines[-6:-1] == [
        r"\delta_{t} &= \left(\bar{h}_{t} + g_{t+1}\right) \odot h_{t} \odot \left(1 - h_{t}\right) \\",
        r"g_{T+1} &= 0 \\",
        r"g_{t} &= W_{h} \delta_{t} \\",
        r"\bar{W}_{h} &= \sum_{t} h_{t-1} \otimes \delta_{t} \\",
        r"\bar{W}_{x} &= \sum_{t} x_{t} \otimes \delta_{t}",
    ]
    assert "Wh_bar = sum over t of outer(h[t-1], delta[t])" in str(derivation)
    assert derivation.max_error() < 1e-12
    # The recurrence, computed by hand.
    known = derivation.evaluate_steps(derivation.given)
    h_bar = next(known[s.symbol] for s in derivation.steps if s.name == "h")
    h = next(s.value for s in derivation.steps if s.name == "h")
    Wh, g, total = parameters[1].get_value(), np.zeros(3), np.zeros((3, 3))
    for t in reversed(range(4)):
        delta = (h_bar[t] + g) * (h[t] * (1 - h[t]))
        total += np.outer(h[t - 1] if t else np.zeros(3), delta)
        g = delta @ Wh.T
    np.testing.assert_allclose(derivation.results[1].gradient_value, total)


def test_the_results_name_every_variable(rng):
    error, parameters, values = adder(rng)
    derivation = pel.derive(error, parameters, values)
    result = str(derivation).split("Result of pel.grad:\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in result] == ["Wo_bar", "Wh_bar", "Wx_bar"]
    for name, line in zip(("Wh", "Wx"), result[1:], strict=True):
        number = [step.name for step in derivation.steps].index(name) + 1
        assert line == (
            f"  {name}_bar is in step {number}: pel.grad computes a sum over t in one scan, from the last step to the "
            "first"
        )
    assert derivation.html().count("in one scan, from the last step to the first") == 2
    # Without a variable outside of the scan, and with one whose step is the result already.
    inside = str(pel.derive(error, parameters[:2], values)).split("Result of pel.grad:\n")[1].splitlines()
    assert [line.split()[0] for line in inside[:2]] == ["Wh_bar", "Wx_bar"]
    x, w = pel.vector("x", shape=("n",)), pel.scalar("w")
    chain = pel.tanh(x) ** 2
    both = str(pel.derive((chain * w).sum(), [x, w])).split("Result of pel.grad:\n")[1].splitlines()
    assert [line.split()[0] for line in both] == ["x_bar", "w_bar"]
    assert both[1].endswith(": it uses no other gradient")


def test_steps_are_numbered_and_show_their_values(rng):
    loss, parameters, values = moons(rng)
    written = str(pel.derive(loss, parameters[0], values))
    assert written.startswith("The gradient of L with respect to W1 (2, 3)")
    for line in (
        "1.   z2_bar = softmax(z2) - one_hot(y, 2, dtype=float64)",
        "2.   h_bar = z2_bar @ W2.T",
        "     Matrix product: Z = U @ V gives U_bar = Z_bar @ V.T, V_bar = U.T @ Z_bar",
        "3.   z1_bar = h_bar * (1 - h ** 2)",
        "     Elementwise hyperbolic tangent: Z = tanh(U) gives U_bar = Z_bar * (1 - Z ** 2)",
        "4.   W1_bar = 0.01 * W1 + X.T @ z1_bar",
    ):
        assert line in written.splitlines()
    assert (
        "  W1_bar = 0.01 * W1 + X.T @ (((softmax(z2) - one_hot(y, 2, dtype=float64)) @ W2.T) * (1 - h ** 2))" in written
    )
    assert "W1_bar = [[" in written
    assert "equal those of pel.grad exactly" in written or "of its largest element" in written


def test_names_are_kept_and_intermediate_expressions_can_be_variables(rng):
    loss, parameters, values = moons(rng)
    W1, b1 = parameters[:2]
    X = next(e for e in pel.ancestors(loss) if e.name == "X")
    hidden = pel.tanh(X @ W1 + b1)
    derivation = pel.derive(loss, [hidden, W1], values, names={hidden: "a", loss: "J"})
    assert [s.name for s in derivation.steps] == ["z2", "a", "z1", "W1"]
    assert "a = tanh(z1)" in str(derivation)
    assert derivation.names[derivation.cost] == "J"
    assert derivation.max_error() < 1e-14


def costs():
    rng = np.random.default_rng(3)
    x, w = pel.matrix("x", (3, 4), "float64"), pel.vector("w", (4,), "float64")
    image, kernel = pel.tensor4("image", (2, 6, 6, 1), "float64"), pel.tensor4("kernel", (3, 3, 1, 2), "float64")
    values = {x: rng.uniform(0.5, 2, (3, 4)), w: rng.uniform(0.5, 2, 4)}
    pictures = {image: rng.standard_normal((2, 6, 6, 1)), kernel: rng.standard_normal((3, 3, 1, 2))}
    yield "mean", (x * w).mean(), [x, w], values
    yield "quotient", (x / w).sum() ** 2, [x, w], values
    yield "softmax", (pel.softmax(x) * pel.log_softmax(x * w)).sum(), [w], values
    yield "twice", (w @ w) * w.sum(), [w], values
    yield "itself", w.sum(), [w], values
    yield "parts", (x[1:, ::2] ** 3).sum() + x[0, 0], [x], values
    yield "where", pel.where(x > w, x, w * 2).sum(), [x, w], values
    yield "convolution", pel.max_pool(pel.relu(pel.conv(image, kernel))).sum(), [kernel], pictures
    yield "loop", pel.scan(lambda x_t, s: pel.tanh(s * w + x_t), x, np.zeros(4))[-1].sum(), [x, w], values
    yield (
        "checkpoints",
        (pel.scan(lambda a, s: pel.tanh(s * w + a), x, np.zeros(4), checkpoint=2) ** 2).sum(),
        [w],
        values,
    )
    yield "two loops", loops_on_loops(x, w), [w], values


def loops_on_loops(x, w):
    h = pel.scan(lambda x_t, s: pel.tanh(s * w + x_t), x, np.zeros(4))
    return (pel.scan(lambda h_t, s: s + h_t * w, h, np.zeros(4)) ** 2).sum()


@pytest.mark.parametrize(("cost", "wrt", "values"), [pytest.param(*c[1:], id=c[0]) for c in costs()])
def test_the_steps_evaluate_to_the_gradient(cost, wrt, values):
    derivation = pel.derive(cost, wrt, values)
    assert derivation.max_error() < 1e-12
    expected = evaluate(np, list(pel.grad(cost, wrt)), values)
    for step, true in zip(derivation.results, expected, strict=True):
        np.testing.assert_allclose(np.broadcast_to(step.gradient_value, true.shape), true, rtol=1e-12)
    assert str(derivation).count("_bar = ") >= len(wrt)
    assert convert(derivation.latex()).startswith("<math")
    assert "<ol" in derivation.html()


@pytest.mark.parametrize("part", range(3))
def test_every_op_has_a_rule(part):
    names = sorted(n for n, op in OPS.items() if op.grad is not None and op is not OUTPUT)
    for name in names[part::3]:
        with name_case(name):
            check_rule(OPS[name])


def check_rule(op):
    if op.examples is not None:
        operands, settings = op.examples(np.random.default_rng(0))[0]
        inputs = [Input(f"x{i}", np.shape(o), np.asarray(o).dtype) for i, o in enumerate(operands)]
    else:
        settings = {}
        dtypes = ["bool"] * op.conditions + ["float64"] * (len(op.operands) - op.conditions)
        inputs = [Input(f"x{i}", (2, 3), dtype) for i, dtype in enumerate(dtypes)]
    made = op.function(*inputs, **settings)
    node = made[0].inputs[0] if isinstance(made, list) else made
    rule = derive_rule(node)
    if rule.result is None:
        assert rule.description.startswith("Backpropagation through time")
        return
    assert {x for x, _ in rule.gradients} <= {x for x in rule.result.inputs if is_float(x.dtype)}
    assert " gives " in "".join(describe_rule(rule, TextStyle()))
    page = HtmlPage()
    page.note(*describe_rule(rule, page))
    assert "<math" in page.render()


def test_pages_are_self_contained_and_large_arrays_are_summarized(rng):
    loss, parameters, _ = moons(rng)
    many = {"X": rng.standard_normal((300, 2)), "y": rng.integers(0, 2, 300).astype("int32")}
    derivation = pel.derive(loss, parameters, many)
    page = derivation.html()
    assert "The gradient of L" in page
    assert "http:" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "<script" not in page
    assert "shape (300, 3), from " in str(derivation)
    assert pel.derive(loss, parameters)._repr_latex_().startswith("$")
    assert "Check:" not in str(pel.derive(loss, parameters))


def test_checkpoints_are_not_shown():
    x, w = pel.vector("x", (6,), "float64"), pel.scalar("w", "float64")
    plain, marked = (pel.scan(lambda a, s: pel.tanh(a + w * s), x, np.array(0.0), checkpoint=c) for c in (None, 2))
    assert str(pel.derive(plain.sum(), w)) == str(pel.derive(marked.sum(), w))


@contextmanager
def recursion_limit(limit):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.slow
def test_long_chains_are_derived():
    e = x = pel.vector("x", (3,), "float64")
    for _ in range(100):
        e = pel.tanh(e * 1.01)
    with recursion_limit(len(inspect.stack()) + 100):
        derivation = pel.derive(e.sum(), x, {"x": np.ones(3)})
    assert len(derivation.steps) == 101
    assert derivation.max_error() < 1e-12


def test_invalid_arguments_are_refused(rng):
    loss, parameters, values = moons(rng)
    v = pel.vector("v")
    with pytest.raises(pel.GradientError, match="Expected a scalar cost"):
        pel.derive(v * 2, v)
    with pytest.raises(pel.DisconnectedError, match="does not depend on v"):
        pel.derive(loss, v)
    with pytest.raises(pel.InputError, match=r"no value was given for y.*Received one for 'Y'.*Give \{'y': array\}"):
        pel.derive(loss, parameters, {"X": values["X"], "Y": values["y"]})
    with pytest.raises(pel.ShapeError, match=r"X has shape .n, 2.. Received: a value of shape .5, 3."):
        pel.derive(loss, parameters, {**values, "X": np.zeros((5, 3))})
    with pytest.raises(pel.ShapeError, match=r"pel.derive: X has shape .n, 2.\. Received: a value of shape .5,."):
        pel.derive(loss, parameters, {**values, "X": np.zeros(5)})
    with pytest.raises(ValueError, match=r"Checking the steps needs values: pel.derive\(cost, wrt, values="):
        pel.derive(loss, parameters).max_error()


def test_an_unreached_variable_is_a_step_of_zero() -> None:
    x = pel.vector("x")
    derivation = pel.derive((2 * pel.round(x)).sum(), x, {x: [1.0, 2.5]})
    assert [(s.name, str(s.gradient)) for s in derivation.steps] == [("x", "0")]
    assert "no gradient reaches x" in str(derivation)
    assert "equal those of pel.grad exactly" in str(derivation)


def test_names_above_an_intermediate_variable_are_kept() -> None:
    x, w, v = pel.matrix("x"), pel.shared([[0.5]], "w"), pel.shared([[2.0]], "v")
    h = pel.named("h", pel.tanh(x @ w))
    s = pel.named("s", h @ v)
    derivation = pel.derive((s**2).sum(), h)
    assert [step.name for step in derivation.steps] == ["s", "h"]


@pytest.mark.parametrize("wrong", range(4))
def test_a_wrong_step_of_any_variable_is_the_largest_error(rng, wrong):
    loss, parameters, values = moons(rng)
    derivation = pel.derive(loss, parameters, values)
    derivation.gradients[wrong] = 1.5 * derivation.gradients[wrong]
    assert derivation.max_error() == pytest.approx(1 / 3)
