"""Functions of expressions as one WebAssembly module."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.errors import UseError
from pellucid.run.graph_program import Program
from pellucid.run.jax_runtime import without_jax_notes, x64
from pellucid.run.native.c_writer import SIMD
from pellucid.run.native.codegen import Signature, generate_program
from pellucid.run.native.equations import Block
from pellucid.run.native.errors import NotNative
from pellucid.run.native.jaxpr_reader import eliminate_dead_code, trace_step
from pellucid.run.native.target import WEB
from pellucid.run.wasm.toolchain import compile_module
from pellucid.run.xla import XlaProgram

ArrayType = tuple[tuple[int, ...], str]
"""Shape and dtype."""


@dataclass(frozen=True)
class FunctionSource:
    """A program to compile for arguments of certain types.

    The compiled function is ``symbol(state, read, args, history, first, count)``. The first four are arrays of
    addresses: of ``program.updates``, which it overwrites, of ``program.read``, of ``program.inputs``, and of the
    outputs of all steps. ``first`` and ``count`` are 64-bit integers: the first step and the number of steps. With
    ``walk``, each step has its own arguments: step k reads part k of each. ``quiet_symbol`` names the same function
    without outputs, which is faster. Functions that are not ``hot`` are compiled to small code instead of fast code.
    """

    program: Program
    symbol: str
    args: tuple[ArrayType, ...]
    walk: bool = False
    quiet_symbol: str | None = None
    hot: bool = False


@dataclass(frozen=True)
class WasmModule:
    """A compiled module.

    Attributes
    ----------
    simd, relaxed : bytes
        The module without and with the fused multiply-add of relaxed SIMD. The second is None if it was not asked for.
    source : str
        SHA-256 hash of its C.
    outputs : dict from str to list of (shape, dtype)
        Types of the outputs of each function.
    """

    simd: bytes
    relaxed: bytes | None
    source: str
    outputs: dict[str, list[ArrayType]]


@dataclass(frozen=True)
class GeneratedCode:
    """The C of functions by symbol, and the types of their outputs."""

    sources: dict[str, str]
    outputs: dict[str, list[ArrayType]]

    @property
    def source_hash(self) -> str:
        parts = [part for item in sorted(self.sources.items()) for part in item]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def generate_code(functions: Sequence[FunctionSource]) -> GeneratedCode:
    """Generate the C of functions.

    Raises
    ------
    UseError
        If a function uses operations that the C backend does not support, or is too large for it.
    """
    sources: dict[str, str] = {}
    outputs: dict[str, list[ArrayType]] = {}
    for f in functions:
        try:
            block, signature = trace_function(f)
            count = len(f.program.outputs)
            code = generate_program(block, signature, f.symbol, WEB)
            sources[f.symbol] = code if f.hot else favor_size(code, f.symbol)
            outputs[f.symbol] = [(tuple(v.shape), str(v.dtype)) for v in block.outputs[:count]]
            if f.quiet_symbol is not None:
                quiet = eliminate_dead_code(Block(block.inputs, block.equations, block.outputs[count:]))
                sources[f.quiet_symbol] = generate_program(quiet, signature, f.quiet_symbol, WEB)
                outputs[f.quiet_symbol] = []
        except NotNative as reason:
            raise UseError(
                f"{describe(f.program)} cannot be compiled to WebAssembly: {reason}. Use a smaller network or batch, "
                "or operations that mode='native' supports"
            ) from reason
    return GeneratedCode(sources, outputs)


def favor_size(code: str, symbol: str) -> str:
    """Return C that is compiled to small code: loops are neither vectorized nor unrolled."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(SIMD)]
    return "\n".join(lines).replace(f"void {symbol}(", f"__attribute__((minsize)) void {symbol}(")


def trace_function(f: FunctionSource) -> tuple[Block, Signature]:
    program = f.program
    state, read = [read_storage(s.storage) for s in program.updates], program.get_read_values()
    args = [np.zeros(shape, dtype) for shape, dtype in f.args]
    with x64(), without_jax_notes():
        block = trace_step(XlaProgram(program).trace_without_kernels, state, read, args)
    return block, Signature(len(state), len(read), len(args), f.walk)


def describe(program: Program) -> str:
    targets = ", ".join(str(s) for s in program.updates)
    return f"The function that updates {targets}" if targets else f"The function of {program.outputs[0]}"


def compile_code(code: GeneratedCode, *, relaxed: bool = True) -> WasmModule:
    """Compile C to a module without relaxed SIMD, and if asked for with it, too."""

    def compile_variant(flag: bool) -> bytes:
        return compile_module(code.sources, list(code.sources), relaxed=flag)

    with ThreadPoolExecutor(2) as pool:
        compiled = list(pool.map(compile_variant, (False, True) if relaxed else (False,)))
    return WasmModule(compiled[0], compiled[1] if relaxed else None, code.source_hash, code.outputs)


def to_json(module: WasmModule) -> dict[str, Any]:
    """Return a module as JSON data, with its bytes as base64."""
    return {
        "source": module.source,
        "outputs": module.outputs,
        "simd": encode_bytes(module.simd),
        "relaxed": None if module.relaxed is None else encode_bytes(module.relaxed),
    }


def from_json(data: dict[str, Any]) -> WasmModule:
    """Return the module of JSON data. Raises KeyError, ValueError or TypeError for other data."""
    outputs = {
        str(symbol): [(tuple(map(int, shape)), str(dtype)) for shape, dtype in types]
        for symbol, types in data["outputs"].items()
    }
    simd, relaxed = (data[name] and base64.b64decode(data[name], validate=True) for name in ("simd", "relaxed"))
    return WasmModule(simd, relaxed, str(data["source"]), outputs)


def encode_bytes(content: bytes) -> str:
    return base64.b64encode(content).decode()
