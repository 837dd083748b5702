"""Kernels as functions of JAX arrays, called through XLA's FFI."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from pellucid.run.backends import note_backends
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels.batch_sharding import Combine, add_parts, shard_batch
from pellucid.run.kernels.contractions import find_contraction
from pellucid.run.kernels.convolution_programs import (
    ConvolutionProgram,
    ConvolutionSpec,
    make_conv_forward,
    make_conv_kernel_gradient,
)
from pellucid.run.kernels.grouped_programs import emit_grouped_conv, emit_grouped_kernel_gradient
from pellucid.run.kernels.grouped_shapes import GroupedSpec
from pellucid.run.kernels.loading import TARGET, request_kernel
from pellucid.run.kernels.matmul_program import (
    BatchedMatmulSpec,
    MatmulSpec,
    choose_tile_vectors,
    emit_batched_matmul,
    emit_matmul,
)
from pellucid.run.kernels.pooling_programs import PoolingSpec, emit_max_pool, emit_max_pool_gradient
from pellucid.run.kernels.window_shapes import Placeholder
from pellucid.run.native.compiler import describe_compiler

if TYPE_CHECKING:
    from jax import Array as JaxArray

Code = TypeVar("Code", str, ConvolutionProgram)


codes: ContextVar[list[str] | None] = ContextVar("codes", default=None)
"""Where the code of kernels is collected instead of calling them."""


@contextmanager
def collect_codes() -> Iterator[list[str]]:
    """Collect the code of the kernels that lowerings call inside a ``with`` block, with placeholders as operands."""
    collected: list[str] = []
    token = codes.set(collected)
    try:
        yield collected
    finally:
        codes.reset(token)


@functools.cache
def emit_code(emit: Callable[[Any], Code], spec: Any) -> Code:
    """Return the code of the kernel for some sizes, or its program with the arguments of a call."""
    return emit(spec)


def request_function(code: str | None) -> int:
    """Start to compile a function that a kernel calls, and return its key; 0 if there is none."""
    collected = codes.get()
    if code is None or collected is None:
        return 0 if code is None else request_kernel(code)
    collected.append(code)
    return 0


def call_kernel(
    code: str,
    shape: tuple[int, ...],
    *operands: JaxArray,
    aliases: dict[int, int] | None = None,
    **attributes: int | Sequence[int],
) -> JaxArray:
    """Call a kernel, whose result has this shape and the dtype of the first operand; see `call_with_results`."""
    collected = codes.get()
    if collected is not None:
        collected.append(code)
        return cast("JaxArray", Placeholder(shape, str(operands[0].dtype)))
    results = [jax().ShapeDtypeStruct(shape, operands[0].dtype)]
    [found] = call_with_results(code, results, *operands, aliases=aliases, **attributes)
    return found


def call_with_results(
    code: str,
    results: Sequence[Any],
    *operands: JaxArray,
    aliases: dict[int, int] | None = None,
    **attributes: int | Sequence[int],
) -> Sequence[JaxArray]:
    """Call a kernel with several results of these shapes and dtypes (`jax.ShapeDtypeStruct`).

    The names of attributes come after ``key`` in the alphabet. Raises `NotNative` if the compiler cannot compile it.
    """
    key = np.int64(request_kernel(code))
    note_backends([f"C kernels: {describe_compiler()}"])  # of the program that is traced
    call = jax().ffi.ffi_call(TARGET, results, vmap_method="sequential", input_output_aliases=aliases or {})
    found: Sequence[JaxArray] = call(
        *operands, key=key, **{name: np.array(value, np.int64)[()] for name, value in attributes.items()}
    )
    return found


def divide_call(
    code: str,
    get_shape: Callable[..., tuple[int, ...]],
    operands: Sequence[JaxArray],
    operand_axes: Sequence[int | None],
    result_axis: int | Combine,
    aliases: dict[int, int] | None = None,
    **attributes: int | Sequence[int],
) -> JaxArray:
    """Call a kernel with one result, whose shape depends on the operands; see `shard_batch` for several devices."""

    def call(*parts: JaxArray) -> list[JaxArray]:
        return [call_kernel(code, get_shape(*parts), *parts, aliases=aliases, **attributes)]

    [found] = shard_batch(call, operands, operand_axes, [result_axis])
    return found


def conv_forward(conv: ConvolutionSpec, *operands: JaxArray, transposed: bool = False) -> JaxArray:
    """Return a convolution of images with a kernel, or its rectified sum with a bias.

    ``transposed`` says whether the kernel is that of the convolution whose transpose ``conv`` describes.
    """
    size = (*(conv.result_size or conv.output_size), conv.filters)
    program, axes = emit_code(make_conv_forward, conv), [0, None, None][: len(operands)]
    return call_convolution(
        program, lambda x, *_: (x.shape[0], *size), operands, axes, 0, {"transposed": int(transposed)}
    )


def conv_kernel_gradient(conv: ConvolutionSpec, x: JaxArray, g: JaxArray) -> JaxArray:
    """Return the gradient with respect to the kernel, given the gradient ``g`` of the output."""
    shape = (*conv.window, conv.channels // conv.groups, conv.filters)
    return call_convolution(emit_code(make_conv_kernel_gradient, conv), lambda *_: shape, (x, g), (0, 0), add_parts, {})


def call_convolution(
    program: ConvolutionProgram,
    get_shape: Callable[..., tuple[int, ...]],
    operands: Sequence[JaxArray],
    operand_axes: Sequence[int | None],
    result_axis: int | Combine,
    attributes: dict[str, int],
) -> JaxArray:
    """Call a kernel with the sizes of a convolution; see `divide_call`."""
    tile = request_function(program.tile)
    return divide_call(
        program.code,
        get_shape,
        operands,
        operand_axes,
        result_axis,
        None,
        tile=tile,
        **program.attributes,
        **attributes,
    )


def grouped_conv(conv: GroupedSpec, *operands: JaxArray) -> JaxArray:
    """Return a grouped convolution of images with a kernel, and a bias if the result is rectified."""
    size, axes = (*conv.output_size, conv.output_channels), [0, None, None][: len(operands)]
    return divide_call(emit_code(emit_grouped_conv, conv), lambda x, *_: (x.shape[0], *size), operands, axes, 0)


def grouped_kernel_gradient(conv: GroupedSpec, x: JaxArray, g: JaxArray) -> JaxArray:
    """Return the gradient with respect to the kernel, given the gradient ``g`` of the output."""
    shape = (*conv.window, conv.channels, conv.output_channels)
    return divide_call(emit_code(emit_grouped_kernel_gradient, conv), lambda *_: shape, (x, g), (0, 0), add_parts)


def max_pool(pool: PoolingSpec, x: JaxArray) -> JaxArray:
    size = (*pool.output_size, pool.channels)
    return divide_call(emit_code(emit_max_pool, pool), lambda part: (part.shape[0], *size), (x,), (0,), 0)


def max_pool_gradient(pool: PoolingSpec, g: JaxArray, y: JaxArray, x: JaxArray) -> JaxArray:
    """Return the gradient with respect to images, given the output ``y`` and its gradient ``g``."""
    code = emit_code(emit_max_pool_gradient, pool)
    return divide_call(code, lambda g, y, x: x.shape, (g, y, x), (0, 0, 0), 0)


def matmul(
    left: JaxArray, right: JaxArray, transposed: tuple[bool, bool], use_amx: bool, *base_and_scale: JaxArray
) -> JaxArray:
    """Return the product of two matrices, or ``base - scale * product``.

    ``transposed`` says which operands are stored transposed. The result replaces the base where XLA can donate it.
    Several devices divide the rows of the left operand as it is stored: those of the result, or those that are summed.
    """
    vectors = 0 if use_amx else choose_tile_vectors(right.shape[not transposed[1]], str(left.dtype))
    spec = MatmulSpec(str(left.dtype), transposed, bool(base_and_scale), vectors)
    code, aliases = emit_code(emit_matmul, spec), {2: 0} if base_and_scale else None
    axes = (0, int(transposed[1]) if transposed[0] else None, *[None] * len(base_and_scale))

    def get_shape(left: JaxArray, right: JaxArray, *_: JaxArray) -> tuple[int, ...]:
        return left.shape[transposed[0]], right.shape[not transposed[1]]

    return divide_call(
        code, get_shape, (left, right, *base_and_scale), axes, add_parts if transposed[0] else 0, aliases
    )


def multiply_batches(first: JaxArray, second: JaxArray, names: Sequence[Sequence[str]]) -> JaxArray:
    """Return a sum of products of two arrays that consists of many matrix products, over the axes with these names.

    Several devices divide the first axis of both arrays and the result.
    """

    def call(*parts: JaxArray) -> list[JaxArray]:
        sizes = {
            a: size for x, axes in zip(parts, names[:2], strict=True) for a, size in zip(axes, x.shape, strict=True)
        }
        c = find_contraction(names, sizes)
        assert c is not None
        vectors = choose_tile_vectors(c.columns, str(first.dtype))
        code = emit_code(emit_batched_matmul, BatchedMatmulSpec(str(first.dtype), c.transposed, vectors))
        batch = (1, 1, *c.batch)[-2:]
        strides = [n for each in c.batch_strides for n in (0, 0, *each)[-2:]]
        layout = [c.rows, c.columns, c.summed, *batch, *c.leading, *strides]
        operands = parts[::-1] if c.swapped else parts
        return [call_kernel(code, tuple(sizes[a] for a in names[2]), *operands, layout=layout)]

    [found] = shard_batch(call, (first, second), (0, 0), [0])
    return found
