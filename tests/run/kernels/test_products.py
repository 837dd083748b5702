"""Products with a side that is turned around, and what is taken from weights, against the NumPy interpreter."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.kernels import call, weights
from pellucid.run.native.compiler import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


@pytest.fixture
def asked(monkeypatch):
    """Have all products computed by kernels, however small, and tell which were asked for."""
    monkeypatch.setattr(weights, "LEAST_PRODUCTS", 0)
    found, whole = [], call.product_target
    monkeypatch.setattr(call, "product_target", lambda product: found.append(product) or whole(product))
    return found


def both(inputs, outputs, updates, given, steps=3):
    """Run steps by XLA and by NumPy from the same start, and return what each puts out and comes to."""
    found, start = [], [s.get_value() for s in updates]
    for mode in ("xla", "numpy"):
        for shared, value in zip(updates, start, strict=True):
            shared.set_value(value)
        made = pel.function(inputs, outputs, updates=updates, mode=mode).repeat(steps, *given)
        found.append([np.asarray(made), *(s.get_value() for s in updates)])
    return found


def close(ours, plain):
    for a, b in zip(ours, plain, strict=True):
        assert np.abs(a - b).max() <= (2e-5 if a.dtype == np.float32 else 1e-12) * max(1, np.abs(b).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 14, 32), (7, 15, 33), (300, 29, 70), (3, 200, 1)])
def test_plain_descent_takes_the_product_from_the_weights(asked, rng, sizes, dtype):
    samples, inputs, units = sizes
    x, y = pel.matrix("x", shape=("n", inputs), dtype=dtype), pel.matrix("y", shape=("n", units), dtype=dtype)
    w = pel.shared((0.1 * rng.normal(size=(inputs, units))).astype(dtype), "w")
    loss = ((pel.tanh(x @ w) - y) ** 2).mean()
    given = [rng.normal(size=(samples, n)).astype(dtype) for n in (inputs, units)]
    close(*both([x, y], loss, {w: w - 0.1 * pel.grad(loss, w)}, given))
    assert asked
    assert all(product.from_base for product in asked)


def network(rng):
    x, w = pel.matrix("x", shape=("n", 20)), pel.shared(0.1 * rng.normal(size=(20, 40)).astype("float32"), "w")
    loss = (pel.tanh(x @ w) ** 2).mean()
    return x, w, loss, [rng.normal(size=(9, 20)).astype("float32")]


def test_a_gradient_that_is_wanted_as_well_is_computed_once_and_as_it_is(asked, rng):
    x, w, loss, given = network(rng)
    slope = pel.grad(loss, w)
    close(*both([x], slope, {w: w - 0.1 * slope}, given))
    assert asked
    assert not any(product.from_base for product in asked)


def test_momentum_takes_it_from_the_velocity(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], loss, pel.optimizers.SGD(0.1, momentum=0.9).updates(loss, [w]), given))
    assert asked


def test_adam_uses_it_twice(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], loss, pel.optimizers.Adam(0.01).updates(loss, [w]), given))
    assert asked
    assert not any(product.from_base for product in asked)


def test_a_rate_that_changes(asked, rng):
    x, w, loss, given = network(rng)
    rate = pel.shared(np.float32(0.3), "rate")
    close(*both([x], loss, {w: w - rate * pel.grad(loss, w), rate: 0.5 * rate}, given))
    assert any(product.from_base for product in asked)


def test_a_base_of_another_shape_is_left_to_xla(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], pel.zeros((1, 40)) - 0.1 * pel.grad(loss, w), {w: w + 0}, given))
    assert not any(product.from_base for product in asked)


def test_little_work_is_left_to_xla(rng, monkeypatch):
    monkeypatch.setattr(call, "turned_product", None)
    x, w, loss, given = network(rng)
    close(*both([x], loss, {w: w - 0.1 * pel.grad(loss, w)}, given))


def test_members_of_a_batch_take_it_from_weights_of_their_own(asked, rng):
    x, w, loss, given = network(rng)
    f = pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)}, mode="xla")
    start = rng.normal(size=(3, *w.shape)).astype("float32")
    members = pel.shared(start, "members")
    made = pel.batched(f, {w: members}).repeat(2, *given)
    assert any(product.from_base for product in asked)
    for number, value in enumerate(start):
        w.set_value(value)
        alone = f.copy(mode="numpy").repeat(2, *given)
        close([made[:, number], members.get_value()[number]], [alone, w.get_value()])
