r"""Counter-based random bits by Threefry-2x32.

The bits are a function of a key and a counter. Streams, steps and spawned generators differ in the key or the counter,
so that draws share no mutable state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

DRAW, FOLD, SPAWN = 0x70656C, 0x666F6C64, 0x7370776E
"""Tags of derived keys ("pel", "fold", "spwn"), which separate keys of different purposes."""


def threefry(xp: Any, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Encrypt two 32-bit counters with a key of two 32-bit words, in 20 rounds.

    References
    ----------
    J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
    """
    words = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    a, b = counter[0] + words[0], counter[1] + words[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            a = a + b
            b = (b << np.uint32(rotation)) | (b >> np.uint32(32 - rotation))
            b = a ^ b
        a = a + words[(block + 1) % 3]
        b = b + words[(block + 2) % 3] + np.uint32(block + 1)
    return a, b


def derive_key(xp: Any, state: Any, number: Any, purpose: int) -> tuple[Any, Any]:
    """Derive a key from a seed, a number and a purpose. The words are arrays, because scalars warn on overflow."""
    return threefry(xp, (state[0:1], state[1:2]), (number, xp.full(1, purpose, np.uint32)))


def draw_words(xp: Any, state: Any, stream: int, count: int) -> tuple[Any, Any]:
    """Draw two arrays of ``count`` 32-bit words."""
    key = derive_key(xp, state, xp.full(1, stream, np.uint32), DRAW)
    index = xp.arange(count, dtype=np.uint32)
    return threefry(xp, key, (index, state[2:3] + xp.zeros(count, np.uint32)))


def count_random_bits(dtype: Any) -> int:
    """Return the number of random bits in a float: its significand, so that no sample is rounded up to 1."""
    return {"float16": 11, "bfloat16": 8, "float32": 24}.get(np.dtype(dtype).name, 53)


def to_unit_interval(high: Any, low: Any, dtype: Any) -> Any:
    """Convert random words to floats in [0, 1) with the number of bits of `count_random_bits`."""
    if np.dtype(dtype).itemsize <= 4:
        bits = count_random_bits(dtype)
        return ((high >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)).astype(dtype)
    integer = (high >> np.uint32(5)).astype(np.float64) * 2.0**26 + (low >> np.uint32(6)).astype(np.float64)
    return integer * 2.0**-53
