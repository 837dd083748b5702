"""What the text of every kernel begins with."""

from __future__ import annotations

import platform
from pathlib import Path

from pellucid.run.cache import processor

FRAME = Path(__file__).with_name("frame.c")

SIZES = {"float32": 4, "float64": 8}
"""How many bytes a number takes that kernels compute with."""


def vector_bytes() -> int:
    """Return how long a vector register of this machine is."""
    able = processor().split()
    return 64 if "avx512f" in able else 32 if "avx2" in able else 16


def registers() -> int:
    """Return how many vector registers this machine has."""
    return 32 if vector_bytes() == 64 or platform.machine() in ("aarch64", "arm64") else 16


def head(dtype: str) -> str:
    """Write what all kernels share, and their types: a number, and a register of them."""
    real = "float" if dtype == "float32" else "double"
    return f"""{FRAME.read_text("utf-8")}
typedef {real} real;
typedef {real} vec __attribute__((vector_size({vector_bytes()}), aligned({SIZES[dtype]})));
"""
