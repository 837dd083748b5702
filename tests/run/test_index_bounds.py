"""Labels and indices out of range are refused before a program runs."""

from __future__ import annotations

import numpy as np
import pytest

import pellucid as pel
from pellucid.graph.errors import InputError


@pytest.mark.parametrize("mode", ["numpy", "xla"])
def test_labels_must_be_less_than_the_number_of_classes(mode: str) -> None:
    X, y = pel.matrix("X", shape=("n", 2)), pel.ivector("y", shape=("n",))
    loss = pel.losses.sparse_categorical_crossentropy(y, pel.softmax(X)).sum()
    f = pel.function([X, y], loss, mode=mode)
    points = np.zeros((3, 2), "float32")
    f(points, [0, 1, 1])
    with pytest.raises(InputError, match=r"Expected y to be from 0 to 1, because it is an index in .* Received: -1"):
        f(points, [0, -1, 1])
    with pytest.raises(InputError, match=r"Expected y to be from 0 to 1.* Received: 2"):
        f.repeat(5, points, [0, 1, 2])


def test_indices_must_be_in_range() -> None:
    table, i = pel.shared(np.arange(4.0), "table"), pel.ivector("i")
    f = pel.function([i], table[i])
    np.testing.assert_array_equal(f([3, -4]), [3, 0])
    with pytest.raises(
        InputError, match=r"Expected i to be from -4 to 3, because it is an index in table\[i\]. Received: 7"
    ):
        f([0, 7])
    with pytest.raises(InputError, match="Received: -5"):
        f.over([[0], [-5]])
