"""JAX functions as ops: types, printing, gradients, and errors."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import DtypeError, GradientError, PellucidError, ShapeError


@pytest.fixture(scope="module")
def jax() -> Any:
    """JAX, which the collection of this file does not import."""
    import jax

    return jax


def test_name_types_and_latex(jax: Any) -> None:
    bessel = pel.from_jax(jax.scipy.special.i0, tex="I_0({0:_})")
    x = pel.vector("x", shape=("n",))
    y = bessel(x)
    assert (str(y), y.shape, y.dtype.name) == ("i0(x)", ("n",), "float32")
    assert pel.latex(y) == "I_0(x)"
    assert bessel(x) is y
    np.testing.assert_allclose(pel.function([x], y)([0.0, 1.0]), [1, 1.2660658], rtol=1e-6)
    np.testing.assert_allclose(pel.function([x], y, mode="numpy")([0.0, 1.0]), [1, 1.2660658], rtol=1e-6)


SAMPLE = np.random.default_rng(0).normal(size=(2, 3))


@pytest.mark.parametrize(
    ("module", "name", "operands", "settings"),
    [
        pytest.param("jax.scipy.special", "i0", [np.array([0.1, 0.5, 2.0])], {}, marks=pytest.mark.slow),
        pytest.param("jax.nn", "softmax", [SAMPLE], {"axis": 0}, marks=pytest.mark.slow),
        ("jax.numpy", "matmul", [SAMPLE, np.eye(3)], {}),
    ],
)
def test_numpy_xla_and_gradients_agree(module: str, name: str, operands: Any, settings: Any) -> None:
    pel.check_op(pel.from_jax(getattr(importlib.import_module(module), name)), *operands, **settings)


def test_trees_of_results_and_integers(jax: Any) -> None:
    def several(x: Any, i: Any) -> Any:
        return {"b": (x.sum(), i + 1), "a": jax.numpy.tanh(x) * i}

    op = pel.from_jax(several)
    x, i = pel.matrix("x", shape=("n", 3)), pel.ivector("i", shape=(3,))
    results = op(x, i)
    assert [str(r) for r in results] == ["several(x, i)[0]", "several(x, i)[1]", "several(x, i)[2]"]
    assert [(r.shape, r.dtype.name) for r in results] == [
        (("n", 3), "float32"),
        ((), "float32"),
        ((3,), "int32"),
    ]
    gradient = pel.grad(results[0].sum(), x)
    found = pel.function([x, i], [*results, gradient])(np.ones((2, 3)), [1, 2, 3])
    np.testing.assert_allclose(found[3], (1 - np.tanh(1) ** 2) * np.array([[1, 2, 3]] * 2), rtol=1e-5)
    pel.check_op(lambda x: op(x, np.array([1, 2, 3], "int32")), np.ones((2, 3)))


def test_arguments_with_a_default_are_settings(jax: Any) -> None:
    softmax = pel.from_jax(jax.nn.softmax)
    x = pel.matrix("x", shape=("n", 2))
    assert str(softmax(x, axis=0)) == "softmax_jax(x, axis=0)"
    assert softmax(x, axis=-1) is softmax(x)
    assert str(softmax(x, 0)) == "softmax_jax(x, axis=0)"
    with pytest.raises(
        PellucidError, match=r"softmax_jax: axis is a setting and must be a plain value. Received: axis=x"
    ):
        softmax(x, axis=x)
    with pytest.raises(TypeError, match=r"softmax_jax takes no argument named 'axes'. Use axis instead"):
        softmax(x, axes=0)


def test_computed_sizes_are_unknown() -> None:
    x = pel.matrix("x", shape=("n", 3))
    assert pel.from_jax(lambda x: x.reshape(-1))(x).shape[0] not in ("n", 3)
    assert pel.from_jax(lambda x: x.T @ x)(x).shape == (3, 3)
    assert pel.from_jax(lambda x: x @ x.T)(x).shape == ("n", "n")
    assert pel.from_jax(lambda x: x[:, :2].sum(1))(pel.matrix("y")).ndim == 1
    flat = pel.from_jax(lambda x: x.reshape(-1))(x)
    np.testing.assert_array_equal(pel.function([x], flat * 2)(np.ones((2, 3))), np.full(6, 2))


def test_inside_a_loop_and_a_training_step(jax: Any) -> None:
    gelu = pel.from_jax(jax.nn.gelu)
    x, w = pel.vector("x", shape=(4,)), pel.shared(0.5, "w")
    total = pel.scan(lambda x_t, s: s + gelu(x_t * w), x, 0.0)[-1]
    step = pel.function([x], total, updates={w: w - 0.1 * pel.grad(total, w)})
    history = step.repeat(5, [1.0, 2.0, 3.0, 4.0])
    assert np.all(np.diff(history) < 0)


def test_second_derivatives_and_hessians(jax: Any) -> None:
    sinc = pel.from_jax(jax.numpy.sinc)
    x = pel.vector("x", shape=(2,), dtype="float64")
    found = pel.function([x], pel.hessian(sinc(x).sum(), x))([0.3, 0.7])
    with jax.enable_x64(True):
        expected = jax.jit(jax.hessian(lambda x: jax.numpy.sinc(x).sum()))(np.array([0.3, 0.7]))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def fft(x: Any) -> Any:
    import jax

    return jax.numpy.fft.fft(x)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            lambda x: x if x.shape[0] > 5 else 2 * x,
            ShapeError,
            r"for float32 \(n, 3\): .* 'n' > '5'.* If it needs known sizes",
        ),
        (lambda x: x @ x, ShapeError, r"JAX cannot trace the function for float32 \(n, 3\): dot_general requires"),
        (lambda x: x if x.sum() > 0 else -x, ShapeError, r": Attempted boolean conversion of traced array"),
        (fft, DtypeError, r"fft: expected real numbers, integers or booleans. The function returned complex64"),
        (lambda x: None, ShapeError, r"expected an array or a tree of arrays. The function returned none"),
    ],
)
def test_functions_that_cannot_be_traced(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pel.from_jax(function)(pel.matrix("x", shape=("n", 3)))


def test_values_that_are_not_functions_and_functions_without_gradients(jax: Any) -> None:
    def host(x: Any) -> Any:
        return jax.pure_callback(np.tanh, jax.ShapeDtypeStruct((), np.float32), x)

    s = pel.scalar("s")
    with pytest.raises(TypeError, match=r"from_jax: expected a JAX function. Received: 3"):
        pel.from_jax(3)  # type: ignore[arg-type]
    with pytest.raises(
        GradientError, match=r"host_gradient: JAX cannot trace the function for .* Pure callbacks do not support"
    ):
        pel.grad(pel.from_jax(host)(s), s)
    assert str(pel.from_jax(lambda x: x)(s)) == "from_jax(s)"
    assert str(pel.from_jax(lambda x: x, name="same")(s)) == "same(s)"


@pytest.mark.parametrize("name", ["softplus", "sum", "conv", "relu"])
def test_a_function_with_the_name_of_an_op_is_not_taken_for_it(name):
    """Kernels recognize ops by their names."""

    def triple(x):
        return 3 * x

    triple.__name__ = name
    x = pel.matrix("x")
    y = pel.from_jax(triple)(-x)
    assert str(y) == f"{name}_jax(-x)"
    assert pel.function([x], [y, pel.softmax(y)])([[1.0, 1.0]])[0].tolist() == [[-3, -3]]
