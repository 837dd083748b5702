"""Read this first: pellucid's two smallest programs, from a formula to a trained network, and their results.

Run it with ``python -m pytest -n0 tests/test_tiny.py``.
"""

import numpy as np
import pytest

import pellucid as pel
from pellucid.byhand import moons as byhand
from pellucid.data import moons


def test_symbols_become_numbers_gradients_and_simpler_symbols():
    x = pel.vector("x")
    W = pel.shared([0.2, 0.7], name="W")
    y = (x * W).sum()

    f = pel.function([x], y)
    assert f([1.0, 1.0]) == pytest.approx(0.9)
    assert str(f([1.0, 1.0])) == "0.9"

    assert str(pel.grad(y, W)) == "x"

    x, y = pel.vector("x"), pel.vector("y")
    assert str(pel.simplify((x + y) + (x + y))) == "2 * (x + y)"


@pytest.mark.parametrize("dtype", ["float64", "float32"])  # dtype of the points; the weights are float64 in both cases
def test_a_network_from_formulas_learns_two_moons(dtype):
    X_train, y_train = moons(dtype=dtype)
    start = byhand.initialize()

    X, y = pel.matrix("X", shape=("n", 2), dtype=dtype), pel.ivector("y", shape=("n",))
    W1, b1 = pel.shared(start.W1, "W1"), pel.shared(start.b1, "b1")
    W2, b2 = pel.shared(start.W2, "W2"), pel.shared(start.b2, "b2")
    p = pel.softmax(pel.tanh(X @ W1 + b1) @ W2 + b2)
    loss = pel.losses.sparse_categorical_crossentropy(y, p).sum() + 0.005 * ((W1**2).sum() + (W2**2).sum())
    step = pel.function([X, y], loss, updates=pel.optimizers.SGD(0.01).updates(loss, [W1, b1, W2, b2]))
    history = step.repeat(1002, X_train, y_train)  # the whole run is one compiled program

    assert history[1] / 200 == pytest.approx(0.432387, abs=5e-7)
    assert history[1001] / 200 == pytest.approx(0.068947, abs=5e-7)

    predict = pel.function([X], p.argmax(-1))
    assert np.mean(predict(X_train) == y_train) > 0.97
