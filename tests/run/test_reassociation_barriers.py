"""Compiled programs keep the order of arithmetic operations, and softmax is finite whatever the compiler reorders."""

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.jax_runtime import jax
from pellucid.run.reassociation_barriers import insert_reassociation_barriers

FORMULAS = {
    "quotient of a quotient": (lambda x, y, z: x / y / z, (1e30, 1e30, 1e30)),
    "quotient by a quotient": (lambda x, y, z: x / (y / z), (1e30, 1e30, 1e30)),
    "quotient of quotients": (lambda x, y, z: (x / y) / (x / z), (1e30, 1e30, 1e30)),
    "broadcast quotient": (lambda x, y, z: (x[:, None] / y) / z, (1e30, 1e30, 1e30)),
    "quotient by an exponential": (lambda x, y, z: x / pel.exp(y) * z, (1e30, 88, 1)),
    "product of products with numbers": (lambda x, y, z: x * 1e30 * 1e30 + y * z, (1e-30, 0, 0)),
    "product of a quotient with numbers": (lambda x, y, z: x / 3e-30 * 1e30 + y * z, (1e-30, 0, 0)),
    "sum of sums with numbers": (lambda x, y, z: pel.cosh(x - 1e30) + y * z, (1e30, 0, 0)),
    "sum of multiples": (lambda x, y, z: (x * 1e-30).sum() + y * z, (3e38, 0, 0)),
}


@pytest.mark.parametrize("rewrite", [True, False])
def test_modes_agree_where_the_order_avoids_overflow(rewrite):
    inputs, outputs, arguments = [], [], []
    for name, (formula, values) in FORMULAS.items():
        operands = [pel.vector(f"{name} {i}", shape=(3,)) for i in range(3)]
        inputs += operands
        outputs.append(formula(*operands))
        arguments += [np.full(3, value, "float32") for value in values]
    numpy, xla = (pel.function(inputs, outputs, mode=mode, rewrite=rewrite) for mode in ("numpy", "xla"))
    looped = xla.over(*[a[None] for a in arguments])
    for name, expected, found, [in_loop] in zip(FORMULAS, numpy(*arguments), xla(*arguments), looped, strict=True):
        assert np.isfinite(expected).all(), name
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(in_loop, expected, rtol=1e-5, err_msg=name)


def test_barriers_reach_loops_and_leave_integers_alone():
    j = jax()

    def program(a, b, n):
        return j.lax.fori_loop(0, 3, lambda i, c: c / a / b, a), n * 3 * 5

    a = np.ones(4, "float32")
    lowered = insert_reassociation_barriers(j.jit(program).lower(a, a, np.int32(1)))
    text = lowered.as_text()
    assert text.count("optimization_barrier") == 1
    result, n = lowered.compile()(a, a, np.int32(1))
    np.testing.assert_array_equal(result, a)
    assert n == 15


@pytest.mark.parametrize("shape", [pytest.param((4,), marks=pytest.mark.slow), (3, 8)])
def test_softmax_of_large_products_is_finite(shape, rng):
    """Compilers take the maximum before they multiply, and fuse the product with the subtraction of the maximum."""
    x = pel.tensor("x", shape=shape)
    scores = 8.3e4 * x
    formulas = [
        pel.softmax(scores),
        pel.log_softmax(scores),
        pel.logsumexp(scores, axis=-1),
        pel.losses.sparse_categorical_crossentropy(x.argmax(-1), pel.softmax(scores)),
        pel.masked_softmax(x > 0, scores, axis=-1),
        pel.log(1 - pel.softmax(scores)),
    ]
    value = (8e4 * rng.normal(size=shape)).astype("float32")
    value.flat[0] = 1e5  # one element of the first row is not masked
    outputs = [*formulas, *[pel.grad(formula.sum(), x) for formula in formulas]]
    expected = pel.function([x], outputs, mode="numpy")(value)
    compiled = pel.function([x], outputs)
    for found, [in_loop], correct in zip(compiled(value), compiled.over(value[None]), expected, strict=True):
        np.testing.assert_allclose(found, correct, rtol=1e-5)
        np.testing.assert_allclose(in_loop, correct, rtol=1e-5)


def test_softmax_of_infinity_is_nan_in_every_mode():
    x = pel.vector("x", shape=(2,))
    for mode in ("numpy", "xla"):
        with np.errstate(invalid="ignore"):
            assert np.isnan(pel.function([x], pel.softmax(x), mode=mode)([np.inf, 0.0])).any()
