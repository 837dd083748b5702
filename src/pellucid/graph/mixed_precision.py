"""Mixed precision as a rewriting: products in few digits, sums and logarithms in many, parameters as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from pellucid.graph.decomposition import expand
from pellucid.graph.errors import DtypeError
from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.operators import call_op
from pellucid.graph.subgraph import Subgraph
from pellucid.graph.traversal import rebuild, to_expr_list, topological
from pellucid.graph.types import as_dtype, is_float

PRODUCTS = frozenset(
    ["matmul", "conv", "conv_input_gradient", "conv_kernel_gradient", "conv_transpose", "sum_of_products", "outer"]
)
"""Ops that are computed in few digits: they take nearly all the time, and add up in many digits inside."""

DECOMPOSED = frozenset(["attention_weights", "attended"])
"""Formulas that are opened, because there are products in them and more."""

FOLLOWERS = frozenset(
    [
        *(
            "add",
            "subtract",
            "multiply",
            "negative",
            "maximum",
            "minimum",
            "clip",
            "where",
            "relu",
            "leaky_relu",
            "tanh",
        ),
        *("sigmoid", "softsign", "masked", "dropout", "abs", "square"),
        *("reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "broadcast_to", "broadcast_like"),
        *("slice", "join", "flip", "pad", "max_pool", "gather", "stop_gradient", "grad_barrier"),
    ]
)
"""Ops that are computed in few digits if what they are made of is: what they lose is no more than the products lost."""


@overload
def mixed_precision(expr: Expr, dtype: Any = ...) -> Expr: ...
@overload
def mixed_precision(expr: Sequence[Expr], dtype: Any = ...) -> list[Expr]: ...
def mixed_precision(expr: Expr | Sequence[Expr], dtype: Any = "bfloat16") -> Expr | list[Expr]:
    r"""Rewrite a graph so that products of matrices and convolutions, and what follows them element by element, are
    computed in few digits, :math:`x W \to f_{32}(f_{16}(x) \, f_{16}(W))`.

    Parameters, and so their gradients and updates, stay as they are. Sums, means, exponentials, logarithms, softmaxes
    and norms are computed in the dtype of the graph.

    ``"bfloat16"`` reaches as far as float32, from 1e-38 to 3e38, so small gradients do not vanish in it and the loss
    needs no scaling. ``"float16"`` ends at 6e-8 and at 65504: there, give the optimizer a ``loss_scale_factor``, such
    as ``2.0**15``.

    Parameters
    ----------
    expr : Expr or sequence of Expr
        A loss or predictions, of float32 or float64. Differentiate what comes back, and the gradient is computed the
        same way.
    dtype : dtype
        The few digits: ``"bfloat16"`` or ``"float16"``.

    Returns
    -------
    Expr or list of Expr
        Of the same shapes and dtypes.

    Raises
    ------
    DtypeError
        If it is no dtype of 16 bits.

    Examples
    --------
    >>> x, W = pel.matrix("x", shape=("n", 2)), pel.shared([[1.0], [2.0]], "W")
    >>> pel.mixed_precision((x @ W).sum())
    cast(cast(x, dtype=bfloat16) @ cast(W, dtype=bfloat16), dtype=float32).sum()

    References
    ----------
    P. Micikevicius and others, Mixed Precision Training, ICLR 2018.
    """
    few = as_dtype(dtype)
    if few.itemsize != 2 or not is_float(few):
        raise DtypeError(f"Expected a dtype of 16 bits, 'bfloat16' or 'float16'. Received: dtype={dtype!r}")
    outputs = to_expr_list(expr, "mixed_precision")
    found = lower_precision(outputs, few)
    return found[0] if isinstance(expr, Expr) else found


def lower_precision(outputs: Sequence[Expr], few: np.dtype[Any]) -> list[Expr]:
    """Rewrite expressions; each result has the dtype it had."""
    outputs = decompose_products(outputs)
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = [done[i] for i in node.inputs]
        if node.op is None:
            done[node] = node
        elif node.op is OUTPUT:
            done[node] = node.op.make(tuple(new), node.settings)
        elif node.op.name in PRODUCTS and is_float(node.dtype):
            done[node] = node.op.make(tuple(cast_float(i, few) for i in new), node.settings)
        elif (
            node.op.name in FOLLOWERS
            and any(i.dtype == few for i in new)
            and all(map(may_be_lowered, new, [few] * len(new)))
        ):
            done[node] = node.op.make(tuple(cast_float(i, few) if is_float(i.dtype) else i for i in new), node.settings)
        else:
            full = [
                cast_float(i, old.dtype) if len(old.types) == 1 else i for i, old in zip(new, node.inputs, strict=True)
            ]
            settings = {
                key: lower_subgraph(v, few) if isinstance(v, Subgraph) else v for key, v in node.settings.items()
            }
            done[node] = node.op.make(tuple(full), settings)
    return [cast_float(done[output], output.dtype) for output in outputs]


def decompose_products(outputs: Sequence[Expr]) -> list[Expr]:
    """Open the formulas that have products in them."""
    done: dict[Expr, Expr] = {}
    for node in topological(outputs):
        new = rebuild(node, [done[i] for i in node.inputs])
        done[node] = expand(new) if new.op is not None and new.op.name in DECOMPOSED else new
    return [done[output] for output in outputs]


def lower_subgraph(body: Subgraph, few: np.dtype[Any]) -> Subgraph:
    """Rewrite the graph inside an op, whose states must keep their dtypes."""
    return Subgraph(body.inputs, tuple(lower_precision(body.outputs, few)))


def may_be_lowered(e: Expr, few: np.dtype[Any]) -> bool:
    """Tell whether an operand may be taken in few digits: it is so already, is given as it is, or is no real number.

    A shared variable that is not learned is not, for what it is may be a mean that is subtracted.
    """
    given = isinstance(e, Constant) or (isinstance(e, Shared) and e.trainable_by_default)
    return e.dtype == few or given or not is_float(e.dtype)


def cast_float(e: Expr, dtype: np.dtype[Any]) -> Expr:
    """Return an expression in a dtype, itself if it has it or is what was cast from it."""
    if e.dtype == dtype or not is_float(e.dtype):
        return e
    made: Expr = call_op("cast", e, dtype=dtype)
    return made
