"""Products of matrices, and what is taken from weights, by vector units and by units for matrices, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pellucid as pel
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi, matmul_dispatch, matmul_program
from pellucid.run.kernels.amx.detection import PROBE, is_assembled, matrix_units
from pellucid.run.native.compiler import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")

by_units = pytest.mark.skipif(not matrix_units(), reason="this processor has no units for matrices")


@pytest.fixture(params=["vectors", pytest.param("units", marks=by_units)])
def asked(request, monkeypatch):
    """Have all products computed by kernels, however small, and tell which were asked for."""
    monkeypatch.setattr(matmul_dispatch, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(matmul_dispatch, "LEAST_SIDE", 0)
    monkeypatch.setattr(matmul_dispatch, "LEAST_RESULT", 0)
    monkeypatch.setattr(matmul_dispatch, "matrix_units", lambda: request.param == "units")
    found, whole = [], ffi.product_target
    monkeypatch.setattr(ffi, "product_target", lambda product: found.append(product) or whole(product))
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
    gradients = [one for one in asked if one.turned == (True, False)]
    assert gradients
    assert all(one.from_base for one in gradients)


def network(rng):
    x, w = pel.matrix("x", shape=("n", 20)), pel.shared(0.1 * rng.normal(size=(20, 40)).astype("float32"), "w")
    loss = (pel.tanh(x @ w) ** 2).mean()
    return x, w, loss, [rng.normal(size=(9, 20)).astype("float32")]


def test_a_gradient_that_is_wanted_as_well_is_computed_once_and_as_it_is(asked, rng):
    x, w, loss, given = network(rng)
    slope = pel.grad(loss, w)
    close(*both([x], slope, {w: w - 0.1 * slope}, given))
    assert any(one.turned == (True, False) for one in asked)
    assert not any(one.from_base for one in asked)


def test_momentum_takes_it_from_the_velocity(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], loss, pel.optimizers.SGD(0.1, momentum=0.9).updates(loss, [w]), given))
    assert asked


def test_adam_uses_it_twice(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], loss, pel.optimizers.Adam(0.01).updates(loss, [w]), given))
    assert any(one.turned == (True, False) for one in asked)
    assert not any(one.from_base for one in asked)


def test_a_rate_that_changes(asked, rng):
    x, w, loss, given = network(rng)
    rate = pel.shared(np.float32(0.3), "rate")
    close(*both([x], loss, {w: w - rate * pel.grad(loss, w), rate: 0.5 * rate}, given))
    assert any(one.from_base for one in asked)


def test_a_base_of_another_shape_is_left_to_xla(asked, rng):
    x, w, loss, given = network(rng)
    close(*both([x], pel.zeros((1, 40)) - 0.1 * pel.grad(loss, w), {w: w + 0}, given))
    assert not any(one.from_base for one in asked)


def test_little_work_is_left_to_xla(rng, monkeypatch):
    monkeypatch.setattr(ffi, "product", None)
    x, w, loss, given = network(rng)
    close(*both([x], loss, {w: w - 0.1 * pel.grad(loss, w)}, given))


def test_members_of_a_batch_take_it_from_weights_of_their_own(asked, rng):
    x, w, loss, given = network(rng)
    f = pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)}, mode="xla")
    start = rng.normal(size=(3, *w.shape)).astype("float32")
    members = pel.shared(start, "members")
    made = pel.batched(f, {w: members}).repeat(2, *given)
    assert any(one.from_base for one in asked)
    for number, value in enumerate(start):
        w.set_value(value)
        alone = f.copy(mode="numpy").repeat(2, *given)
        close([made[:, number], members.get_value()[number]], [alone, w.get_value()])


def multiply(left, right, turned, units, *taken_from):
    """Multiply by a kernel."""
    return np.asarray(ffi.product(*map(jax().numpy.asarray, (left, right)), turned, units, *taken_from))


def sides(rng, sizes, turned):
    """Return two matrices as they lie, and as they are meant."""
    m, n, k = sizes
    left = rng.normal(size=(k, m) if turned[0] else (m, k)).astype("float32")
    right = rng.normal(size=(n, k) if turned[1] else (k, n)).astype("float32")
    return left, right, left.T if turned[0] else left, right.T if turned[1] else right


@by_units
@settings(max_examples=25)
@given(
    sizes=st.tuples(*[st.integers(1, 300)] * 3),
    turned=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 99),
    taken=st.booleans(),
)
def test_units_for_matrices_lose_no_digit_of_a_float32(sizes, turned, seed, taken):
    rng = np.random.default_rng(seed)
    left, right, a, b = sides(rng, sizes, turned)
    base, scale = rng.normal(size=sizes[:2]).astype("float32"), np.float32(0.5)
    made = multiply(left, right, turned, True, *((base, scale) if taken else ()))
    exact = a.astype("float64") @ b
    bound = (2 + sizes[2] / 16) * 2.0**-24 * (abs(a).astype("float64") @ abs(b))
    if taken:
        exact, bound = base - 0.5 * exact, 0.5 * bound + 2.0**-23 * (abs(base) + abs(exact))
    assert (np.abs(made - exact) <= bound).all()


@by_units
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, np.finfo("float32").max])
def test_what_has_no_three_parts_is_multiplied_as_it_is(rng, turned, value):
    """The numbers stand in the last panel and behind the first piece of the inner axis: others are finished by then."""
    left, right, a, b = sides(rng, (40, 500, 150), turned)
    base = rng.normal(size=(40, 500)).astype("float32")
    for side, place in ((b, (149, 499)), (a, (39, 149))):
        before, side[place] = side[place], value
        with np.errstate(all="ignore"):
            expected = base - np.float32(0.5) * (a @ b)
        made = multiply(left, right, turned, True, base, np.float32(0.5))
        np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4)
        side[place] = before


@pytest.mark.parametrize("units", [False, pytest.param(True, marks=by_units)])
def test_a_tall_side_is_packed_in_turns_to_the_same_bits(rng, monkeypatch, units):
    left, right, *_ = sides(rng, (700, 40, 30), (True, False))
    whole = multiply(left, right, (True, False), units)
    monkeypatch.setattr(matmul_program, "LEFT_BYTES", 1)
    ffi.product_target.cache_clear()
    turns = multiply(left, right, (True, False), units)
    ffi.product_target.cache_clear()
    np.testing.assert_array_equal(turns, whole)


@by_units
def test_a_product_of_large_matrices_is_ours_where_there_are_units(rng, monkeypatch):
    found, whole = [], ffi.product_target
    monkeypatch.setattr(ffi, "product_target", lambda product: found.append(product) or whole(product))
    x, w = pel.matrix("x"), pel.shared(rng.normal(size=(256, 128)).astype("float32"), "w")
    given = rng.normal(size=(128, 256)).astype("float32")
    f = pel.function([x], [x @ w, (x @ w) @ w.T, (x @ w)[:4] @ w.T], mode="xla")
    for ours, plain in zip(f(given), f.copy(mode="numpy")(given), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-3)
    assert [one.turned for one in found] == [(False, False), (False, True)]


@by_units
def test_an_assembler_that_does_not_know_the_instructions_leaves_units_for_matrices_alone():
    assert is_assembled(PROBE)
    assert not is_assembled(PROBE.replace("tdpbf16ps", "tdpbf17ps"))
