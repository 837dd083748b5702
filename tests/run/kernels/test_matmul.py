"""Matrix products, and their fusion with gradient descent, on vector registers and AMX, compared with NumPy."""

import itertools

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import ffi, matmul_dispatch, matmul_program, source_assembly
from pellucid.run.native.compiler import find_compiler
from tests.sampled_cases import sample_cases

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


vectors_first = pytest.mark.parametrize("unit", ["vectors", pytest.param("emulated amx", marks=slow)], indirect=True)
"""For tests of what is selected: the products of both units are compared by the other tests."""


@pytest.fixture
def specs(monkeypatch):
    """Collect the products that kernels compute."""
    collected, emit_code = [], ffi.emit_code
    monkeypatch.setattr(ffi, "emit_code", lambda emit, spec: collected.append(spec) or emit_code(emit, spec))
    return collected


@pytest.fixture
def all_sizes(monkeypatch):
    """Use kernels for all sizes and vectors."""
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", 0)
    limits = "MIN_MULTIPLICATIONS", "MIN_SIDE", "MIN_GRADIENT_SIDE", "MIN_AMX_MULTIPLICATIONS", "MIN_AMX_SIDE"
    for limit in limits:
        monkeypatch.setattr(matmul_dispatch, limit, 0)


def run_in_both_modes(inputs, outputs, updates, arguments, steps=3):
    """Run steps by XLA and by NumPy from the same start; return outputs and final state of each."""
    results, start = [], [s.get_value() for s in updates]
    for mode in ("xla", "numpy"):
        for shared, value in zip(updates, start, strict=True):
            shared.set_value(value)
        history = pel.function(inputs, outputs, updates=updates, mode=mode).repeat(steps, *arguments)
        results.append([np.asarray(history), *(s.get_value() for s in updates)])
    return results


def assert_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a - b).max() <= (2e-5 if a.dtype == np.float32 else 1e-12) * max(1, np.abs(b).max())


SIZES = [(1, 1, 1), (5, 14, 32), (7, 15, 9), (7, 15, 33), (300, 29, 19), (300, 29, 70), (3, 200, 1)]

FAST = [((7, 15, 9), "float64"), ((300, 29, 19), "float32")]
"""Parts of tiles and panels, and more samples than are summed at a time."""


@pytest.mark.parametrize(
    ("sizes", "dtype"),
    sample_cases(itertools.product(SIZES, ("float32", "float64")), lambda *case: case in FAST),
)
def test_gradient_descent_subtracts_the_product_from_the_weights(unit, all_sizes, specs, rng, sizes, dtype):
    samples, inputs, units = sizes
    x, y = pel.matrix("x", shape=("n", inputs), dtype=dtype), pel.matrix("y", shape=("n", units), dtype=dtype)
    w = pel.shared((0.1 * rng.normal(size=(inputs, units))).astype(dtype), "w")
    loss = ((pel.tanh(x @ w) - y) ** 2).mean()
    arguments = [rng.normal(size=(samples, n)).astype(dtype) for n in (inputs, units)]
    assert_close(*run_in_both_modes([x, y], loss, {w: w - 0.1 * pel.grad(loss, w)}, arguments))
    gradients = [spec for spec in specs if spec.transposed == (True, False)]
    assert gradients
    assert all(spec.subtract_from_base for spec in gradients)


def network(rng):
    x, w = pel.matrix("x", shape=("n", 20)), pel.shared(0.1 * rng.normal(size=(20, 19)).astype("float32"), "w")
    loss = (pel.tanh(x @ w) ** 2).mean()
    return x, w, loss, [rng.normal(size=(9, 20)).astype("float32")]


