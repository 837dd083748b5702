"""Tiles of samples: their size, sums over the batch, and positions of extrema, compared with the interpreter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.native.batch_tiling import BatchTiler
from pellucid.run.native.compiler import find_compiler
from tests.run.native.test_loops import compare_with_interpreter
from tests.sampled_cases import sample_cases

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.mark.parametrize(
    ("samples", "elements", "width", "lanes"),
    [
        (20, 60, 16, 32),
        (64, 60, 16, 64),
        (130, 60, 16, 48),  # three tiles, and not four vectors each, of which the last tile would use one
        (64, 60, 8, 32),
        (64, 60, 4, 16),
        (64, 1000, 16, 16),
        (64, 0, 16, 64),
    ],
)
def test_tiles_of_small_networks_have_several_vectors(samples: int, elements: int, width: int, lanes: int) -> None:
    batch: Any = SimpleNamespace(count=samples, num_elements=elements)
    assert BatchTiler.count_lanes(batch, width) == lanes


SIZES = [(1, 1), (2, 5), (7, 13), (13, 30), (30, 3)]

FAST = [(40, 1, 1), (61, 2, 5), (16, 7, 13), (61, 30, 3)]


@pytest.mark.parametrize(
    ("rows", "features", "units"),
    sample_cases([(rows, *size) for rows in (16, 40, 61) for size in SIZES], lambda *case: case in FAST),
)
def test_sums_of_many_sizes(rows: int, features: int, units: int) -> None:
    rng = np.random.default_rng(0)
    x, dtype = pel.matrix("x", shape=("n", features)), "float64" if rows == 61 else "float32"
    W = pel.shared(rng.normal(size=(features, units)).astype(dtype), "W")
    b = pel.shared(np.zeros(units, dtype), "b")
    loss = (pel.tanh(x @ W + b) ** 2).sum()
    f = pel.function([x], loss, updates=pel.optimizers.SGD(0.01).updates(loss))
    values = rng.normal(size=(rows, features)).astype("float32")
    code = compare_with_interpreter(f, 3, values, tolerance=1e-5)
    assert "_sums" in code


def test_products_of_samples_are_summed_over_another_axis() -> None:
    rng = np.random.default_rng(0)
    x, w = pel.tensor("x", shape=("n", 3, 4), dtype="float64"), pel.shared(rng.normal(size=(3, 5)), "w")
    h = pel.tanh(x[:, :, :3] @ w)
    product = pel.tensordot(h, pel.exp(x), axes=((0, 1), (0, 1)))
    compare_with_interpreter(pel.function([x], product, updates={w: 0.9 * w}), 2, rng.normal(size=(37, 3, 4)))


def test_positions_of_extrema_in_tiles() -> None:
    rng = np.random.default_rng(0)
    x, w = pel.matrix("x", shape=("n", 5), dtype="float64"), pel.shared(1.0, "w")
    h = x * w
    f = pel.function([x], [h.argmax(axis=1), h.argmin(axis=1), (h**2).sum()], updates={w: 0.5 * w})
    values = rng.integers(0, 3, (40, 5)).astype("float64")
    values[3, 2] = values[7, 0] = values[9, 4] = values[9, 3] = np.nan
    code = compare_with_interpreter(f, 2, values)
    assert "_sums" in code
