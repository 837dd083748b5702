r"""Base class of losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from pellucid.graph.expr import Expr, Operand, as_expr
from pellucid.nn.did_you_mean import StrictArguments
from pellucid.nn.losses.reduction import Reduction, check_reduction, reduce_values
from pellucid.nn.masks import find_mask
from pellucid.nn.registry import snake_case

__all__ = ["Loss"]

DEFAULT_REDUCTION: Reduction = "sum_over_batch_size"


class Loss(StrictArguments):
    r"""Base class: a scalar loss, :math:`\frac{1}{n} \sum_i w_i \, \ell(t_i, y_i)`.

    A subclass sets ``function`` or implements `call`, which returns the loss of each sample.

    Parameters
    ----------
    reduction : str or None
        Reduction of the samples' losses to a scalar; see `reduce_values`.
    name : str, optional
        Name of the loss. By default the class name in snake case.
    **settings : keyword arguments
        Settings of ``function``.
    **settings : keyword arguments
        Settings of ``function``.

    Raises
    ------
    ValueError
        If the reduction is unknown.

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
    """Loss of each sample as a function of targets, predictions and settings."""

    def __init__(
        self, reduction: Reduction | None = DEFAULT_REDUCTION, name: str | None = None, **settings: Any
    ) -> None:
        self.reduction = check_reduction(reduction)
        self.name: str = snake_case(type(self).__name__) if name is None else name
        self.settings = settings

    @classmethod
    def get_argument_names(cls) -> list[str] | None:
        if (known := super().get_argument_names()) is not None or cls.function is None:
            return known
        return ["reduction", "name", *list(inspect.signature(cls.function).parameters)[2:]]

    def call(self, y_true: Expr, y_pred: Expr) -> Expr:
        """Return the loss of each sample.

        Parameters
        ----------
        y_true, y_pred : Expr
            Targets and predictions of a batch.
        """
        if self.function is None:
            raise NotImplementedError(f"{type(self).__name__} does not implement call(y_true, y_pred)")
        return type(self).function(y_true, y_pred, **self.settings)  # type: ignore[misc]

    def mask(self, y_true: Expr, y_pred: Expr) -> Expr | None:
        """Return the mask of the samples, or None.

        Parameters
        ----------
        y_true, y_pred : Expr
            Targets and predictions of a batch.
        """
        return find_mask(y_pred)

    def __call__(self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None) -> Expr:
        """Return the loss of a batch: a scalar, or one value per sample without a reduction.

        Time steps that the mask of the prediction excludes have no loss.
        """
        target, prediction = as_expr(y_true), as_expr(y_pred)
        values = self.call(target, prediction)
        mask = self.mask(target, prediction) if values.ndim else None
        return reduce_values(values, sample_weight, mask, self.reduction)

    def __repr__(self) -> str:
        settings = {**self.settings, **({} if self.reduction == DEFAULT_REDUCTION else {"reduction": self.reduction})}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings.items())})"
