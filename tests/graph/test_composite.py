"""Tests of composite ops and custom ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import PellucidError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.traversal import topological


def swish() -> Any:
    @pel.composite(tex=r"\operatorname{{swish}}({0:_})")
    def swish_here(x: Expr, beta: float = 1.0) -> Expr:
        """A smooth ramp."""
        return x * pel.sigmoid(beta * x)

    return swish_here


def has_swish(expr: Expr) -> bool:
    return any(n.op is not None and n.op.name == "swish_here" for n in topological([expr]))


def test_composite_op_is_printed_by_name_and_can_be_expanded() -> None:
    f, x = swish(), pel.vector("x", shape=("n",))
    y = f(x, beta=2.0)
    assert str(y) == "swish_here(x, beta=2.0)"
    assert pel.latex(f(x)) == r"\operatorname{swish}(x)"
    assert (y.shape, y.dtype.name) == (("n",), "float32")
    assert str(pel.expand(y)) == "x * sigmoid(2 * x)"
    assert f(x) is f(x)
    assert f(x) is f(x, beta=1.0)
    assert f(x) is not y
    assert f.__doc__ == "A smooth ramp."
    assert pel.swish_here is f


def test_gradient_contains_the_composite_op() -> None:
    f, x, t = swish(), pel.vector("x"), pel.vector("t")
    found = pel.grad(((f(x) - t) ** 2).sum(), x)
    assert has_swish(found)
    assert has_swish(pel.grad(found.sum(), x))


def test_values_and_gradients_equal_those_of_the_definition(by_numpy: Any, by_xla: Any) -> None:
    f, x = swish(), Input("x", (2, 3), "float64")
    values = {x: np.random.default_rng(0).normal(size=(2, 3))}
    composite, definition = f(x, beta=1.5), x * pel.sigmoid(1.5 * x)
    pairs = [(composite, definition), (pel.grad((composite**2).sum(), x), pel.grad((definition**2).sum(), x))]
    for a, b in pairs:
        for run in (by_numpy, by_xla):
            np.testing.assert_allclose(run([a], values), by_numpy([b], values), rtol=1e-12)
    pel.check_op(f, values[x], beta=2.0)


def test_gradient_of_a_repeated_operand_in_a_loop(check_gradient: Any) -> None:
    @pel.composite()
    def blend_here(x: Expr, y: Expr) -> Expr:
        """A product of different functions."""
        return pel.sin(x) * pel.exp(-y)

    x, h = Input("x", (4,), "float64"), Input("h", (), "float64")
    states = pel.scan(lambda x_t, h: blend_here(h, h) + x_t * blend_here(x_t, h), x, h)
    check_gradient((states**2).sum(), {x: np.array([0.3, -0.5, 0.8, 1.1]), h: np.array(0.4)}, [x, h])


def test_programs_contain_the_definition() -> None:
    f, x = swish(), pel.vector("x")
    program = pel.function([x], [f(x), pel.grad(f(x).sum(), x)]).program
    assert not any(has_swish(output) for output in program.outputs)
    assert str(program.outputs[0]) == "x * sigmoid(x)"


def test_rules_match_across_the_border_of_a_composite_op() -> None:
    @pel.composite()
    def shares_here(x: Expr) -> Expr:
        return pel.exp(x) / pel.exp(x).sum()

    z = pel.vector("z", shape=(3,))
    loss = -pel.log(shares_here(z))[1]
    value, slope = pel.function([z], [loss, pel.grad(loss, z)])([1000.0, 0.0, 0.0])
    assert value == 1000
    np.testing.assert_allclose(slope, [1, -1, 0])
    assert "shares_here" in str(pel.grad(loss, z))


def test_the_interpreter_simplifies_the_definition(by_numpy: Any) -> None:
    @pel.composite()
    def soft_here(x: Expr) -> Expr:
        return pel.log(1 + pel.exp(x))

    x = pel.scalar("x")
    [found] = by_numpy([soft_here(x)], {x: np.array(1000.0, "float32")})
    assert found == 1000


def test_custom_gradient(by_numpy: Any) -> None:
    @pel.composite(grad=lambda g, y, x: 7 * g)
    def square_here(x: Expr) -> Expr:
        return x * x

    x = Input("x", (3,), "float64")
    [found] = by_numpy([pel.grad(square_here(x).sum(), x)], {x: np.ones(3)})
    np.testing.assert_array_equal(found, [7, 7, 7])
    with pytest.raises(pel.WrongGradientError, match=r"square_here"):
        pel.check_op(square_here, np.ones(3))


def test_several_results() -> None:
    @pel.composite()
    def moments_here(x: Expr) -> tuple[Expr, Expr]:
        return x.mean(), ((x - x.mean()) ** 2).mean()

    x = pel.vector("x")
    mean, variance = moments_here(x)
    assert str(variance) == "moments_here(x)[1]"
    assert str(pel.expand(variance)) == "((x - x.mean()) ** 2).mean()"
    value = pel.function([x], [mean, variance, pel.grad(variance, x)])([1.0, 3.0])
    np.testing.assert_allclose(value[:2], [2, 1])
    np.testing.assert_allclose(value[2], [-1, 1])
    pel.check_op(moments_here, np.arange(4.0))


def test_composite_ops_in_composite_ops_and_in_loops() -> None:
    f = swish()

    @pel.composite()
    def twice_here(x: Expr) -> Expr:
        return f(f(x))

    x = pel.vector("x", shape=(3,))
    outside = twice_here(x).sum()
    inside = pel.scan(lambda x_t, s: s + twice_here(x_t), x, 0.0)[-1]
    by_outside, by_inside = pel.grad(outside, x), pel.grad(inside, x)
    a, b, c, d = pel.function([x], [outside, inside, by_outside, by_inside])([0.5, -1.0, 2.0])
    np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(c, d, rtol=1e-5)


def test_gradient_with_respect_to_a_composite_op_and_its_input(by_numpy: Any) -> None:
    f, x = swish(), Input("x", (3,), "float64")
    h, value = f(x), np.array([0.3, -1.0, 2.0])
    by_h, by_x = by_numpy(pel.grad((pel.tanh(h) * h).sum(), [h, x]), {x: value})
    s = 1 / (1 + np.exp(-value))
    inner = value * s
    np.testing.assert_allclose(by_h, np.tanh(inner) + inner * (1 - np.tanh(inner) ** 2))
    np.testing.assert_allclose(by_x, by_h * (s + value * s * (1 - s)))


def test_composite_identity_changes_no_other_expression() -> None:
    @pel.composite()
    def same_here(x: Expr) -> Expr:
        return x * 1

    x = pel.vector("x")
    found = pel.grad((same_here(pel.tanh(x)) ** 2).sum(), x)
    assert found is pel.grad((pel.tanh(x) ** 2).sum(), x)


def test_cost_equals_that_of_the_definition() -> None:
    f, x = swish(), pel.vector("x", shape=(10,))
    assert pel.cost(f(x, beta=2.0)).operations == pel.cost(x * pel.sigmoid(2 * x)).operations


def test_invalid_definitions_and_arguments_raise_errors() -> None:
    x, w = pel.vector("x"), pel.shared([1.0], "w")
    f = swish()

    @pel.composite()
    def outside_here(x: Expr) -> Expr:
        return x * w

    @pel.composite()
    def nothing_here(x: Expr) -> None:
        return None

    with pytest.raises(PellucidError, match=r"outside_here: the definition may use only its arguments .* Received: w"):
        outside_here(x)
    with pytest.raises(PellucidError, match=r"nothing_here: the definition must return an expression.* Received: None"):
        nothing_here(x)
    with pytest.raises(PellucidError, match=r"empty_here: the definition must return an expression.* Received: \[\]"):
        pel.composite(name="empty_here")(lambda x: [])(x)
    with pytest.raises(
        PellucidError, match=r"swish_here: beta is a setting and must be a plain value. Received: beta=x. .* no default"
    ):
        f(x, beta=x)
    with pytest.raises(TypeError, match=r"swish_here takes no argument named 'bta'. Did you mean 'beta'"):
        f(x, bta=1.0)
    with pytest.raises(ValueError, match=r"pellucid already has a function named 'tanh'. Choose another name"):
        pel.composite(name="tanh")(lambda x: x)


def test_the_decorator_works_without_arguments(by_numpy: Any) -> None:
    @pel.composite
    def doubled_here(x: Expr) -> Expr:
        return 2 * x

    x = pel.scalar("x")
    assert str(doubled_here(x)) == "doubled_here(x)"
    assert by_numpy([pel.grad(doubled_here(x), x)], {x: np.float32(3)}) == [2]


def test_custom_op() -> None:
    @pel.op(grad=lambda g, y, x: g * (1 - y * y), tex=r"\tanh({0:_})")
    def tanh_here(xp: Any, x: Any) -> Any:
        return xp.tanh(x)

    x = pel.vector("x", shape=("n",))
    y = tanh_here(x)
    assert (str(y), y.shape, tanh_here.__doc__) == ("tanh_here(x)", ("n",), None)
    assert pel.latex(y) == r"\tanh(x)"
    value, slope = pel.function([x], [y, pel.grad(y.sum(), x)])([0.5, 1.0])
    np.testing.assert_allclose(value, np.tanh([0.5, 1.0]), rtol=1e-6)
    np.testing.assert_allclose(slope, 1 - np.tanh([0.5, 1.0]) ** 2, rtol=1e-5)
    pel.check_op(tanh_here)


def test_a_redefined_op_replaces_the_old_one() -> None:
    def cell(factor: float) -> Any:
        @pel.op(grad=lambda g, y, x: g * factor)
        def times_here(xp: Any, x: Any) -> Any:
            return x * xp.asarray(factor, x.dtype)

        return times_here

    x = pel.vector("x")
    old = cell(2)(x)
    new = cell(3)(x)
    assert pel.times_here(x) is new
    assert old is not new
    np.testing.assert_array_equal(pel.function([x], [old, new])([1.0]), [[2], [3]])


@pytest.mark.parametrize("name", ["tanh", "std", "where"])
def test_functions_of_pellucid_cannot_be_replaced(name: str) -> None:
    with pytest.raises(ValueError, match=f"pellucid already has a function named '{name}'"):

        @pel.op(name=name)
        def other(xp: Any, x: Any) -> Any:
            return x

    assert getattr(pel, name).__module__.startswith("pellucid.")
