"""Assembly of kernel programs from C files and compile-time constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pellucid.run.native.compiler import get_vector_bytes

Pair = tuple[int, int]

ITEM_SIZES = {"float32": 4, "float64": 8}
"""Bytes per element of the dtypes that kernels support."""

AMX_INSTRUCTIONS = "amx/instructions.c"
"""Definitions of the tile instructions. Tests put an emulation here."""


MAX_XLA_VECTOR_BYTES = 32
"""With vectors of up to this size, XLA multiplies matrices, and convolves images with many channels, faster."""


def has_wide_vectors() -> bool:
    """Whether vectors are so long that kernels multiply matrices faster than XLA."""
    return get_vector_bytes() > MAX_XLA_VECTOR_BYTES


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """Sizes of an op that slides a window over two-dimensional images, for any number of images."""

    input_size: Pair  # height and width, as in all pairs
    window: Pair
    output_size: Pair
    channels: int  # of the input
    strides: Pair  # steps of the window
    dilation: Pair = (1, 1)  # steps inside the window
    padding: Pair  # above and left of an image; negative to crop
    dtype: str

    @property
    def padded_size(self) -> Pair:
        """Height and width of the area that the windows cover, padding included."""
        h, w = (
            (n - 1) * s + (k - 1) * d + 1
            for n, s, k, d in zip(self.output_size, self.strides, self.window, self.dilation, strict=True)
        )
        return h, w

    @property
    def constants(self) -> dict[str, int]:
        """Constants of the C program."""
        constants = {"CHANNELS": self.channels}
        pairs = (
            (("HEIGHT", "WIDTH"), self.input_size),
            (("OUTPUT_H", "OUTPUT_W"), self.output_size),
            (("PADDED_H", "PADDED_W"), self.padded_size),
            (("STRIDE_Y", "STRIDE_X"), self.strides),
            (("PAD_TOP", "PAD_LEFT"), self.padding),
        )
        for names, values in pairs:
            constants |= zip(names, values, strict=True)
        return constants


def assemble_kernel(dtype: str, constants: Mapping[str, int], *sources: str) -> str:
    """Return a whole program: the runtime, the types, the constants, and the sources. The last one defines ``run``."""
    listed = ", ".join(f"{name} = {value}" for name, value in constants.items())
    enumeration = [f"enum {{ {listed} }};\n"] if constants else []
    return "\n".join([read_source("runtime.c"), define_types(dtype), *enumeration, *sources])


def assemble_function(dtype: str, *sources: str) -> str:
    """Return the program of a function ``run`` that kernels call. It needs no runtime, which takes long to compile."""
    head = "#include <stdint.h>\n#include <string.h>\n\nconst void *pellucid_services; /* set as in kernels */\n"
    return "\n".join([head, define_types(dtype), *sources])


def define_types(dtype: str) -> str:
    real = "float" if dtype == "float32" else "double"
    attributes = f"__attribute__((vector_size({get_vector_bytes()}), aligned({ITEM_SIZES[dtype]})))"
    return f"""typedef {real} real;
typedef {real} vec {attributes};
typedef int{8 * ITEM_SIZES[dtype]}_t bits {attributes};
"""


def read_source(name: str) -> str:
    """Return the text of a C file, named relative to this folder."""
    return Path(__file__).parent.joinpath(name).read_text("utf-8")


def read_amx_sources(*names: str) -> list[str]:
    """Return the text of C files that use AMX, after the files that they need."""
    return [read_source(name) for name in (AMX_INSTRUCTIONS, "amx/bf16x3.c", *names)]