@vectors_first
def test_a_gradient_that_is_also_an_output_is_not_fused(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    gradient = pel.grad(loss, w)
    assert_close(*run_in_both_modes([x], gradient, {w: w - 0.1 * gradient}, arguments))
    assert any(spec.transposed == (True, False) for spec in specs)
    assert not any(spec.subtract_from_base for spec in specs)


@vectors_first
def test_momentum_subtracts_the_product_from_the_velocity(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    updates = pel.optimizers.SGD(0.1, momentum=0.9).updates(loss, [w])
    assert_close(*run_in_both_modes([x], loss, updates, arguments))
    assert specs


@vectors_first
def test_adam_uses_the_gradient_twice(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    assert_close(*run_in_both_modes([x], loss, pel.optimizers.Adam(0.01).updates(loss, [w]), arguments))
    assert any(spec.transposed == (True, False) for spec in specs)
    assert not any(spec.subtract_from_base for spec in specs)


@vectors_first
def test_the_learning_rate_may_change(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    rate = pel.shared(np.float32(0.3), "rate")
    assert_close(*run_in_both_modes([x], loss, {w: w - rate * pel.grad(loss, w), rate: 0.5 * rate}, arguments))
    assert any(spec.subtract_from_base for spec in specs)


@vectors_first
def test_a_base_of_another_shape_is_not_fused(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    output = pel.zeros((1, 19)) - 0.1 * pel.grad(loss, w)
    assert_close(*run_in_both_modes([x], output, {w: w + 0}, arguments))
    assert not any(spec.subtract_from_base for spec in specs)


def test_xla_computes_small_products(rng, monkeypatch):
    monkeypatch.setattr(ffi, "matmul", None)
    x, w, loss, arguments = network(rng)
    assert_close(*run_in_both_modes([x], loss, {w: w - 0.1 * pel.grad(loss, w)}, arguments))


@pytest.mark.parametrize(("xla_vector_bytes", "is_faster"), [(0, True), (64, False)])
def test_kernels_multiply_in_longer_vectors_than_xla(
    no_amx, all_sizes, specs, rng, monkeypatch, xla_vector_bytes, is_faster
):
    monkeypatch.setattr(source_assembly, "MAX_XLA_VECTOR_BYTES", xla_vector_bytes)
    x, w, loss, arguments = network(rng)
    assert_close(*run_in_both_modes([x], loss, {w: w - 0.1 * pel.grad(loss, w)}, arguments))
    assert bool(specs) == is_faster


@vectors_first
def test_members_of_a_batch_have_their_own_weights(unit, all_sizes, specs, rng):
    x, w, loss, arguments = network(rng)
    f = pel.function([x], loss, updates={w: w - 0.1 * pel.grad(loss, w)}, mode="xla")
    start = rng.normal(size=(3, *w.shape)).astype("float32")
    members = pel.shared(start, "members")
    history = pel.vmap(f, {w: members}).repeat(2, *arguments)
    assert any(spec.subtract_from_base for spec in specs)
    for number, value in enumerate(start):
        w.set_value(value)
        alone = f.copy(mode="numpy").repeat(2, *arguments)
        assert_close([history[:, number], members.get_value()[number]], [alone, w.get_value()])


@slow
def test_a_tall_operand_is_packed_in_batches_with_the_same_bits(amx, rng, monkeypatch):
    left, right = (jax().numpy.asarray(rng.normal(size=s).astype("float32")) for s in ((30, 700), (30, 40)))
    arguments = left, right, (True, False), True
    at_once = np.asarray(ffi.matmul(*arguments))
    monkeypatch.setattr(matmul_program, "LEFT_BYTES", 1)
    ffi.emit_code.cache_clear()
    np.testing.assert_array_equal(ffi.matmul(*arguments), at_once)


LAYOUTS = [(False, False), (True, False), (False, True), (True, True)]


def check_products(sizes, transposed, dtype, rng):
    for rows, summed, columns in sizes:
        left, right = (rng.normal(size=s).astype(dtype) for s in ((rows, summed), (summed, columns)))
        stored = [np.ascontiguousarray(a.T) if t else a for a, t in zip((left, right), transposed, strict=True)]
        found = ffi.matmul(*map(jax().numpy.asarray, stored), transposed, False)
        assert found.shape == (rows, columns)
        assert_close([np.asarray(found)], [left @ right])


@pytest.mark.sample(2)
@pytest.mark.parametrize("transposed", LAYOUTS)
def test_vector_registers_compute_products_of_all_layouts(no_amx, rng, transposed):
    """One kernel computes less than a tile and a panel, a whole panel, few tiles, and several tasks and pieces."""
    check_products([(5, 3, 2), (7, 17, 16), (7, 17, 17), (301, 131, 19)], transposed, "float32", rng)


@slow
def test_vector_registers_compute_tiles_of_several_vectors(no_amx, rng):
    check_products([(13, 20, 70), (300, 7, 530)], (False, False), "float32", rng)
    check_products([(13, 20, 70)], (True, False), "float64", rng)


@slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", LAYOUTS)
def test_vector_registers_compute_products_of_any_sizes_and_layouts(no_amx, rng, transposed, dtype):
    """The sizes leave parts of tiles, panels and pieces of the summed axis, or reach their limits."""
    sizes = [(1, 1, 1), (5, 3, 2), (6, 16, 64), (7, 17, 65), (400, 9, 200), (70, 1500, 33), (20, 130, 1000)]
    check_products([*sizes, *rng.integers(1, 90, size=(5, 3)).tolist()], transposed, dtype, rng)


@pytest.mark.parametrize("transposed", LAYOUTS)
def test_special_values_stay_in_their_rows_and_columns(no_amx, rng, transposed):
    left, right = rng.normal(size=(40, 50)).astype("float32"), rng.normal(size=(50, 19)).astype("float32")
    left[3, 7], right[9, 11] = np.inf, np.nan
    stored = [np.ascontiguousarray(a.T) if t else a for a, t in zip((left, right), transposed, strict=True)]
    found = np.asarray(ffi.matmul(*map(jax().numpy.asarray, stored), transposed, False))
    with np.errstate(invalid="ignore"):
        expected = left @ right
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
    np.testing.assert_array_equal(found[3], expected[3])
    assert np.isnan(found[:, 11]).all()


@pytest.mark.parametrize(
    ("rows", "summed", "columns", "limits"),
    [
        (128, 144, 130, {"MIN_AMX_MULTIPLICATIONS": 2**18, "MIN_MULTIPLICATIONS": 2**16}),
        pytest.param(256, 1024, 512, {"MIN_AMX_MULTIPLICATIONS": 2**27}, marks=slow),
    ],
)
def test_amx_computes_large_products(amx, specs, rng, monkeypatch, rows, summed, columns, limits):
    for limit, value in limits.items():
        monkeypatch.setattr(matmul_dispatch, limit, value)
    x, w = pel.matrix("x"), pel.shared(rng.normal(size=(summed, columns)).astype("float32"), "w")
    argument = rng.normal(size=(rows, summed)).astype("float32")
    f = pel.function([x], [x @ w, (x @ w) @ w.T, (x @ w)[:32] @ w.T, (x @ w)[:4] @ w.T], mode="xla")
    for found, expected in zip(f(argument), f.copy(mode="numpy")(argument), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-2)
    layouts = [(spec.transposed, spec.vectors > 0) for spec in specs]
    assert layouts == [((False, False), False), ((False, True), False), ((False, True), True)]


def test_kernels_leave_products_of_stacks_and_vectors_to_xla(all_sizes, rng):
    """The product of a stack of matrices and a vector is a matrix, but not a product of two matrices."""
    a, v = pel.tensor3("a"), pel.vector("v")
    products = [a @ v, v @ a, pel.matvec(a, v), pel.tensordot(a, v, 1)]
    outputs = [g for y in products for g in (y, *pel.grad((y**2).sum(), [a, v]))]
    arguments = rng.normal(size=(2, 3, 3)).astype("float32"), rng.normal(size=3).astype("float32")
    found, expected = (pel.function([a, v], outputs, mode=mode)(*arguments) for mode in ("xla", "numpy"))
    assert_close(found, expected)


def test_xla_computes_an_expression_if_its_lowering_fails(monkeypatch, rng):
    def fail(node, context):
        raise IndexError("tuple index out of range")

    monkeypatch.setattr(matmul_dispatch, "match_product", fail)
    x = rng.normal(size=(3, 3)).astype("float32")
    a = pel.matrix("a")
    message = r"selecting a CPU kernel failed, so XLA computes it.* defect of pellucid.*IndexError: tuple index"
    with pytest.warns(RuntimeWarning, match=message):
        assert_close([pel.function([a], a @ a, mode="xla")(x)], [x @ x])
