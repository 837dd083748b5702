"""Kernels of reductions of rows and the expressions around them, compared with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.kernels import row_fusion, row_programs
from pellucid.run.native.compiler import find_compiler

slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch) -> list[row_programs.RowSpec]:
    """Use kernels for all sizes, and collect the programs."""
    collected: list[row_programs.RowSpec] = []
    call = row_fusion.call_program
    monkeypatch.setattr(row_fusion, "call_program", lambda code, spec, x: collected.append(spec) or call(code, spec, x))
    for limit in ("MIN_ELEMENTS", "MIN_COLUMNS"):
        monkeypatch.setattr(row_fusion, limit, 0)
    return collected


def make_input(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    kinds = {2: pel.matrix, 3: pel.tensor3, 4: pel.tensor4}
    return kinds[len(shape)](name, shape=("n", *shape[1:]), dtype=dtype)


def compute_in_both_modes(inputs: Any, outputs: Any, arguments: Any) -> tuple[list[Any], list[Any]]:
    found, expected = (
        pel.function(inputs, outputs, mode=mode, on_unused_input="ignore")(*arguments) for mode in ("xla", "numpy")
    )
    return found, expected


def assert_close(found: list[Any], expected: list[Any]) -> None:
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        tolerance = 5e-6 if a.dtype == np.float32 else 1e-14
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=tolerance * max(1, np.abs(b).max()))


NORMALIZATIONS = {
    "softmax": lambda x, w: pel.softmax(3 * x),
    "log_softmax": lambda x, w: pel.log_softmax(x + w),
    "masked_softmax": lambda x, w: pel.masked_softmax(w > 0, x),
    "standardize": lambda x, w: pel.standardize(x * pel.tanh(w)),
    "rms_normalize": lambda x, w: pel.rms_normalize(x) * w,
    "range": lambda x, w: (x - x.min(axis=-1, keepdims=True)) / (x.max(axis=-1, keepdims=True) + 9),
    "deviation": lambda x, w: x / (1 + x.var(axis=-1, keepdims=True)) + w.sum(axis=-1, keepdims=True),
    "two in turn": lambda x, w: pel.softmax(pel.standardize(x) * w) - pel.rms_normalize(x + w),
}


SHAPES = [((3, 5), "float32"), ((1, 7, 33), "float64"), ((2, 3, 5, 64), "float32"), ((70, 130), "float32")]


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        # One kernel serves all shapes. This one has two blocks of rows. The last case has the other normalizations too.
        *(
            (name, [((9, 5, 37), "float64" if name == "range" else "float32")])
            for name in ("log_softmax", "masked_softmax", "range", "deviation", "two in turn")
        ),
        *(pytest.param(name, SHAPES, marks=slow) for name in NORMALIZATIONS),
    ],
)
def test_normalizations_and_their_gradients(name: str, shapes: Any, specs: Any, rng: np.random.Generator) -> None:
    for shape, dtype in shapes:
        x, w = (make_input(name, shape, dtype) for name in "xw")
        y = NORMALIZATIONS[name](x, w)
        outputs = [y, *pel.grad((y * pel.sin(y + x)).sum(), [x, w], disconnected="zero")]
        specs.clear()
        arguments = [rng.normal(size=shape).astype(dtype) for _ in range(2)]
        assert_close(*compute_in_both_modes([x, w], outputs, arguments))
        assert specs


def test_layer_normalization_takes_one_kernel_in_each_pass(specs: Any, rng: np.random.Generator) -> None:
    """Gradients of scale and offset are summed by the kernel that computes that of the input."""
    x, g = (make_input(name, (9, 4, 24)) for name in "xg")
    layer = nn.LayerNormalization()
    y = layer(pel.tanh(x))
    for p in pel.parameters(y):
        p.set_value(rng.normal(size=24).astype("float32"))
    outputs = [y, *pel.grad((y * g).sum(), [x, *pel.parameters(y)])]
    arguments = [rng.normal(size=(9, 4, 24)).astype("float32") for _ in range(2)]
    assert_close(*compute_in_both_modes([x, g], outputs, arguments))
    assert [spec.results for spec in specs] in (
        [("full", "full", "column", "column")],
        [("full",), ("full", "column", "column")],
    )


def test_operands_that_repeat_along_other_axes(specs: Any, rng: np.random.Generator) -> None:
    x, w = make_input("x", (6, 5, 20)), make_input("w", (6, 1, 20))
    channel, row = pel.vector("c", shape=(20,)), make_input("r", (6, 5, 1))
    y = pel.softmax((x + w) * channel - row) * row
    outputs = [y, *pel.grad((y**2).sum(), [x, w, channel, row]), x.var(axis=-1, keepdims=True, ddof=1)]
    arguments = [rng.normal(size=s).astype("float32") for s in ((6, 5, 20), (6, 1, 20), (20,), (6, 5, 1))]
    assert_close(*compute_in_both_modes([x, w, channel, row], outputs, arguments))
    assert any({"channel", "row"} <= set(spec.operands) for spec in specs)


@pytest.mark.usefixtures("optimized_code")
def test_infinities_and_nan_stay_in_their_rows(specs: Any, rng: np.random.Generator) -> None:
    x = make_input("x", (6, 40))
    outputs = [pel.softmax(x), pel.log_softmax(x), pel.standardize(x), x - x.max(axis=1, keepdims=True)]
    values = rng.normal(size=(6, 40)).astype("float32")
    values[1, 3], values[2, 39], values[3], values[4, 17] = np.inf, np.nan, -np.inf, -np.inf
    with np.errstate(all="ignore"):
        found, expected = compute_in_both_modes([x], outputs, [values])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert specs


def test_a_row_has_the_same_bits_among_any_others(specs: Any, rng: np.random.Generator) -> None:
    x = make_input("x", (200, 3, 37))
    f = pel.function([x], pel.softmax(pel.standardize(x)), mode="xla")
    values = rng.normal(size=(200, 3, 37)).astype("float32")
    np.testing.assert_array_equal(f(values)[50:53], f(values[50:53]))
    assert specs


def test_sums_over_many_rows_are_exact(specs: Any, rng: np.random.Generator) -> None:
    """Sums of blocks of rows are added up in double precision."""
    x = make_input("x", (100_000, 4))
    values = (1 + rng.normal(size=(100_000, 4))).astype("float32")
    y = x - x.mean(axis=1, keepdims=True) + 1
    total, mean = pel.function([x], [y.sum(axis=0), y.mean(axis=0, keepdims=True)], mode="xla")(values)
    exact = values.astype("float64")
    expected = (exact - exact.mean(axis=1, keepdims=True) + 1).sum(axis=0)
    np.testing.assert_allclose(total, expected, rtol=1e-6)
    np.testing.assert_allclose(mean, expected[None] / len(values), rtol=1e-6)
    assert mean.shape == (1, 4)
    assert [spec.results for spec in specs] == [("column", "column")]


def test_an_array_that_several_expressions_read_is_stored_once(specs: Any, rng: np.random.Generator) -> None:
    """A sum that is used twice is not computed again for each use."""
    x, w = (make_input(name, (8, 32)) for name in "xw")
    h = x + w
    for _ in range(3):
        h = h + pel.softmax(h)
    assert_close(*compute_in_both_modes([x, w], [h], [rng.normal(size=(8, 32)).astype("float32") for _ in range(2)]))
    assert all(spec.operands.count("full") <= 2 for spec in specs)


@pytest.mark.parametrize(("limit", "value"), [("MIN_ELEMENTS", 10**6), ("MIN_COLUMNS", 21), ("MAX_COLUMNS", 19)])
def test_xla_computes_small_arrays_and_short_or_long_rows(
    specs: Any, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(row_fusion, limit, value)
    x = make_input("x", (6, 20))
    assert_close(*compute_in_both_modes([x], [pel.softmax(x)], [rng.normal(size=(6, 20)).astype("float32")]))
    assert not specs


def test_empty_arrays_and_integers_are_left_to_xla(specs: Any) -> None:
    x, k = make_input("x", (0, 20)), make_input("k", (0, 20), "int32")
    outputs = [pel.softmax(x), k - k.max(axis=1, keepdims=True)]
    found, expected = compute_in_both_modes([x, k], outputs, [np.zeros((0, 20), "float32"), np.ones((0, 20), "int32")])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not specs


def test_attention_computes_scores_and_softmax_once(specs: Any, rng: np.random.Generator) -> None:
    """The gradient reads the weights of the forward pass."""
    x = make_input("x", (3, 10, 16))
    y = nn.MultiHeadAttention(num_heads=2, key_dim=8)(x, x)
    arguments = [rng.normal(size=(3, 10, 16)).astype("float32")]
    assert_close(*compute_in_both_modes([x], [y, *pel.grad((y**2).sum(), [x, *pel.parameters(y)])], arguments))
    assert sum("vector_exp" in spec.code for spec in specs) == 1


@pytest.mark.parametrize("count", [2, pytest.param(12, marks=slow)])
def test_random_expressions(specs: Any, rng: np.random.Generator, count: int) -> None:
    unary = [pel.tanh, pel.exp, pel.softmax, pel.standardize, pel.rms_normalize, pel.square]
    binary = [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: a - b,
        pel.maximum,
        lambda a, b: pel.where(a > b, a, b),
    ]
    reductions = ["sum", "mean", "max", "min", "var"]
    for _ in range(count):
        shape = (*rng.integers(1, 9, size=rng.integers(1, 3)).tolist(), int(rng.integers(2, 70)))
        pool = inputs = [make_input(name, shape) for name in "xyz"]
        for _ in range(10):
            a, b = (pool[k] for k in rng.integers(len(pool), size=2))
            made = [unary[rng.integers(len(unary))](a), binary[rng.integers(len(binary))](a, b)]
            made.append(a - 0.1 * getattr(b, reductions[rng.integers(5)])(axis=-1, keepdims=True))
            pool = [*pool, pel.tanh(made[rng.integers(3)])]
        outputs = [*pool[-2:], pool[-1].sum(axis=tuple(range(len(shape) - 1))), (pool[-1] * pool[-2]).sum()]
        arguments = [rng.normal(size=shape).astype("float32") for _ in inputs]
        found, expected = compute_in_both_modes(inputs, outputs, arguments)
        for p, q in zip(found, expected, strict=True):
            np.testing.assert_allclose(p, q, rtol=2e-3, atol=2e-4)
    assert specs
