"""The process of one run: a family at one size, trained with one library.

python -m networks.training weights lstm small weights.npz            write pellucid's initial weights
python -m networks.training pellucid lstm small weights.npz           train, print measurements as JSON
python -m networks.training pellucid lstm small weights.npz initial   compute the initial loss, too
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from phases import Phases

from networks.catalog import FAMILIES, Array, Network
from networks.layer_builder import Weights

MAX_CALLS, MAX_SECONDS = 3, 3.0
"""How many calls of ``fit`` are timed, unless they take longer together."""

Train = Callable[[int, int], list[float]]
"""Trains from an epoch to another, and returns the mean loss of each epoch."""


def by_pellucid(*args: Any) -> Train:
    from networks.by_layers import by_pellucid

    return by_pellucid(*args)


def by_torch(*args: Any, channels_last: bool = False, compiled: bool = False) -> Train:
    """Return the training with PyTorch: eager modules, or a compiled loss."""
    with args[-1]("import"):
        import torch

        from networks.by_torch import train_modules
    return train_modules(*args, channels_last, torch.compile if compiled else lambda forward: forward)


def by_torch_channels_last(*args: Any) -> Train:
    return by_torch(*args, channels_last=True)


def by_torch_compiled(*args: Any) -> Train:
    return by_torch(*args, compiled=True)


def by_jax_step(*args: Any) -> Train:
    with args[-1]("import"):
        from networks.by_jax import train_by_step
    return train_by_step(*args)


def by_jax_scan(*args: Any) -> Train:
    with args[-1]("import"):
        from networks.by_jax import train_by_scan
    return train_by_scan(*args)


def by_keras_jax(*args: Any) -> Train:
    from networks.by_layers import by_keras_jax

    return by_keras_jax(*args)


def by_tensorflow(*args: Any) -> Train:
    from networks.by_layers import by_tensorflow

    return by_tensorflow(*args)


LIBRARIES: dict[str, Callable[..., Train]] = {
    "pellucid": by_pellucid,
    "torch": by_torch,
    "torch_channels_last": by_torch_channels_last,
    "torch_compiled": by_torch_compiled,
    "tensorflow": by_tensorflow,
    "keras_jax": by_keras_jax,
    "jax_step": by_jax_step,
    "jax_scan": by_jax_scan,
}


def is_fair(net: Network, library: str) -> bool:
    """Whether a library is used in this way for a network: XLA's convolutions are far slower in a loop."""
    if library == "torch_channels_last":
        return net.is_convolutional
    return library != "jax_scan" or not (net.is_convolutional or "conv1d" in net.kinds)


def save_weights(net: Network, path: Path) -> None:
    """Write pellucid's initial weights."""
    from networks.by_layers import build_pellucid

    layers = build_pellucid(net)[1].get_weights()
    np.savez(path, **{f"{k:04}.{j:04}": value for k, layer in enumerate(layers) for j, value in enumerate(layer)})


def load_weights(path: Path) -> Weights:
    """Return the weights of each layer that has any."""
    layers: dict[str, list[Any]] = {}
    with np.load(path) as found:
        for name in sorted(found):
            layers.setdefault(name.partition(".")[0], []).append(found[name])
    return list(layers.values())


def measure(net: Network, library: str, weights: Weights, initial: bool) -> dict[str, Any]:
    """Train a network with a library.

    The first epoch contains all compilation. An untimed call follows, whose last epoch has the loss that is compared.
    """
    x, y = net.make_data()
    phase = Phases()
    train = LIBRARIES[library](net, x, y, weights, phase)
    with phase("build"):
        train(0, 1)
    loss = train(1, 1 + net.epochs)[-1]
    seconds: list[float] = []
    while len(seconds) < MAX_CALLS and sum(seconds) < MAX_SECONDS:
        epoch = 1 + net.epochs * (1 + len(seconds))
        start = time.perf_counter()
        with phase("train"):
            train(epoch, epoch + net.epochs)
        seconds.append(time.perf_counter() - start)
    results = {
        "step": median(seconds) / (net.epochs * net.steps),
        "first": phase.seconds["import"] + phase.seconds["build"],
        "peak_bytes": phase.peak_bytes,
        "final": loss,
    }
    return results | ({"initial": compute_initial_loss(net, library, x, y, weights)} if initial else {})


def compute_initial_loss(net: Network, library: str, x: Array, y: Array, weights: Weights) -> float:
    """Return the loss of the first batch at the initial weights: that of an epoch of one step."""
    batch = net.get_order(0)[0]
    one = Network(net.shape, net.layers, net.batch, 1, 1, net.loss, net.vocabulary)
    return LIBRARIES[library](one, x[batch], y[batch], weights, Phases())(0, 1)[0]


def main() -> None:
    """Write weights, or train a network and print the measurements."""
    library, family, size, path, *options = sys.argv[1:]
    net = FAMILIES[family].make_network(size)
    if library == "weights":
        save_weights(net, Path(path))
    else:
        print("\n" + json.dumps(measure(net, library, load_weights(Path(path)), "initial" in options)))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
