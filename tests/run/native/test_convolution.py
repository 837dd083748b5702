"""Convolutional networks compiled from C compared with the interpreter."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import pellucid as pel
from pellucid.run.function import Function
from pellucid.run.native.compiler import find_compiler
from pellucid.run.native.target import get_native_target
from tests.run.native.test_loops import compare_with_interpreter

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def make_network(*, groups: int = 1, **settings: Any) -> tuple[Function, np.ndarray, np.ndarray]:
    """Return the training step of two convolutions, max pooling and a fully connected layer, and a batch."""
    rng = np.random.default_rng(0)
    x, y = pel.tensor4("x", shape=("n", 9, 6, 2), dtype="float64"), pel.ivector("y", shape=("n",))
    K1 = pel.shared(rng.normal(size=(3, 2, 2, 8)) * 0.4, "K1")
    K2 = pel.shared(rng.normal(size=(3, 3, 8 // groups, 6)) * 0.4, "K2")
    h = pel.relu(pel.conv(x, K1, padding="same", **settings))
    h = pel.relu(pel.conv(pel.max_pool(h, 2, padding="same"), K2, padding=((1, 1), (0, 1)), groups=groups))
    flat = h.reshape((-1, int(np.prod(h.shape[1:]))))
    W = pel.shared(rng.normal(size=(flat.shape[1], 3)) * 0.4, "W")
    loss = pel.losses.sparse_categorical_crossentropy(y, pel.softmax(flat @ W)).mean()
    f = pel.function([x, y], loss, updates=pel.optimizers.SGD(0.1).updates(loss))
    return f, rng.normal(size=(5, 9, 6, 2)), rng.integers(0, 3, 5).astype("int32")


def test_a_convolutional_network_is_trained_without_storing_patches() -> None:
    f, x, y = make_network()
    code = compare_with_interpreter(f, 3, x, y)
    patches = x.size * 3 * 2
    assert max(int(size) for size in re.findall(r"(?:double|float) \w+\[(\d+)\]", code)) < patches


def test_groups_and_strides() -> None:
    f, x, y = make_network(groups=2, strides=(2, 1))
    compare_with_interpreter(f, 3, x, y)


def test_tiles_of_a_product_cover_several_axes() -> None:
    rng = np.random.default_rng(0)
    x = pel.tensor4("x", shape=(3, 4, 2, 5), dtype="float64")
    W = pel.shared(rng.normal(size=(5, 6)), "W")
    f = pel.function([x], x @ W, updates={W: W + 0.01})
    code = compare_with_interpreter(f, 3, rng.normal(size=(3, 4, 2, 5)))
    rows = get_native_target().tile_rows // 4 * 4  # a multiple of the last axis whose quotient divides the one before
    assert len(set(re.findall(r"const double (a\d+) = ", code))) == rows
