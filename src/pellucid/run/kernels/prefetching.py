"""Compilation of kernels that a program will need, while JAX is imported and the program is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.traversal import topological
from pellucid.run.kernels import convolution_lowerings, ffi, lowerings
from pellucid.run.kernels.loading import get_executor, prefetch_kernel, start_preparation
from pellucid.run.kernels.window_shapes import Placeholder
from pellucid.run.native.product_limit import LIMITS, count_summands

LOWERINGS: Mapping[str, Callable[..., Any]] = {
    "conv": convolution_lowerings.conv,
    "conv_input_gradient": convolution_lowerings.conv_input_gradient,
    "conv_kernel_gradient": convolution_lowerings.conv_kernel_gradient,
    "conv_transpose": convolution_lowerings.conv_transpose,
    "max_pool": lowerings.max_pool,
    "max_pool_gradient": lowerings.max_pool_gradient,
}
"""Lowerings that depend on the shapes of the operands only."""


def prefetch_kernels(results: Sequence[Expr], samples: int) -> None:
    """Start to compile the convolutions of a graph, unless they are so small that its loop may be compiled as C.

    The graph need not be traced: it has all sizes but the number of samples, which kernels do not depend on. The number
    decides whether a kernel is worthwhile; it may be less than that of the batches.
    """
    nodes = topological(results)
    products = sum(2 * count_elements(e, samples) * count_summands(e) for e in nodes if is_convolution(e))
    if products > LIMITS.operations and lowerings.get_lowerings():
        start_preparation()
        get_executor().submit(prefetch, nodes, samples)


def prefetch(nodes: Sequence[Expr], samples: int) -> None:
    for code in list_kernels(nodes, samples):
        prefetch_kernel(code)


def list_kernels(nodes: Sequence[Expr], samples: int) -> Iterator[str]:
    """Yield the code of the kernels of convolutions and pooling."""
    summed = {i for e in nodes if e.op is not None and e.op.name == "add" for i in e.inputs}
    for e in nodes:
        if e.op is None or e.op.name not in LOWERINGS:
            continue
        if e in summed and e.settings.get("groups", 1) > 1:  # the bias of a grouped convolution may be fused with it
            continue
        with ffi.collect_codes() as codes:
            LOWERINGS[e.op.name](*(make_placeholder(i, samples) for i in e.inputs), **e.settings)
        yield from codes


def is_convolution(e: Expr) -> bool:
    return e.op is not None and e.op.name == "conv"


def make_placeholder(e: Expr, samples: int) -> Placeholder:
    return Placeholder(tuple(d if isinstance(d, int) else samples for d in e.shape), str(e.dtype))


def count_elements(e: Expr, samples: int) -> int:
    return make_placeholder(e, samples).size
