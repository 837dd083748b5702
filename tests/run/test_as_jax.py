"""Functions as pure JAX functions agree with the compiled functions under jit, grad, vmap and scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn

slow = pytest.mark.slow


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def test_outputs_keep_their_form() -> None:
    import jax

    x, w = pel.vector("x", shape=("n",)), pel.shared(2.0, "w")
    for outputs in (w * x, [w * x, w], {"product": w * x}):
        function = pel.function([x], outputs)
        f, params = function.as_jax()
        expected, found = function([1.0, 3.0]), jax.jit(f)(params, np.array([1.0, 3.0], "float32"))
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert repr(f) == "function of (params, x) that returns outputs, for JAX"


@pytest.mark.parametrize(
    ("make_layer", "shape"),
    [
        (lambda: nn.Dense(3, activation="softmax"), (4,)),
        pytest.param(lambda: nn.Conv2D(2, 3, activation="relu"), (6, 6, 1), marks=slow),
        (lambda: nn.SimpleRNN(3), (5, 2)),
        pytest.param(lambda: nn.LSTM(3), (5, 2), marks=slow),
        pytest.param(lambda: nn.MultiHeadAttention(2, 2), (3, 4), marks=slow),
        (nn.BatchNormalization, (3,)),
    ],
)
def test_gradients_of_jax_agree(make_layer: Any, shape: tuple[int, ...]) -> None:
    import jax

    X, layer = nn.Input(shape), make_layer()
    y = layer([X, X]) if isinstance(layer, nn.MultiHeadAttention) else layer(X)
    loss = pel.inference((y**2).mean())
    parameters = pel.parameters(loss)
    x = draw(3, *shape)
    f, params = pel.function([X], loss).as_jax()
    found = jax.jit(jax.grad(f))(params, x)
    for p, expected in zip(parameters, pel.function([X], pel.grad(loss, parameters))(x), strict=True):
        np.testing.assert_allclose(found[p.name], expected, rtol=1e-4, atol=1e-6)
    by_sample = jax.jit(jax.vmap(f, (None, 0)))(params, x[:, None])
    np.testing.assert_allclose(np.mean(by_sample), jax.jit(f)(params, x), rtol=1e-5)


def test_a_training_step_is_pure() -> None:
    import jax

    X, y = pel.matrix("X", shape=("n", 4)), pel.ivector("y", shape=("n",))
    p = nn.Dense(3, "softmax")(nn.Dropout(0.5)(nn.Dense(8, "relu")(X)))
    loss = pel.losses.sparse_categorical_crossentropy(y, p).mean()
    step = pel.function([X, y], loss, updates=pel.optimizers.Adam(0.01).updates(loss))
    before = [s.get_value() for s in step.program.shared]
    xs, ys = draw(5, 6, 4), np.random.default_rng(0).integers(0, 3, (5, 6)).astype("int32")
    f, params = step.as_jax()
    assert repr(f) == "function of (params, X, y, state) that returns outputs, params, state, for JAX"
    assert {s.dtype.kind for s in f.state.values()} == {"i", "u"}

    def advance(carry: Any, batch: Any) -> Any:
        value, *carry = f(carry[0], *batch, state=carry[1])
        return tuple(carry), value

    (params, state), losses = jax.lax.scan(advance, (params, f.state), (xs, ys))
    for s, value in zip(step.program.shared, before, strict=True):
        np.testing.assert_array_equal(s.get_value(), value)
    np.testing.assert_allclose(losses, step.copy(mode="numpy").over(xs, ys), rtol=1e-5)
    for name, s in {**f.parameters, **f.counters}.items():
        np.testing.assert_allclose({**params, **state}[name], s.get_value(), rtol=1e-4, atol=1e-6)
        assert {**params, **state}[name].dtype == s.dtype


def test_the_state_of_a_random_stream_decides_the_numbers() -> None:
    import jax

    w = pel.shared(1.0, "w")
    pure, params = pel.function([], w * pel.random.Generator(3).uniform(size=(2,))).as_jax()
    f = jax.jit(pure)
    first, _, state = f(params)
    assert f(params)[0].tobytes() == first.tobytes()
    second = f(params, state=state)[0]
    assert second.tobytes() != first.tobytes()
    gradient = jax.jit(jax.grad(lambda p: pure(p, state=state)[0].sum()))(params)["w"]
    np.testing.assert_allclose(gradient, second.sum(), rtol=1e-6)


def test_colliding_names_get_numbers() -> None:
    variables = [pel.shared(value, name) for value, name in [(1.0, "w"), (2.0, "w"), (3.0, None), (4.0, None)]]
    function = pel.function([], variables[0] + 10 * variables[1] + 100 * variables[2] + 1000 * variables[3])
    f, params = function.as_jax()
    assert {name: float(value) for name, value in params.items()} == {"w": 1, "w_1": 2, "shared": 3, "shared_1": 4}
    assert f({**params, "w_1": 5.0}) == 4351


def test_dtypes_are_those_of_the_graph() -> None:
    import jax

    x, w = pel.vector("x", dtype="float64"), pel.shared(np.float64(1e-9), "w")
    count = pel.shared(np.int64(2**40), "count")
    f, params = pel.function([x], (1 + w * x).sum() - x.sum(), updates={count: count + 1}).as_jax()
    value, new, state = jax.jit(f)(params, np.ones(1))
    assert (value.dtype, new["w"].dtype, state["count"].dtype) == ("float64", "float64", "int64")
    assert (float(value), int(state["count"])) == (1e-9 + 1 - 1, 2**40 + 1)


def test_defaults_and_large_constants() -> None:
    x, rate = pel.vector("x", shape=(3000,)), pel.scalar("rate")
    table = draw(3000)
    f, params = pel.function([x, rate], rate * (x * table).sum(), defaults={rate: 0.5}).as_jax()
    ones = np.ones(3000, "float32")
    np.testing.assert_allclose(f(params, ones), 0.5 * table.sum(), rtol=1e-4)
    np.testing.assert_allclose(f(params, ones, 2.0), 2 * table.sum(), rtol=1e-4)


def test_a_batched_function() -> None:
    import jax

    x, w, ws = pel.scalar("x"), pel.shared(1.0, "w"), pel.shared([1.0, 2.0], "ws")
    f, params = pel.vmap(pel.function([x], w * x), {w: ws}).as_jax()
    assert jax.jit(f)(params, 3.0).tolist() == [3, 6]


def test_invalid_arguments() -> None:
    import jax

    x, w = pel.vector("x", shape=(2,)), pel.shared([1.0, 2.0], "weight")
    f, params = pel.function([x], w * x).as_jax()
    ones = np.ones(2)
    with pytest.raises(pel.InputError, match=r"params: .* values of weight\. Received: .*Did you mean 'weight'"):
        f({"wieght": ones}, ones)
    with pytest.raises(pel.InputError, match=r"params: .* values of weight\. Missing: weight"):
        f({}, ones)
    with pytest.raises(pel.InputError, match=r"state: .* no variables\. Received: 'weight'"):
        f(params, ones, state=params)
    with pytest.raises(pel.InputError, match=r"params: .* Received: ndarray\. Write f\(params, \*inputs\)"):
        f(ones)
    with pytest.raises(pel.ShapeError, match=r"params: weight has shape \(2,\)\. Received: \(3,\)"):
        f({"weight": np.ones(3)}, ones)
    with pytest.raises(pel.ShapeError, match=r"Expected x to have shape \(2,\)"):
        jax.jit(f)(params, np.ones(3))
    with pytest.raises(pel.InputError, match=r"needs a value for x"):
        f(params)


def test_jax_functions_come_back_from_pellucid() -> None:
    import jax
    import jax.numpy as jnp

    def original(params: Any, x: Any) -> Any:
        return jnp.tanh(x @ params["kernel"] + params["bias"]).sum()

    kernel, bias = pel.shared(draw(4, 3), "kernel"), pel.shared(draw(3), "bias")
    x, values = pel.matrix("x", shape=("n", 4)), draw(2, 4)
    y = pel.from_jax(original)({"kernel": kernel, "bias": bias}, x)
    f, params = pel.function([x], y).as_jax()
    assert set(params) == {"kernel", "bias"}
    (value, found), (expected_value, expected) = (
        jax.jit(jax.value_and_grad(function))(params, values) for function in (f, original)
    )
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, expected)


def test_pellucid_functions_come_back_from_jax() -> None:
    x, layer = pel.matrix("x", shape=("n", 4)), nn.Dense(3, "tanh", name="d")
    y = (layer(x) ** 2).sum()
    f, _ = pel.function([x], y).as_jax()
    z = pel.matrix("z", shape=("m", 4))
    again = pel.from_jax(f)({"d/kernel": layer.kernel, "d/bias": layer.bias}, z)
    assert str(again) == "function(d/bias, d/kernel, z)"
    values = draw(2, 4)
    expected = pel.function([x], [y, *pel.grad(y, layer.parameters)])(values)
    found = pel.function([z], [again, *pel.grad(again, layer.parameters)])(values)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_trees_as_arguments_of_jax_functions() -> None:
    import jax

    op = pel.from_jax(lambda pair, x, power=1: (pair[0] * x, {"b": (pair[1]["c"] + x) ** power}))
    x = pel.vector("x", shape=(2,))
    for pair in ((x, {"c": 2 * x}), [x, {"c": 2 * x}]):
        results = op(pair, [1.0, 3.0], power=2)
        assert [r.eval({x: [1.0, 2.0]}).tolist() for r in results] == [[1, 6], [9, 49]]
    assert op((x, {"c": 2 * x}), x)[0] is op((x, {"c": 2 * x}), x)[0]
    assert pel.from_jax(jax.numpy.sum)([1.0, 2.0]).eval() == 3
