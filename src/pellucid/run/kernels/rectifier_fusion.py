"""Fusion of a bias and a rectifier with the convolution before them.

Rectifying a sum a second time, and asking whether it is positive, give the same answers for the rectified sum. If a sum
of a convolution and a bias is used for nothing else, as in training, its value is therefore replaced by the rectified
sum, which the kernel computes without another pass through memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.graph.evaluate import LoweringContext
from pellucid.graph.expr import Constant, Expr
from pellucid.run.jax_runtime import jax
from pellucid.run.kernels import convolution_lowerings
from pellucid.run.kernels.matmul_dispatch import get_only_user
from pellucid.run.kernels.reduction_lowerings import has_normalizations

if TYPE_CHECKING:
    from jax import Array as JaxArray


def conv(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a convolution, or None to leave it to XLA, or to the sum that it is fused with."""
    total = get_only_user(node, context)
    if total is not None and match_rectified_sum(total, context) is not None:
        return None
    return convolution_lowerings.conv(*(context.values[i] for i in node.inputs), **node.settings)


def add(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return the rectified sum of a convolution and a bias, or None to leave it to XLA."""
    match = match_rectified_sum(node, context)
    if match is None:
        return None
    convolution, bias = match
    x, kernel = (context.values[i] for i in convolution.inputs)
    vector = jax().numpy.asarray(context.values[bias], node.dtype)
    result = convolution_lowerings.conv(x, kernel, **convolution.settings, bias=vector)
    if result is not None:
        context.rectified.add(node)
    return result


def relu(node: Expr, context: LoweringContext) -> JaxArray | None:
    """Return a sum that is already rectified, or None to leave it to XLA."""
    (total,) = node.inputs
    result: JaxArray | None = context.values[total] if total in context.rectified else None
    return result


def match_rectified_sum(total: Expr, context: LoweringContext) -> tuple[Expr, Expr] | None:
    """Return the convolution and the bias of a sum of which only the positive part is used; None for any other."""
    if total.op is None or total.op.name != "add" or total in context.outputs:
        return None
    if has_normalizations(context):  # their reductions compute sums and rectifiers again, from the convolution
        return None
    users = context.users.get(total, ())
    if not all(is_rectifier(user, total) for user in users) or not any(is_named(user, "relu") for user in users):
        return None
    for convolution, bias in (total.inputs, total.inputs[::-1]):
        fits = bias.ndim == 1 and bias.shape == convolution.shape[-1:] and bias.dtype == convolution.dtype
        if is_named(convolution, "conv") and fits and get_only_user(convolution, context) is total:
            return convolution, bias
    return None


def is_rectifier(user: Expr, total: Expr) -> bool:
    """Whether an expression gives the same answer for a sum and for the rectified sum."""
    if is_named(user, "relu"):
        return True
    if not is_named(user, "greater") or user.inputs[0] is not total:
        return False
    threshold = user.inputs[1]
    return isinstance(threshold, Constant) and threshold.ndim == 0 and not threshold.value


def is_named(e: Expr, name: str) -> bool:
    return e.op is not None and e.op.name == name
