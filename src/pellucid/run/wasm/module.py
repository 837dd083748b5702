"""Functions of expressions as C for WebAssembly, and several of them as one module."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.run.function import Function
from pellucid.run.jax_runtime import without_jax_notes, x64
from pellucid.run.native.codegen import Signature, generate_program
from pellucid.run.native.equations import Block
from pellucid.run.native.errors import NotNative
from pellucid.run.native.jaxpr_reader import eliminate_dead_code, trace_step
from pellucid.run.program import Program
from pellucid.run.wasm.toolchain import compile_module
from pellucid.run.xla import XlaProgram

OutputType = tuple[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class WasmFunction:
    """The C of a loop of steps for arguments of certain shapes.

    ``symbol(state, read, args, history, first, count)`` takes arrays of addresses: of ``program.updates``, which it
    overwrites, of ``program.read``, of ``program.inputs``, and of the outputs of all steps. ``first`` and ``count`` are
    64-bit integers: the first step and the number of steps. With ``walk``, step k reads part k of each argument.
    """

    symbol: str
    code: str
    program: Program
    outputs: tuple[OutputType, ...]
    walk: bool


@dataclass(frozen=True)
class WasmModule:
    """A compiled module, with and without the fused multiply-add of relaxed SIMD; ``source`` is the hash of its C."""

    simd: bytes
    relaxed: bytes
    source: str


def write_functions(
    function: Function, symbols: Sequence[str], args: Sequence[Any], *, walk: bool = False
) -> list[WasmFunction]:
    """Return the C of a function for arguments shaped like ``args``: with its outputs, and without them.

    Parameters
    ----------
    function : Function
        The function. Its updates are those of the C.
    symbols : sequence of str
        One or two names in C. The second is that of the function that only updates the shared variables.
    args : sequence of arrays
        Arguments of one step, in the order of the inputs. Their values do not matter.
    walk : bool
        Whether each step has its own arguments.

    Raises
    ------
    UseError
        If the function uses operations that the C backend does not support.
    """
    program = function.program
    state = [np.asarray(s.storage) for s in program.updates]
    read = program.get_read_values()
    signature = Signature(len(state), len(read), len(args), walk)
    try:
        with x64(), without_jax_notes():
            block = trace_step(XlaProgram(program).trace_without_kernels, state, read, list(args))
        count = len(program.outputs)
        blocks = [block, eliminate_dead_code(Block(block.inputs, block.equations, block.outputs[count:]))]
        written = []
        for symbol, part in zip(symbols, blocks, strict=False):
            outputs = tuple((v.shape, v.dtype) for v in part.outputs[: len(part.outputs) - len(state)])
            written.append(WasmFunction(symbol, generate_program(part, signature, symbol), program, outputs, walk))
    except NotNative as reason:
        raise UseError(
            f"WebAssembly: {describe(program)} cannot be compiled for a web page: {reason}. Use a smaller network or "
            "batch, or operations that mode='native' supports"
        ) from reason
    return written


def describe(program: Program) -> str:
    targets = ", ".join(str(s) for s in program.updates)
    return f"the function that updates {targets}" if targets else f"the function of {program.outputs[0]}"


def build_module(functions: Sequence[WasmFunction]) -> WasmModule:
    """Compile functions to one module, in two variants."""
    sources = {f.symbol: f.code for f in functions}
    exports = list(sources)
    with ThreadPoolExecutor(2) as pool:
        simd, relaxed = pool.map(lambda flag: compile_module(sources, exports, relaxed=flag), (False, True))
    return WasmModule(simd, relaxed, hash_sources(sources))


def hash_sources(sources: dict[str, str]) -> str:
    """Return the SHA-256 hash of C sources and their names."""
    return hashlib.sha256("\0".join(part for item in sorted(sources.items()) for part in item).encode()).hexdigest()
