r"""One-hot encoding of integers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.index_spec import check_integer_indices
from pellucid.graph.types import Type, as_dtype


def _infer_type(indices: Expr, num_classes: int, dtype: Any) -> Type:
    check_integer_indices(indices, "one_hot")
    return Type((*indices.shape, num_classes), dtype)


def _text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
    dtype = settings.get("dtype")
    shown = "" if dtype is None or dtype == as_dtype(None) else f", dtype={dtype}"
    return ["one_hot(", (operands[0], 0), f", {settings.get('num_classes')}{shown})"]


@op(
    tex=r"\operatorname{{onehot}}({0:_})",
    text=_text,
    infer=_infer_type,
    normalize=lambda x, num_classes, dtype=None: {"num_classes": operator.index(num_classes), "dtype": as_dtype(dtype)},
    differentiable=False,
    examples=lambda rng: [((np.array([[2, 0], [1, 1]]),), {"num_classes": 4})],
)
def one_hot(xp: Any, x: Any, num_classes: Any = None, dtype: Any = None) -> Any:
    r"""One-hot encoding of integers along a new last axis, :math:`t_{k} = [x = k]`.

    Parameters
    ----------
    x : Expr or array of integers
        From 0 to ``num_classes - 1``. Any other integer gives a row of zeros.
    num_classes : int
        The length of the new axis.
    dtype : dtype, optional
        The dtype of the result; by default `config.floatx`.

    Returns
    -------
    Expr
        With one more axis.

    Examples
    --------
    >>> pel.one_hot(pel.ivector("y", shape=("n",)), 10).shape
    ('n', 10)
    """
    return (xp.expand_dims(x, -1) == xp.arange(num_classes, dtype=x.dtype)).astype(dtype)
