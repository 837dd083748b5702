"""Which loops are compiled as C: the limits of their sizes."""

import numpy as np
import pytest

import pellucid as pel
from pellucid import nn
from pellucid.run.native.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


def is_compiled_as_c(layers, shape, batch):
    model = pel.Sequential([nn.Input(shape), *layers, nn.Dense(2)])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(2 * batch, *each)).astype("float32") for each in (shape, (2,)))
    history = model.fit(x, y, batch_size=batch, verbose=0)
    return any(name.startswith("C loops") for name in history.backends)


@pytest.mark.parametrize(
    ("layers", "shape", "batch", "expected"),
    [
        pytest.param([nn.Dense(64), nn.Dense(64), nn.Dense(64)], (8,), 128, True, id="small weights"),
        pytest.param([nn.Dense(128), nn.Dense(128)], (8,), 64, False, id="large weights"),
        pytest.param([nn.Dense(128), nn.Dense(128)], (8,), 8, True, id="large weights, few operations"),
        pytest.param([nn.Conv2D(16, 3), nn.Flatten()], (12, 12, 3), 64, False, id="convolution"),
    ],
)
def test_large_products_are_c_only_in_dense_networks_with_small_weights(layers, shape, batch, expected):
    assert is_compiled_as_c(layers, shape, batch) == expected
