r"""Connectionist temporal classification (CTC) loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, Operand, as_expr, is_compatible_shape
from pellucid.graph.ops.concatenate import concatenate, stack
from pellucid.graph.ops.creation import full_like, one_hot, zeros_like
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.ranges import arange_like
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import reshape
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.softmax import log_softmax, logsumexp
from pellucid.graph.ops.where import where
from pellucid.graph.types import format_shape
from pellucid.nn.losses.base import DEFAULT_REDUCTION, Loss
from pellucid.nn.losses.reduction import Reduction

__all__ = ["CTC", "ctc"]

LOG_ZERO = -1e30
"""Logarithm of probability 0; finite, so that its gradient is 0 instead of NaN."""


def ctc(y_true: Operand, y_pred: Operand) -> Expr:
    r"""Connectionist temporal classification loss, :math:`-\log \sum_\pi \prod_t p_{t, \pi_t}` over all alignments
    :math:`\pi` that become the labels when repetitions, and then blanks, are removed.

    The forward algorithm computes the sum over alignments step by step:
    :math:`\alpha_t(s) = p_t(l_s) (\alpha_{t-1}(s) + \alpha_{t-1}(s-1) + [l_s \ne l_{s-2}] \, \alpha_{t-1}(s-2))`,
    where :math:`l` are the labels with a blank around each.

    Parameters
    ----------
    y_true : Expr of integers, shape (batch, labels)
        Class labels, starting at 1; 0 is the blank and pads shorter sequences.
    y_pred : Expr, shape (batch, steps, classes)
        Logits.

    Returns
    -------
    Expr, shape (batch,)
        Loss of each sample, in nats; :math:`10^{30}` if the labels do not fit into the steps.

    Raises
    ------
    ShapeError, DtypeError
        If the labels are not integers, or the shapes do not match.

    Examples
    --------
    >>> y, z = pel.imatrix("y", shape=("n", 1)), pel.tensor3("z", shape=("n", 2, 2))
    >>> loss = pel.function([y, z], ctc(y, z))([[1]], [[[0.0, 0.0], [0.0, 0.0]]])
    >>> float(np.exp(-loss[0]))  # 1 and 1, blank and 1, 1 and blank; but not blank and blank
    0.75

    References
    ----------
    A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, Connectionist Temporal Classification: Labelling Unsegmented
    Sequence Data with Recurrent Neural Networks, ICML 2006.
    """
    y_true, y_pred, labels, classes = validate_sequences(y_true, y_pred)
    log_p = log_softmax(cast(y_pred, dtype=np.result_type(y_pred.dtype, np.float32)))
    blank, length = zeros_like(y_true), 2 * labels + 1
    interleaved = reshape(stack([blank, y_true], axis=2), (-1, length - 1))
    extended = concatenate([interleaved, blank[:, :1]], axis=1)
    emitted = einsum("ntk,nsk->tns", log_p, one_hot(extended, classes, dtype=log_p.dtype))
    can_skip = (extended != shift_right(extended, 2, 0)) & (extended != 0)

    def step(log_p_t: Expr, alpha: Expr) -> Expr:
        paths = [alpha, shift_right(alpha, 1, LOG_ZERO), where(can_skip, shift_right(alpha, 2, LOG_ZERO), LOG_ZERO)]
        total: Expr = log_p_t + logsumexp(stack(paths, axis=0), axis=0)
        return total

    initial = full_like(emitted[0], LOG_ZERO)
    last = scan(step, emitted, concatenate([zeros_like(initial[:, :1]), initial[:, 1:]], axis=1))[-1]
    end = 2 * sum(cast(y_true != 0, dtype=np.int32), axis=1, keepdims=True)
    position = arange_like(extended, axis=1)
    result: Expr = -logsumexp(where((position == end) | (position == end - 1), last, LOG_ZERO), axis=1)
    return result


class CTC(Loss):
    """Connectionist temporal classification loss of a batch: `ctc` of each sample, reduced to a scalar.

    Parameters
    ----------
    reduction : str or None
        ``"sum_over_batch_size"`` (the mean), ``"sum"``, ``"mean_with_sample_weight"``, or None for one loss per sample.
    name : str, optional
        Name of the loss. By default the class name in snake case.

    Examples
    --------
    >>> t, y = pel.imatrix("t", shape=("n", 1)), pel.tensor3("y", shape=("n", 2, 3))
    >>> pel.function([t, y], CTC()(t, y))([[1]], [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    np.float32(1.0986123)
    """

    function: ClassVar[Callable[..., Expr]] = staticmethod(ctc)

    def __init__(self, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None) -> None:
        super().__init__(reduction, name)


def shift_right(e: Expr, by: int, fill: float) -> Expr:
    result: Expr = concatenate([full_like(e[:, :by], fill), e[:, :-by]], axis=1)
    return result


def validate_sequences(y_true: Operand, y_pred: Operand) -> tuple[Expr, Expr, int, int]:
    """Return the labels, the predictions, and the known numbers of labels and classes."""
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    classes = y_pred.shape[2] if y_pred.ndim == 3 else None
    if y_true.ndim != 2 or not isinstance(classes, int) or not is_compatible_shape(y_true.shape[:1], y_pred.shape[:1]):
        raise ShapeError(
            "ctc: expected y_true of shape (batch, labels) and y_pred of shape (batch, steps, classes). Received: "
            f"y_true={y_true} of shape {format_shape(y_true.shape)} and y_pred={y_pred} of shape "
            f"{format_shape(y_pred.shape)}"
        ).with_operands([y_true, y_pred])
    if not isinstance(y_true.shape[1], int) or y_true.shape[1] < 1:
        raise ShapeError(
            f"ctc: expected a known number of labels. Received: {format_shape(y_true.shape)}"
        ).with_operands([y_true])
    if y_true.dtype.kind not in "iu":
        raise DtypeError(f"ctc: expected integer labels. Received: {y_true}, which is {y_true.dtype}").with_operands(
            [y_true]
        )
    return y_true, y_pred, y_true.shape[1], classes
