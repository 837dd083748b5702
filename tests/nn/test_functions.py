"""One seed makes one network, and importing layers is light."""

import subprocess
import sys
from typing import Any

import numpy as np

import pellucid as pel
from pellucid import nn


def network(seed: int) -> Any:
    nn.set_random_seed(seed)
    x = pel.matrix("x", shape=("n", 4))
    h = nn.Dropout(0.5)(nn.Dense(16, activation="tanh")(x))
    step = pel.function([x], nn.Dense(2)(h), mode="numpy")
    return np.concatenate([step(np.ones((3, 4), "float32")) for _ in range(2)])


def test_the_same_seed_gives_the_same_network_and_the_same_dropout() -> None:
    np.testing.assert_array_equal(network(3), network(3))
    assert (network(3) != network(4)).any()


def test_dropout_leaves_the_weights_as_they_are() -> None:
    x = pel.matrix("x", shape=("n", 4))
    kernels = []
    for rate in (0, 0.5):
        nn.set_random_seed(0)
        layer = nn.Dense(3)
        layer(nn.Dropout(rate)(x))
        kernels.append(layer.kernel.get_value())
    np.testing.assert_array_equal(*kernels)


def test_layers_are_built_without_jax() -> None:
    program = (
        "import sys, pellucid as pel; from pellucid import nn; x = pel.matrix('x', shape=('n', 3));"
        "loss = nn.Dense(2, activation='softmax')(nn.Dropout(0.5)(x)).sum(); nn.optimizers.Adam().updates(loss);"
        "assert not {'jax', 'sklearn', 'matplotlib', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
