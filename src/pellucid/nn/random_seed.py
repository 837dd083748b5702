"""Global random seed of layers: one stream for initial weights and one for seeds of random layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pellucid.graph.validation import check_integer

SEED = 0


class _Streams:
    """Two independent streams of one seed, so that adding a dropout layer does not change the initial weights."""

    def __init__(self, seed: int) -> None:
        weights, seeds = np.random.SeedSequence(seed).spawn(2)
        self.weights = np.random.default_rng(weights)
        self.seeds = np.random.default_rng(seeds)


_streams = _Streams(SEED)


def set_random_seed(seed: int) -> None:
    """Set the seed of initial weights and random layers, such as dropout, created from now on.

    A process starts with seed 0. The generators of other libraries do not change.

    Parameters
    ----------
    seed : int
        0 or more. The same seed and program give the same network.

    Raises
    ------
    ValueError
        If the seed is not an integer of 0 or more.

    Examples
    --------
    >>> from pellucid import nn
    >>> nn.set_random_seed(7)
    >>> first = nn.initializers.RandomNormal()((2,))
    >>> nn.set_random_seed(7)
    >>> bool((nn.initializers.RandomNormal()((2,)) == first).all())
    True
    """
    global _streams
    _streams = _Streams(validate_seed(seed))


@contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Use another seed inside a ``with`` block; the previous streams continue after it."""
    global _streams
    before = _streams
    set_random_seed(seed)
    try:
        yield
    finally:
        _streams = before


def validate_seed(seed: int) -> int:
    return check_integer("seed", seed, minimum=0)


def get_weight_generator(seed: int | None = None) -> np.random.Generator:
    """Return the generator of initial weights: the global one, or a new one for a seed."""
    return _streams.weights if seed is None else np.random.default_rng(validate_seed(seed))


def draw_seed() -> int:
    """Draw a seed for a random layer, such as dropout."""
    return int(_streams.seeds.integers(2**63))
