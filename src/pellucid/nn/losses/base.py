r"""Losses as objects, with Keras's spellings: a loss, its settings, and how values become one number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from pellucid.graph.expr import Expr, as_expr
from pellucid.nn.did_you_mean import Spelt
from pellucid.nn.losses.reduction import check_reduction, reduce_values
from pellucid.nn.masks import mask_of
from pellucid.nn.registry import snake_case

MEAN = "sum_over_batch_size"


class Loss(Spelt):
    r"""A loss that is one number, :math:`\frac{1}{n} \sum_i w_i \, \ell(t_i, y_i)`.

    A kind of it names its ``function``, or says in `call` what the loss of each sample is.

    Parameters
    ----------
    reduction : str or None
        How values become one number; see `reduce_values`.
    name : str, optional
        Without it, that of the function.

    Raises
    ------
    ValueError
        For another reduction.

    Examples
    --------
    >>> class FourthPower(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ((y_true - y_pred) ** 4).mean(axis=-1)
    >>> t, y = pel.matrix("t", shape=("n", 2)), pel.matrix("y", shape=("n", 2))
    >>> FourthPower()(t, y)
    ((t - y) ** 4).mean(axis=1).mean()
    """

    function: ClassVar[Callable[..., Expr] | None] = None
    """The loss of each sample, a function of targets, predictions and the settings."""

    def __init__(self, reduction: str | None = MEAN, name: str | None = None, **settings: Any) -> None:
        self.reduction = check_reduction(reduction)
        self.name = snake_case(type(self).__name__) if name is None else name
        self.settings = settings

    @classmethod
    def takes(cls) -> list[str] | None:
        """Return the names of its arguments: those of its function too, if it has one."""
        if (known := super().takes()) is not None or cls.function is None:
            return known
        return ["reduction", "name", *list(inspect.signature(cls.function).parameters)[2:]]

    def call(self, y_true: Any, y_pred: Any) -> Expr:
        """Return one value a sample."""
        if self.function is None:
            raise NotImplementedError(f"{type(self).__name__} does not say what it computes")
        return type(self).function(y_true, y_pred, **self.settings)  # type: ignore[misc]

    def mask(self, y_true: Any, y_pred: Any) -> Expr | None:
        """Return which values count, or None where all do."""
        return mask_of(as_expr(y_pred))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Expr:
        """Return the loss of a batch, a scalar; without a reduction one value a sample.

        Steps that the mask of the prediction leaves out do not count.
        """
        values = self.call(y_true, y_pred)
        mask = self.mask(y_true, y_pred) if values.ndim else None
        return reduce_values(values, sample_weight, mask, self.reduction)

    def __repr__(self) -> str:
        settings = {**self.settings, **({} if self.reduction == MEAN else {"reduction": self.reduction})}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"
