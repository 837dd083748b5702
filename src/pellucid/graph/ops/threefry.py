r"""The bits that random numbers are made of: Threefry-2x32, a function of a key and a counter.

Whoever needs another stream, another step or another child changes the key or the counter; nothing is ever carried
over from one draw to the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

DRAW, FOLD, SPAWN = 0x70656C, 0x666F6C64, 0x7370776E
"""What a derived key is for, so that keys for different ends never meet."""


def threefry(xp: Any, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Mix two 32-bit counters under a key of two 32-bit words, in twenty rounds.

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


def derived(xp: Any, state: Any, number: Any, purpose: int) -> tuple[Any, Any]:
    """Make a key of a seed, a number and what it is for; words are arrays of one element, which may wrap around."""
    return threefry(xp, (state[0:1], state[1:2]), (number, xp.full(1, purpose, np.uint32)))


def words(xp: Any, state: Any, stream: int, count: int) -> tuple[Any, Any]:
    """Draw two arrays of so many 32-bit words."""
    key = derived(xp, state, xp.full(1, stream, np.uint32), DRAW)
    place = xp.arange(count, dtype=np.uint32)
    return threefry(xp, key, (place, state[2:3] + xp.zeros(count, np.uint32)))


def precision(dtype: Any) -> int:
    """Return how many random bits a real number gets: as many as it holds exactly, so that none rounds up to 1."""
    return {"float16": 11, "bfloat16": 8, "float32": 24}.get(np.dtype(dtype).name, 53)


def unit(high: Any, low: Any, dtype: Any) -> Any:
    """Turn random words into real numbers in [0, 1), of 24 bits for float32 and 53 for float64."""
    if np.dtype(dtype).itemsize <= 4:
        bits = precision(dtype)
        return ((high >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)).astype(dtype)
    whole = (high >> np.uint32(5)).astype(np.float64) * 2.0**26 + (low >> np.uint32(6)).astype(np.float64)
    return whole * 2.0**-53
