"""Assembly of kernel programs from C files and compile-time constants."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from pellucid.run.compilation_cache import processor

Pair = tuple[int, int]

ITEM_SIZES = {"float32": 4, "float64": 8}
"""Bytes per element of the dtypes that kernels support."""

AMX_INSTRUCTIONS = "amx/instructions.c"
"""Definitions of the tile instructions. Tests put an emulation here."""


def get_vector_bytes() -> int:
    features = processor().split()
    return 64 if "avx512f" in features else 32 if "avx2" in features else 16


def count_vector_registers() -> int:
    return 32 if get_vector_bytes() == 64 or platform.machine() in ("aarch64", "arm64") else 16


def assemble_kernel(dtype: str, constants: Mapping[str, int], *sources: str) -> str:
    """Return a whole program: the runtime, the types, the constants, and the sources. The last one defines ``run``."""
    real = "float" if dtype == "float32" else "double"
    listed = ", ".join(f"{name} = {value}" for name, value in constants.items())
    types = f"""typedef {real} real;
typedef {real} vec __attribute__((vector_size({get_vector_bytes()}), aligned({ITEM_SIZES[dtype]})));
enum {{ {listed} }};
"""
    return "\n".join([read_source("runtime.c"), types, *sources])


def window_constants(
    input_size: Pair, output_size: Pair, padded_size: Pair, strides: Pair, padding: Pair, channels: int
) -> dict[str, int]:
    """Return the constants of kernels that slide windows over images."""
    constants = {"CHANNELS": channels}
    pairs = (
        (("HEIGHT", "WIDTH"), input_size),
        (("OUTPUT_H", "OUTPUT_W"), output_size),
        (("PADDED_H", "PADDED_W"), padded_size),
        (("STRIDE_Y", "STRIDE_X"), strides),
        (("PAD_TOP", "PAD_LEFT"), padding),
    )
    for names, values in pairs:
        constants |= zip(names, values, strict=True)
    return constants


def read_source(name: str) -> str:
    """Return the text of a C file, named relative to this folder."""
    return Path(__file__).parent.joinpath(name).read_text("utf-8")


def read_amx_sources(*names: str) -> list[str]:
    """Return the text of C files that use AMX, after the files that they need."""
    return [read_source(name) for name in (AMX_INSTRUCTIONS, "amx/bf16x3.c", *names)]
