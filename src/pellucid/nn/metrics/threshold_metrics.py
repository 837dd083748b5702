r"""Yes or no at thresholds: how many are right and wrong, and the shares that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Expr
from pellucid.graph.ops.einsum import einsum
from pellucid.graph.ops.elementwise import cast
from pellucid.graph.ops.minmax_where import where
from pellucid.graph.ops.norms import divide_no_nan
from pellucid.graph.ops.reductions import sum
from pellucid.graph.ops.reshape import expand_dims, reshape
from pellucid.graph.ops.search_count import one_hot
from pellucid.graph.ops.sorting import argtop_k
from pellucid.nn.losses.reduction import along
from pellucid.nn.metrics.base import Metric, Sums, weight_of
from pellucid.nn.targets import columns

Thresholds = float | Sequence[float] | None


class AtThresholds(Metric):
    r"""What is made of the counts of right and wrong, yes and no, at thresholds: yes is what is greater.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        From 0 to 1; 0.5 without it, or none where ``top_k`` chooses. For several, the result has one value for each.
    top_k : int, optional
        Only the so many greatest columns of a sample may be yes.
    class_id : int, optional
        The one column that counts.
    name : str, optional
        Under which a history keeps it.

    Raises
    ------
    ValueError
        If a threshold is out of its range.

    Attributes
    ----------
    counted : tuple of str
        Which counts are added up.
    by_label : bool
        Whether the columns of a sample are counted apart.
    """

    by_label = False
    counted: tuple[str, ...] = ("true_positives", "false_positives", "true_negatives", "false_negatives")

    def __init__(
        self,
        thresholds: Thresholds = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        default = 0.5 if top_k is None else -np.inf
        values = np.atleast_1d(np.asarray(default if thresholds is None else thresholds, np.float64))
        if thresholds is not None and not ((values >= 0) & (values <= 1)).all():
            raise OptionError(f"{self.name}: expected thresholds from 0 to 1. Received: thresholds={thresholds!r}")
        self.thresholds, self.top_k, self.class_id = values, top_k, class_id

    def updates(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Sums:
        """Return the counts of a batch at every threshold, weighted."""
        weight = weight_of(y_pred, sample_weight)
        y_true, y_pred = columns(y_true, y_pred, self.name)
        if self.top_k is not None:
            y_pred = only_top(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = (e[..., self.class_id : self.class_id + 1] for e in (y_true, y_pred))
        found = counts(y_true, y_pred, self.thresholds, weight, self.by_label)
        return {name: found[name] for name in self.counted}

    def result(self, sums: Mapping[str, Expr]) -> Expr:
        """Return the figure, one for each threshold, or a number for one."""
        value = self.share(sums)
        result: Expr = value[0] if len(self.thresholds) == 1 else value
        return result

    def share(self, sums: Mapping[str, Expr]) -> Any:
        """Return the figure, one for each threshold: the only count there is, if no kind says otherwise."""
        return sums[self.counted[0]]


def counts(
    y_true: Expr, y_pred: Expr, thresholds: np.ndarray[Any, Any], weight: Expr | None, by_label: bool = False
) -> Sums:
    """Return the sums of the weights of right and wrong, yes and no, at every threshold, and there for each column."""
    dtype = y_pred.dtype
    yes = cast(y_true != 0, dtype=dtype)
    no = 1 - yes
    if weight is not None:
        each = along(weight, y_pred, "sample_weight")
        yes, no = each * yes, each * no
    yes, no, scores = (reshape(e, (-1, y_pred.shape[-1] if by_label else 1)) for e in (yes, no, y_pred))
    said = cast(expand_dims(scores, -1) > thresholds.astype(dtype), dtype=dtype)
    right, wrong = (einsum("nl,nlt->tl", e, said) for e in (yes, no))
    found = {
        "true_positives": right,
        "false_positives": wrong,
        "true_negatives": sum(no, axis=0) - wrong,
        "false_negatives": sum(yes, axis=0) - right,
    }
    return found if by_label else {name: value[:, 0] for name, value in found.items()}


def only_top(y_pred: Expr, k: int) -> Expr:
    """Return the predictions with minus infinity in the place of all but the greatest of each sample."""
    chosen = sum(one_hot(argtop_k(y_pred, k=k, axis=-1), y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    result: Expr = where(chosen > 0, y_pred, np.asarray(-np.inf, y_pred.dtype))
    return result


class OneCount(AtThresholds):
    """A single count, at thresholds."""

    def __init__(self, thresholds: Thresholds = None, name: str | None = None) -> None:
        super().__init__(thresholds, name=name)


class TruePositives(OneCount):
    """How many are yes and said to be."""

    counted = ("true_positives",)


class FalsePositives(OneCount):
    """How many are no and said to be yes."""

    counted = ("false_positives",)


class TrueNegatives(OneCount):
    """How many are no and said to be."""

    counted = ("true_negatives",)


class FalseNegatives(OneCount):
    """How many are yes and said to be no."""

    counted = ("false_negatives",)


class Precision(AtThresholds):
    r"""The share of what is said to be yes that is, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FP})`, 0 where nothing
    is said to be.

    Parameters are those of `AtThresholds`.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], Precision()(t, p))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(0.6666667)
    """

    counted = ("true_positives", "false_positives")

    def share(self, sums: Mapping[str, Expr]) -> Any:
        """Return the precision at every threshold."""
        return precision(sums)


class Recall(AtThresholds):
    r"""The share of what is yes that is said to be, :math:`\mathrm{TP} / (\mathrm{TP} + \mathrm{FN})`, 0 where nothing
    is.

    Parameters are those of `AtThresholds`.

    Examples
    --------
    >>> t, p = pel.vector("t", shape=("n",)), pel.vector("p", shape=("n",))
    >>> pel.function([t, p], Recall()(t, p))([0.0, 1.0, 1.0, 1.0], [0.7, 0.8, 0.9, 0.1])
    np.float32(0.6666667)
    """

    counted = ("true_positives", "false_negatives")

    def share(self, sums: Mapping[str, Expr]) -> Any:
        """Return the recall at every threshold."""
        return recall(sums)


def precision(sums: Mapping[str, Expr]) -> Any:
    """Return the share of what is said to be yes that is."""
    return divide_no_nan(sums["true_positives"], sums["true_positives"] + sums["false_positives"])


def recall(sums: Mapping[str, Expr]) -> Any:
    """Return the share of what is yes that is said to be."""
    return divide_no_nan(sums["true_positives"], sums["true_positives"] + sums["false_negatives"])


def specificity(sums: Mapping[str, Expr]) -> Any:
    """Return the share of what is no that is said to be."""
    return divide_no_nan(sums["true_negatives"], sums["true_negatives"] + sums["false_positives"])
