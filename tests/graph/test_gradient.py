"""Tests of reverse-mode gradients."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DisconnectedError, DtypeError, GradientError, ShapeError
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.op_decorator import op
from pellucid.graph.traversal import topological


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_gradient_of_a_weighted_sum() -> None:
    x, W = pel.vector("x"), pel.shared([0.2, 0.7], name="W")
    assert pel.grad((x * W).sum(), W) is x


def test_result_structure_follows_wrt(check_gradient: Any) -> None:
    x, y = Input("x", (3,), "float64"), Input("y", (3,), "float64")
    cost = (pel.tanh(x) * y).sum()
    assert isinstance(pel.grad(cost, x), Expr)
    assert len(pel.grad(cost, [x, y])) == 2
    assert pel.grad(cost, []) == []
    check_gradient(cost, {x: floats(3), y: floats(3, seed=1)}, [x, y])


def test_gradient_with_respect_to_an_intermediate_expression(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    h = pel.sin(x)
    cost = (h**2).sum() + h[0]
    [found] = by_numpy([pel.grad(cost, h)], {x: floats(3)})
    np.testing.assert_allclose(found, 2 * np.sin(floats(3)) + [1, 0, 0])


def test_gradient_with_respect_to_the_cost() -> None:
    cost = pel.vector("x").sum()
    assert str(pel.grad(cost, cost)) == "1"


def test_gradient_with_respect_to_expressions_that_simplification_removes(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    doubled = x + x
    logits = pel.exp(x)
    cost = pel.log(logits.sum()) + (doubled * 1).sum()
    by_doubled, by_logits = by_numpy(pel.grad(cost, [doubled, logits]), {x: floats(3)})
    np.testing.assert_allclose(by_doubled, np.ones(3))
    np.testing.assert_allclose(by_logits, np.full(3, 1 / np.exp(floats(3)).sum()))


def test_gradient_with_respect_to_nested_expressions(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    inner = pel.tanh(x)
    middle = inner * x
    outer = pel.sin(middle)
    cost = outer.sum() + inner.sum()
    value = floats(3)
    t, m = np.tanh(value), np.tanh(value) * value
    by_x, by_inner, by_middle, by_outer = by_numpy(pel.grad(cost, [x, inner, middle, outer]), {x: value})
    np.testing.assert_allclose(by_outer, np.ones(3))
    np.testing.assert_allclose(by_middle, np.cos(m))
    np.testing.assert_allclose(by_inner, np.cos(m) * value + 1)
    np.testing.assert_allclose(by_x, np.cos(m) * t + (np.cos(m) * value + 1) * (1 - t**2))


def test_results_have_no_barriers() -> None:
    x = pel.vector("x")
    h = pel.tanh(x)
    found = pel.grad((pel.grad((h**2).sum(), h) * h).sum(), h)
    assert not any(n.op is not None and n.op.name == "grad_barrier" for n in topological([found]))


@pytest.mark.parametrize(
    "build",
    [
        lambda x: (x * x).sum(),
        lambda x: (x + x).sum(),
        lambda x: (x / x).sum() + x.sum(),
        lambda x: x @ x,
        lambda x: pel.maximum(x, x).sum(),
        lambda x: pel.where(x > 0, x, x).sum(),
        lambda x: (pel.concatenate([x, x]) ** 2).sum(),
        lambda x: (pel.exp(x) ** x).sum(),
    ],
)
def test_repeated_operands(build: Any, check_gradient: Any) -> None:
    x = Input("x", (3,), "float64")
    check_gradient(build(x), {x: np.array([0.3, -0.7, 1.1])}, [x])


def test_disconnected_variables() -> None:
    x, y = pel.vector("x"), pel.vector("y", shape=(4,))
    with pytest.raises(DisconnectedError, match=r"does not depend on y\. .* disconnected='zero'"):
        pel.grad(x.sum(), y)
    zero = pel.grad(x.sum(), y, disconnected="zero")
    assert zero.shape == (4,)
    with pytest.raises(
        ValueError, match=r"Expected disconnected to be 'raise' or 'zero'. Received: disconnected='none'"
    ):
        pel.grad(x.sum(), y, disconnected="none")


def test_gradient_through_constant_functions_is_zero(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    by_floor, by_stopped = pel.grad((pel.floor(x) * 2).sum(), x), pel.grad(pel.stop_gradient(x).sum(), x)
    for found in by_numpy([by_floor, by_stopped], {x: floats(3)}):
        np.testing.assert_array_equal(found, np.zeros(3))


def test_integers_and_arrays_raise_errors() -> None:
    i, x = pel.ivector("i"), pel.vector("x")
    with pytest.raises(GradientError, match=r"A gradient needs real numbers. Received: i, which is int32"):
        pel.grad((x[i]).sum(), i)
    with pytest.raises(GradientError, match=r"A gradient needs real numbers. Received: i.sum"):
        pel.grad(i.sum(), x, disconnected="zero")
    with pytest.raises(GradientError, match=r"Expected a scalar cost. Received: x \* 2, of shape \(\?,\)"):
        pel.grad(x * 2, x)
    with pytest.raises(GradientError, match="Expected expressions"):
        pel.grad(x.sum(), np.ones(3))  # type: ignore[call-overload]
    with pytest.raises(GradientError, match="Expected expressions"):
        pel.grad(2.0, x)  # type: ignore[call-overload]


def test_the_error_names_an_op_without_a_gradient() -> None:
    @op(name="opaque_for_this_test")
    def opaque(xp: Any, x: Any) -> Any:
        return x

    x = pel.vector("x")
    with pytest.raises(GradientError, match="opaque_for_this_test has no gradient, and the cost depends on"):
        pel.grad(opaque(x).sum(), x)


def test_results_of_gradient_rules_are_checked() -> None:
    @op(name="number_for_this_test", grad=lambda g, y, x: 3.0)
    def number(xp: Any, x: Any) -> Any:
        return x

    @op(name="one_for_this_test", grad=lambda g, y, a, b: g)
    def one(xp: Any, a: Any, b: Any) -> Any:
        return a * b

    x = pel.vector("x")
    assert str(pel.grad(number(x).sum(), x)) == "broadcast_like(3, x)"
    with pytest.raises(GradientError, match=r"one expression, or None, for each of its 2 operands. Received: 1 from"):
        pel.grad(one(x, x + 1).sum(), x)


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 1), (1, 3)),
        ((2, 3), ()),
        ((1, 1), (2, 3)),
        ((1,), (2, 3)),
        ((4, 1, 3), (2, 1)),
    ],
)
def test_gradient_of_broadcast_operands(shapes: Any, check_gradient: Any) -> None:
    x, y = (Input(n, s, "float64") for n, s in zip("xy", shapes, strict=True))
    values = {x: floats(*shapes[0]), y: 2 + floats(*shapes[1], seed=1) ** 2}
    check_gradient((x * y + pel.sin(x) / y).sum(), values, [x, y])
    check_gradient(pel.square(x - y).mean(), values, [x, y])


def test_gradients_have_named_dimensions() -> None:
    X, W = pel.matrix("X", shape=("n", 2)), pel.shared(np.zeros((2, 3), "float32"), "W")
    b = pel.shared(np.zeros(3, "float32"), "b")
    by_X, by_W, by_b = pel.grad(pel.tanh(X @ W + b).mean(), [X, W, b])
    assert by_X.shape == ("n", 2)
    assert by_W.shape == (2, 3)
    assert by_b.shape == (3,)
    assert {g.dtype.name for g in (by_X, by_W, by_b)} == {"float32"}


def test_gradient_is_summed_over_a_named_broadcast_axis(by_numpy: Any) -> None:
    x, b = Input("x", ("n", 3), "float64"), Input("b", (3,), "float64")
    [found] = by_numpy([pel.grad((x + b).sum(), b)], {x: floats(5, 3), b: floats(3)})
    np.testing.assert_array_equal(found, np.full(3, 5.0))


def test_gradients_have_the_dtype_of_their_variable(by_numpy: Any) -> None:
    x, y = Input("x", (3,), "float32"), Input("y", (3,), "float64")
    by_x, by_y = pel.grad((x * y).sum(), [x, y])
    assert (by_x.dtype.name, by_y.dtype.name) == ("float32", "float64")


def test_integer_operands_have_no_gradient(by_numpy: Any) -> None:
    x, i = Input("x", (3,), "float64"), Input("i", (3,), "int32")
    [found] = by_numpy([pel.grad((x * i).sum(), x)], {x: floats(3), i: np.array([1, 2, 3], "int32")})
    np.testing.assert_array_equal(found, [1, 2, 3])


def test_hessian_of_a_quadratic_form(by_numpy: Any) -> None:
    x, A = Input("x", (3,), "float64"), floats(3, 3)
    gradient = pel.grad(x @ A @ x, x)
    rows = [pel.grad(gradient[i], x) for i in range(3)]
    np.testing.assert_allclose(np.stack(by_numpy(rows, {x: floats(3, seed=1)})), A + A.T)


def test_third_derivative(by_numpy: Any) -> None:
    x = Input("x", (), "float64")
    third = pel.grad(pel.grad(pel.grad(x**4, x), x), x)
    np.testing.assert_allclose(by_numpy([third], {x: np.array(2.0)}), [48.0])


def test_power_at_and_below_zero(by_numpy: Any) -> None:
    x, y = Input("x", (3,), "float64"), Input("y", (), "float64")
    cost = (x**y).sum()
    by_x, by_y = by_numpy(pel.grad(cost, [x, y]), {x: np.array([0.0, -2.0, 3.0]), y: np.array(2.0)})
    np.testing.assert_allclose(by_x, [0, -4, 6])
    np.testing.assert_allclose(by_y, 9 * np.log(3))


def test_gradients_at_ties(by_numpy: Any) -> None:
    x, y = Input("x", (2,), "float64"), Input("y", (2,), "float64")
    equal = {x: np.ones(2), y: np.ones(2)}
    costs = [pel.maximum(x, y).sum(), pel.minimum(x, y).sum()]
    for cost in costs:
        by_x, by_y = by_numpy(pel.grad(cost, [x, y]), equal)
        np.testing.assert_array_equal(by_x, [1, 1])
        np.testing.assert_array_equal(by_y, [0, 0])
    np.testing.assert_array_equal(by_numpy([pel.grad(x.max(), x)], equal)[0], [0.5, 0.5])
    for f, expected in [(pel.relu, 0.0), (pel.abs, 0.0)]:
        [found] = by_numpy([pel.grad(f(x).sum(), x)], {x: np.zeros(2)})
        np.testing.assert_array_equal(found, [expected, expected])


def test_gradient_of_a_network(check_gradient: Any) -> None:
    X, Y = Input("X", ("n", 2), "float64"), Input("Y", ("n",), "int32")
    shapes = [(2, 3), (3,), (3, 2), (2,)]
    parameters = [Input(f"p{i}", s, "float64") for i, s in enumerate(shapes)]
    W1, b1, W2, b2 = parameters
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = -pel.log(pel.take_along_axis(p, Y[:, None])).mean() + 0.01 * ((W1**2).sum() + (W2**2).sum())
    values: dict[Any, Any] = {w: floats(*s, seed=i) for i, (w, s) in enumerate(zip(parameters, shapes, strict=True))}
    values |= {X: floats(5, 2), Y: np.array([0, 1, 1, 0, 1], "int32")}
    check_gradient(loss, values, parameters)


def test_gradient_with_respect_to_a_shared_variable() -> None:
    w = Shared([1.0, 2.0], "w")
    assert str(pel.grad((w**2).sum(), w)) == "2 * w"


def test_consider_constant(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    y = pel.tanh(x)
    cost = (x * y + y**2).sum()
    assert str(pel.grad((x * y).sum(), x, consider_constant=y)) == "tanh(x)"
    [found, by_y] = by_numpy(pel.grad(cost, [x, y], consider_constant=[y]), {x: floats(3)})
    np.testing.assert_allclose(found, np.tanh(floats(3)))
    np.testing.assert_allclose(by_y, floats(3) + 2 * np.tanh(floats(3)))
    doubled = x + x
    [found] = by_numpy([pel.grad((doubled * x).sum(), x, consider_constant=doubled)], {x: floats(3)})
    np.testing.assert_allclose(found, 2 * floats(3))


def test_invalid_consider_constant_raises_errors() -> None:
    x, z = pel.vector("x"), pel.vector("z")
    y = pel.tanh(x)
    with pytest.raises(DisconnectedError, match="does not depend on x"):
        pel.grad((y * z).sum(), x, consider_constant=y)
    with pytest.raises(GradientError, match=r"consider_constant: expected expressions inside the cost. Received: z"):
        pel.grad(y.sum(), x, consider_constant=z)
    with pytest.raises(GradientError, match=r"consider_constant: .* Received: 3"):
        pel.grad(y.sum(), x, consider_constant=[3])


def test_known_gradients_without_a_cost(by_numpy: Any) -> None:
    x, g = Input("x", (3,), "float64"), Input("g", (3,), "float64")
    y, z = pel.tanh(x), pel.sin(x)
    assert str(pel.grad(None, x, known_grads={y: g})) == "g * (1 - tanh(x) ** 2)"
    values = {x: floats(3), g: floats(3, seed=1)}
    [found] = by_numpy([pel.grad(None, x, known_grads={y: g, z: np.ones(3)})], values)
    np.testing.assert_allclose(found, values[g] * (1 - np.tanh(values[x]) ** 2) + np.cos(values[x]))


def test_known_gradients_replace_computed_ones(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    y = pel.tanh(x)
    cost = (y**3).sum() + (x**2).sum()
    by_x, by_y = by_numpy(pel.grad(cost, [x, y], known_grads={y: [1.0, 2.0, 3.0]}), {x: floats(3)})
    np.testing.assert_allclose(by_y, [1, 2, 3])
    np.testing.assert_allclose(by_x, by_y * (1 - np.tanh(floats(3)) ** 2) + 2 * floats(3))


def test_known_gradient_of_the_cost() -> None:
    x = pel.vector("x")
    cost = x.sum()
    assert str(pel.grad(cost, [cost, x], known_grads={cost: 2.0})) == "[2, broadcast_like(2, x)]"


def test_invalid_known_gradients_raise_errors() -> None:
    import jax.numpy as jnp

    x, i = pel.vector("x", shape=(3,)), pel.ivector("i")
    y = pel.tanh(x)
    with pytest.raises(
        ShapeError, match=r"gradient of tanh\(x\) must have its shape, \(3,\). Received: .* shape \(2,\)"
    ):
        pel.grad(None, x, known_grads={y: [1.0, 2.0]})
    with pytest.raises(DtypeError, match=r"must have its dtype, float32. Received: .* float64; cast it"):
        pel.grad(None, x, known_grads={y: np.ones(3)})
    with pytest.raises(DtypeError, match=r"must have its dtype, float32. Received: .* float16; cast it"):
        pel.grad(None, x, known_grads={y: jnp.ones(3, "float16")})  # an array of JAX has a dtype too
    with pytest.raises(GradientError, match=r"Expected a cost, or known_grads=.* Received: neither of them"):
        pel.grad(None, x)
    with pytest.raises(GradientError, match=r"known_grads: expected a mapping .* Received: \[3\]"):
        pel.grad(None, x, known_grads=[3])  # type: ignore[call-overload]
    with pytest.raises(GradientError, match=r"Expected expressions: known_grads="):
        pel.grad(None, x, known_grads={"y": 1.0})  # type: ignore[dict-item]
    with pytest.raises(GradientError, match=r"A gradient needs real numbers. Received: i"):
        pel.grad(None, x, known_grads={i: 1})


def test_second_gradient_with_respect_to_an_expression_that_simplification_removes(by_numpy: Any) -> None:
    x = Input("x", (3,), "float64")
    doubled = x + x
    first = pel.grad((doubled**3).sum(), doubled)
    second = pel.grad(first.sum(), doubled)
    [found] = by_numpy([second], {x: floats(3)})
    np.testing.assert_allclose(found, 6 * 2 * floats(3))


def test_time_is_nearly_linear_in_the_graph_size() -> None:
    def seconds(count: int) -> float:
        inputs = [Input(f"x{i}", (3,), "float64") for i in range(count)]
        cost: Any = 0.0
        for x in inputs:
            cost = cost + pel.sin(x * x).sum()
        start = time.process_time()
        pel.grad(cost, inputs)
        return time.process_time() - start

    small, large = min(seconds(50) for _ in range(3)), seconds(500)
    assert large < 40 * small
