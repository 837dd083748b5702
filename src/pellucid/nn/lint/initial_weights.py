"""Checks of the initial weights: layers whose units are all the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.graph.array_conversion import read_storage
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.finding import Finding
from pellucid.nn.lint.graph_queries import LintGraph, is_op, skip_pass_through
from pellucid.typing import Array

PROBED_ELEMENTS = 64
"""Elements of a kernel that are compared before all are."""


def check_symmetric_weights(graph: LintGraph) -> Iterator[Finding]:
    """Find two layers in a row whose kernels are constant: the units between them stay equal for ever."""
    symmetric: set[Expr] = set()
    for e in graph.find_ops("matmul", "conv"):
        second = get_constant_kernel(e)
        first = None if second is None else find_constant_kernel_below(e.inputs[0])
        if first is None or second is None or second in symmetric:
            continue
        symmetric.add(second)
        values = [float(read_storage(p.storage).ravel()[0]) for p in (first, second)]
        equal = f"All weights of {first} are {values[0]:g}, and all weights of {second} are {values[1]:g}."
        yield Finding(
            "symmetric weights",
            e,
            equal,
            "All units in between compute the same value and get the same gradient"
            + (", which is 0" if values[0] == values[1] == 0 else "")
            + ", so they never become different: the layer is as good as a single unit.",
            "Break the symmetry with random weights, such as kernel_initializer='glorot_uniform', the default. Biases "
            "may be 0.",
        )


def get_constant_kernel(e: Expr) -> Shared | None:
    """Return the trainable kernel of a product or convolution if all its weights are equal, otherwise None."""
    if not is_op(e, "matmul", "conv"):
        return None
    kernel = skip_pass_through(e.inputs[1])
    is_kernel = isinstance(kernel, Shared) and kernel.trainable and kernel.ndim >= 2 and 0 not in kernel.shape
    return kernel if is_kernel and has_equal_elements(read_storage(kernel.storage)) else None  # type: ignore[attr-defined, return-value]


def find_constant_kernel_below(e: Expr) -> Shared | None:
    """Return the constant kernel of the layer that computes an expression, through biases and activations only."""
    while e.op is not None:
        kernel = get_constant_kernel(e)
        if kernel is not None:
            # A single unit has no symmetry to break.
            return kernel if kernel.shape[-1] != 1 else None
        if is_op(e, "matmul", "conv", "join", "dropout", "variable_dropout", "training_only"):
            return None
        data = [i for i in e.inputs if not is_parameter(i)]
        if len(data) != 1 or not all(has_equal_elements(read_storage(p.storage)) for p in list_parameters(e)):
            return None
        [e] = data
    return None


def is_parameter(e: Expr) -> bool:
    return isinstance(skip_pass_through(e), (Shared, Constant)) and not isinstance(e, Input)


def list_parameters(e: Expr) -> list[Shared]:
    """Return the variables among the operands of an op, such as a bias."""
    return [p for i in e.inputs if isinstance(p := skip_pass_through(i), Shared)]


def has_equal_elements(value: Array) -> bool:
    """Return whether all elements of an array are equal; the first few usually tell."""
    flat = np.asarray(value).ravel()
    return bool((flat[:PROBED_ELEMENTS] == flat[:1]).all() and (flat == flat[:1]).all())
