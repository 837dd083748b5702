"""Random index tuples, compared with NumPy: an equal result, or pellucid's own error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.expr import Input

Parts = list[Callable[[np.random.Generator, int], Any]]

VALID: Parts = [
    lambda rng, n: int(rng.integers(-n, n)),
    lambda rng, n: np.int8(rng.integers(-n, n)),
    lambda rng, n: draw_slice(rng, n),
    lambda rng, n: draw_slice(rng, n),
    lambda rng, n: draw_slice(rng, n),
    lambda rng, n: None,
    lambda rng, n: Ellipsis,
    lambda rng, n: rng.integers(-n, n, size=2),
    lambda rng, n: rng.integers(-n, n, size=(3, 1)).astype("int16"),
    lambda rng, n: rng.integers(-n, n, size=(1, 2)).tolist(),
    lambda rng, n: tuple(rng.integers(-n, n, size=2).tolist()),
    lambda rng, n: np.array(rng.integers(-n, n)),
    lambda rng, n: range(min(n, 2)),
    lambda rng, n: [],
    lambda rng, n: rng.random(n) > 0.5,
    lambda rng, n: (rng.random(n) > 0.5).tolist(),
]
"""Parts of an index for an axis of a given size."""

INVALID: Parts = [
    lambda rng, n: n + 3,
    lambda rng, n: np.array([n + 2]),
    lambda rng, n: np.ones(n + 1, bool),
    lambda rng, n: 1.5,
    lambda rng, n: np.array([1.0]),
    lambda rng, n: "a",
    lambda rng, n: slice(None, None, 0),
]
"""Parts that NumPy refuses in most places."""


def draw_slice(rng: np.random.Generator, n: int) -> slice:
    ends = [None if rng.random() < 0.4 else int(rng.integers(-n - 2, n + 3)) for _ in range(2)]
    return slice(*ends, rng.choice(np.array([None, 1, 2, -1, -2, 3])))


def draw_index(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Draw parts for the axes of an array, at times one too many; at times a mask for two axes."""
    parts: list[Any] = []
    for _ in range(rng.integers(0, len(shape) + 3)):
        axis = sum(part is not None for part in parts)
        kinds = INVALID if rng.random() < 0.02 else VALID
        parts.append(kinds[rng.integers(len(kinds))](rng, shape[axis] if axis < len(shape) else 2))
    if len(shape) > 1 and rng.random() < 0.05:
        parts = [rng.random(shape[:2]) > 0.5, *parts[2:]]
    return parts[0] if len(parts) == 1 and rng.random() < 0.5 else tuple(parts)


def draw_cases(count: int, seed: int) -> list[tuple[np.ndarray, Any]]:
    rng = np.random.default_rng(seed)
    shapes = [tuple(int(d) for d in rng.integers(1, 5, size=rng.integers(0, 5))) for _ in range(count)]
    return [(rng.normal(size=shape), draw_index(rng, shape)) for shape in shapes]


def index_numpy(x: np.ndarray, index: Any) -> np.ndarray | None:
    """Return the indexed array, or None if NumPy refuses the index."""
    try:
        return np.asarray(x[index])
    except (IndexError, ValueError, TypeError):
        return None


def compare(x: np.ndarray, index: Any, sizes: tuple[Any, ...]) -> str:
    a = Input("a", sizes, x.dtype)
    expected = index_numpy(x, index)
    try:
        found = pel.function([a], a[index], mode="numpy", on_unused_input="ignore")(x)
    except pel.PellucidError:
        return "refused" if expected is not None else "refused by both"
    assert expected is not None, f"NumPy refuses {index} for shape {x.shape}"
    np.testing.assert_array_equal(found, expected, err_msg=f"index {index} for shape {x.shape}", strict=True)
    return "equal"


def test_random_index_tuples() -> None:
    results = [compare(x, index, x.shape) for x, index in draw_cases(1000, seed=1)]
    # Refused without NumPy: only an index out of bounds where empty arrays select nothing.
    assert results.count("refused") <= 3
    assert results.count("equal") > 500
    assert results.count("refused by both") > 50


def test_random_index_tuples_for_unknown_sizes() -> None:
    results = [compare(x, index, (None,) * x.ndim) for x, index in draw_cases(400, seed=2)]
    assert results.count("equal") > 150  # masks need known sizes


def test_random_index_tuples_in_xla_and_their_gradients() -> None:
    cases = [(x, index) for x, index in draw_cases(30, seed=3) if index_numpy(x, index) is not None]
    inputs = [Input(f"a{i}", x.shape, "float64") for i, (x, _) in enumerate(cases)]
    parts = [a[index] for a, (_, index) in zip(inputs, cases, strict=True)]
    cost = sum((part**2).sum() for part in parts)
    f = pel.function(inputs, [*parts, *pel.grad(cost, inputs, disconnected="zero")], mode="xla")
    results = f(*[x for x, _ in cases])
    for (x, index), value, gradient in zip(cases, results, results[len(cases) :], strict=False):
        np.testing.assert_array_equal(value, x[index], strict=True)
        expected = np.zeros_like(x)
        np.add.at(expected, index, 2 * x[index])
        np.testing.assert_allclose(gradient, expected)


def test_an_ellipsis_for_no_axis_moves_the_axes_of_index_arrays_to_the_front() -> None:
    x, i, j = pel.matrix("x", shape=(3, 4)), pel.ivector("i"), pel.ivector("j")
    T = pel.tensor3("T", shape=(2, 3, 4))
    X, V = np.arange(12.0).reshape(3, 4), np.arange(24.0).reshape(2, 3, 4)
    rows, columns = np.array([2, 0, 2]), np.array([1, 3, 0])
    rows_behind = (slice(None), rows, ..., columns)
    wanted = [X[rows, ..., columns], X[0, ..., columns], V[rows_behind], V[:, 1, ..., columns]]
    for mode in ("numpy", "xla"):
        f = pel.function([x, T, i, j], [x[i, ..., j], x[0, ..., j], T[:, i, ..., j], T[:, 1, ..., j]], mode=mode)
        for found, expected in zip(f(X, V, rows, columns), wanted, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_new_axis_before_an_integer_is_simplified() -> None:
    x, row = pel.vector("x", shape=(3,)), pel.matrix("row", shape=(1, 3))
    f = pel.function([x, row], [x[None, 0], row[None, 0]])
    first, second = f([5.0, 6.0, 7.0], [[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(first, [5])
    np.testing.assert_array_equal(second, [[1, 2, 3]])


def test_one_hot_needs_a_number_of_classes() -> None:
    t = pel.ivector("t")
    with pytest.raises(pel.OptionError, match=r"one_hot: .* Received: none. Write, for example, pel.one_hot\(t, num"):
        pel.one_hot(t)
    with pytest.raises(pel.OptionError, match=r"one_hot: .* Received: the expression t.max\(\)"):
        pel.one_hot(t, t.max())
