r"""The loss of sequences whose labels have no known places: connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import DtypeError, ShapeError
from pellucid.graph.expr import Expr, agree, as_expr
from pellucid.graph.ops.concatenate import concatenate, stack
from pellucid.graph.ops.creation import full_like, zeros_like
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.iota import arange_like
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.reductions import logsumexp, sum
from pellucid.graph.ops.reshape import reshape
from pellucid.graph.ops.scan import scan
from pellucid.graph.ops.search_count import one_hot
from pellucid.graph.ops.softmax_sigmoid import log_softmax
from pellucid.graph.types import shape_text

NEVER = -1e30
"""The logarithm of the probability of what cannot be."""


def ctc(y_true: Any, y_pred: Any) -> Expr:
    r"""Surprise at a sequence of labels, however it is spread over the steps:
    :math:`-\log \sum_\pi \prod_t p_{t, \pi_t}` over all :math:`\pi` that become the labels when what repeats, and then
    what is blank, is left out.

    The sum goes over all ways at once, step by step: :math:`\alpha_t(s) = p_t(l_s) (\alpha_{t-1}(s) + \alpha_{t-1}(s-1)
    + [l_s \ne l_{s-2}] \, \alpha_{t-1}(s-2))`, where :math:`l` are the labels with a blank around each.

    Parameters
    ----------
    y_true : Expr of integers, shape (batch, labels)
        Classes, from 1; 0 is the blank, and fills up what is shorter.
    y_pred : Expr, shape (batch, steps, classes)
        Scores, whose softmax the probabilities are.

    Returns
    -------
    Expr, shape (batch,)
        In nats; :math:`10^{30}` where the labels do not fit into the steps.

    Raises
    ------
    ShapeError, DtypeError
        If the labels are no integers, or the shapes do not belong together.

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
    y_true, y_pred = sequences(y_true, y_pred)
    log_p = log_softmax(cast(y_pred, dtype=np.result_type(y_pred.dtype, np.float32)))
    blank, places = zeros_like(y_true), 2 * y_true.shape[1] + 1
    between = reshape(stack([blank, y_true], axis=2), (-1, places - 1))
    spread = concatenate([between, blank[:, :1]], axis=1)
    emitted = einsum("ntk,nsk->tns", log_p, one_hot(spread, y_pred.shape[2], dtype=log_p.dtype))
    skips = (spread != shifted(spread, 2, 0)) & (spread != 0)

    def step(now: Expr, before: Expr) -> Any:
        ways = [before, shifted(before, 1, NEVER), where(skips, shifted(before, 2, NEVER), NEVER)]
        return now + logsumexp(stack(ways, axis=0), axis=0)

    nowhere = full_like(emitted[0], NEVER)
    last = scan(step, emitted, concatenate([zeros_like(nowhere[:, :1]), nowhere[:, 1:]], axis=1))[-1]
    end = 2 * sum(cast(y_true != 0, dtype=np.int32), axis=1, keepdims=True)
    place = arange_like(spread, axis=1)
    result: Expr = -logsumexp(where((place == end) | (place == end - 1), last, NEVER), axis=1)
    return result


def shifted(e: Expr, by: int, fill: float) -> Expr:
    """Return what stands so many places before, of every row."""
    made: Expr = concatenate([full_like(e[:, :by], fill), e[:, :-by]], axis=1)
    return made


def sequences(y_true: Any, y_pred: Any) -> tuple[Expr, Expr]:
    """Return labels and scores, or say what they must be."""
    y_true, y_pred = as_expr(y_true), as_expr(y_pred)
    known = y_pred.ndim == 3 and isinstance(y_pred.shape[2], int)
    if y_true.ndim != 2 or not known or not agree(y_true.shape[:1], y_pred.shape[:1]):
        raise ShapeError(
            "ctc: expected y_true of shape (batch, labels) and y_pred of shape (batch, steps, classes). Received: "
            f"y_true={y_true} of shape {shape_text(y_true.shape)} and y_pred={y_pred} of shape "
            f"{shape_text(y_pred.shape)}"
        ).about([y_true, y_pred])
    if not isinstance(y_true.shape[1], int) or y_true.shape[1] < 1:
        raise ShapeError(f"ctc: expected a known number of labels. Received: {shape_text(y_true.shape)}").about(
            [y_true]
        )
    if y_true.dtype.kind not in "iu":
        raise DtypeError(f"ctc: expected integer labels. Received: {y_true}, which is {y_true.dtype}").about([y_true])
    return y_true, y_pred
