"""Where layers draw from: one seed for the process, one stream for first weights and one for the seeds of dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError

SEED = 0


class _Streams:
    """Two independent streams of one seed, so that a dropout more or less leaves the first weights as they are."""

    def __init__(self, seed: int) -> None:
        weights, seeds = np.random.SeedSequence(seed).spawn(2)
        self.weights = np.random.default_rng(weights)
        self.seeds = np.random.default_rng(seeds)


_streams = _Streams(SEED)


def set_random_seed(seed: int) -> None:
    """Begin all random numbers of layers again: the first weights and the dropout of layers that are made from here on.

    Without it a process begins with seed 0. Other libraries' generators are left alone.

    Parameters
    ----------
    seed : int
        0 or more. The same seed and the same program give the same network.

    Raises
    ------
    ValueError
        If it is no integer of 0 or more.

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
    _streams = _Streams(as_seed(seed))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a seed meanwhile, as after `set_random_seed`, and go on afterwards where things stood before."""
    global _streams
    before = _streams
    set_random_seed(seed)
    try:
        yield
    finally:
        _streams = before


def as_seed(seed: Any) -> int:
    """Return a seed, or say what it must be."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise OptionError(f"Expected a seed that is an integer of 0 or more. Received: seed={seed!r}")
    return int(seed)


def weight_generator(seed: int | None = None) -> np.random.Generator:
    """Return the generator of first weights: the process's, or one of a seed of its own."""
    return _streams.weights if seed is None else np.random.default_rng(as_seed(seed))


def next_seed() -> int:
    """Draw the seed of another stream, such as that of a dropout layer."""
    return int(_streams.seeds.integers(2**63))
