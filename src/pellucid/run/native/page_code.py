"""The C of a web page, compiled for this processor, to compute the results of the page without a browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.run.graph_program import Program
from pellucid.run.jax_runtime import without_jax_notes, x64
from pellucid.run.native.codegen import Signature, generate_program
from pellucid.run.native.compile_cache import CompiledLoop
from pellucid.run.native.compiler import describe_compiler, load_library
from pellucid.run.native.errors import NotNative
from pellucid.run.native.jaxpr_reader import trace_step
from pellucid.run.native.target import WEB
from pellucid.run.xla import XlaProgram
from pellucid.typing import Array


def compile_page_code(program: Program, args: Sequence[Array]) -> Callable[[Sequence[Array]], list[Array]]:
    """Compile a program without updates as for a page, for arguments of these shapes; return a function of them.

    Raises
    ------
    UseError
        If the program cannot be written as C, or there is no compiler.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> f = pel.function([x], 2 * x)
    >>> compute = compile_page_code(f.program, [np.ones(2, "float32")])
    >>> compute([np.array([3, 4], "float32")])
    [array([6., 8.], dtype=float32)]
    """
    read = program.get_read_values()
    try:
        with x64(), without_jax_notes():
            block = trace_step(XlaProgram(program).trace_without_kernels, [], read, args)
        code = generate_program(block, Signature(0, len(read), len(args), False), target=WEB)
        outputs = [(v.shape, v.dtype) for v in block.outputs[: len(program.outputs)]]
        loop = CompiledLoop(load_library(code), code, outputs, describe_compiler())
    except NotNative as reason:
        raise UseError(f"This program cannot be compiled as C: {reason}") from reason

    def compute(args: Sequence[Array]) -> list[Array]:
        return [values[0] for values in loop([], read, [np.asarray(a, order="C") for a in args], 0, 1)]

    return compute
