"""How the text of a kernel is put together: files of C beside this one, and the sizes they are compiled for."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from pellucid.run.compilation_cache import processor

Pair = tuple[int, int]

SIZES = {"float32": 4, "float64": 8}
"""How many bytes a number takes that kernels compute with."""


def vector_bytes() -> int:
    """Return how long a vector register of this machine is."""
    able = processor().split()
    return 64 if "avx512f" in able else 32 if "avx2" in able else 16


def registers() -> int:
    """Return how many vector registers this machine has."""
    return 32 if vector_bytes() == 64 or platform.machine() in ("aarch64", "arm64") else 16


def kernel(dtype: str, sizes: Mapping[str, int], *texts: str) -> str:
    """Return a whole program.

    Parameters
    ----------
    dtype : str
        Of all numbers.
    sizes : mapping from str to int
        What the texts call them, and what they are.
    *texts : str
        What comes behind them: files of C, and what was written for these sizes. The last has the handler.
    """
    real = "float" if dtype == "float32" else "double"
    constants = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    types = f"""typedef {real} real;
typedef {real} vec __attribute__((vector_size({vector_bytes()}), aligned({SIZES[dtype]})));
enum {{ {constants} }};
"""
    return "\n".join([file("runtime.c"), types, *texts])


def named(size: Pair, made: Pair, seen: Pair, strides: Pair, before: Pair, channels: int) -> dict[str, int]:
    """Return the sizes of windows that slide over images, as the files of C call them."""
    names = ["HEIGHT", "WIDTH", "MADE_H", "MADE_W", "SEEN_H", "SEEN_W", "STRIDE_Y", "STRIDE_X", "ABOVE", "LEFT"]
    return dict(zip(names, (*size, *made, *seen, *strides, *before), strict=True)) | {"CHANNELS": channels}


def file(name: str) -> str:
    """Return the text of a file beside this one."""
    return Path(__file__).parent.joinpath(name).read_text("utf-8")
