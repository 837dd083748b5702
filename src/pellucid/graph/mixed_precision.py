"""Mixed precision, as a rewriting of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from pellucid.graph.decomposition import expand
from pellucid.graph.errors import DtypeError
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.op import OUTPUT
from pellucid.graph.operators import call_op
from pellucid.graph.traversal import map_subgraphs, rebuild, to_expr_list, topological
from pellucid.graph.types import as_dtype, is_float

PRODUCTS = frozenset(
    ["matmul", "conv", "conv_input_gradient", "conv_kernel_gradient", "conv_transpose", "sum_of_products", "outer"]
)
"""Ops that are computed in low precision. They take most of the time, and accumulate in high precision."""

DECOMPOSED = frozenset(["attention_weights", "attention_output"])
"""Composite ops that are decomposed, because they contain products among other ops."""

FOLLOWERS = frozenset(
    [
        *("add", "subtract", "multiply", "negative", "maximum", "minimum", "clip", "abs", "square", "where"),
        *("relu", "leaky_relu", "tanh", "sigmoid", "softsign", "attach_mask", "dropout", "max_pool"),
        *("reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "broadcast_to", "broadcast_like"),
        *("slice", "join", "flip", "pad", "gather", "stop_gradient", "grad_barrier"),
    ]
)
"""Ops that are computed in low precision if an operand is. They lose no more than the products did."""


@overload
def mixed_precision(expr: Expr, dtype: Any = ...) -> Expr: ...
@overload
def mixed_precision(expr: Sequence[Expr], dtype: Any = ...) -> list[Expr]: ...
def mixed_precision(expr: Expr | Sequence[Expr], dtype: Any = "bfloat16") -> Expr | list[Expr]:
    r"""Rewrite a graph so that matrix products, convolutions, and elementwise ops on their results are computed in low
    precision, :math:`x W \to f_{32}(f_{16}(x) \, f_{16}(W))`.

    Parameters, their gradients and updates keep their dtype. Sums, means, exponentials, logarithms, softmaxes and norms
    are computed in the dtype of the graph.

    ``"bfloat16"`` has the range of float32, so small gradients do not underflow and the loss needs no scaling.
    ``"float16"`` ranges from 6e-8 to 65504; with it, give the optimizer a ``loss_scale_factor``, such as ``2.0**15``.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        A loss or predictions, of float32 or float64. The gradient of the result uses mixed precision too.
    dtype : dtype
        ``"bfloat16"`` or ``"float16"``.

    Returns
    -------
    Expr or list of Expr
        Of the same shapes and dtypes.

    Raises
    ------
    DtypeError
        If it is not a floating-point dtype of 16 bits.

    Examples
    --------
    >>> x, W = pel.matrix("x", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    >>> pel.mixed_precision((x @ W).sum())
    cast(cast(x, dtype=bfloat16) @ cast(W, dtype=bfloat16), dtype=float32).sum()

    References
    ----------
    P. Micikevicius and others, Mixed Precision Training, ICLR 2018.
    """
    low = as_dtype(dtype)
    if low.itemsize != 2 or not is_float(low):
        raise DtypeError(f"Expected a dtype of 16 bits, 'bfloat16' or 'float16'. Received: dtype={dtype!r}")
    lowered = lower_precision(to_expr_list(expr, "mixed_precision"), low)
    return lowered[0] if isinstance(expr, Expr) else lowered


def lower_precision(outputs: Sequence[Expr], low: np.dtype[Any]) -> list[Expr]:
    """Rewrite expressions. Each result keeps its dtype."""
    outputs = decompose_products(outputs)
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = [done[i] for i in node.inputs]
        if node.op is None:
            done[node] = node
        elif node.op is OUTPUT:
            done[node] = node.op.make(tuple(new), node.settings)
        elif (node.op.name in PRODUCTS and is_float(node.dtype)) or (
            node.op.name in FOLLOWERS and any(i.dtype == low for i in new) and all(may_be_lowered(i, low) for i in new)
        ):
            done[node] = node.op.make(tuple(cast_float(i, low) for i in new), node.settings)
        else:
            pairs = zip(new, node.inputs, strict=True)
            high = [cast_float(i, old.dtype) if len(old.types) == 1 else i for i, old in pairs]
            rebuilt = node.op.make(tuple(high), node.settings)
            done[node] = map_subgraphs(rebuilt, lambda inner: lower_precision(inner, low))
    return [cast_float(done[output], output.dtype) for output in outputs]


def decompose_products(outputs: Sequence[Expr]) -> list[Expr]:
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = rebuild(node, [done[i] for i in node.inputs])
        done[node] = expand(new) if new.op is not None and new.op.name in DECOMPOSED else new
    return [done[output] for output in outputs]


def may_be_lowered(e: Expr, low: np.dtype[Any]) -> bool:
    """Tell whether an operand may be cast to low precision.

    Shared variables that are not parameters may not: they may be means that are subtracted.
    """
    is_parameter = isinstance(e, Constant) or (isinstance(e, Shared) and e.trainable_by_default)
    return e.dtype == low or is_parameter or not is_float(e.dtype)


def cast_float(e: Expr, dtype: np.dtype[Any]) -> Expr:
    """Cast a floating-point expression. Others are returned unchanged."""
    return e if e.dtype == dtype or not is_float(e.dtype) else call_op("cast", e, dtype=dtype)
