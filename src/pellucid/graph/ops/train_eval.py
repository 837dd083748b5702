r"""Two behaviours of one expression: what it is while training, and what it is afterwards."""

from __future__ import annotations

from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.types import Type, shape_text, unify


def _common_type(training: Expr, inference: Expr) -> Type:
    dims = [unify(a, b) for a, b in zip(training.shape, inference.shape, strict=False)]
    shape = tuple(d for d in dims if d is not None)
    if training.ndim != inference.ndim or len(shape) != training.ndim:
        raise ShapeError(
            f"training_only: expected what stands here while training and what stands here afterwards to have one "
            f"shape. Received: {training}, of shape {shape_text(training.shape)}, and {inference}, of shape "
            f"{shape_text(inference.shape)}"
        )
    return Type(shape, training.dtype)


@op(
    tex="{0:_}",
    promotes=True,
    infer=_common_type,
    grad=lambda g, y, training, inference: (g, None),
    inference=lambda training, inference: inference,
    release=lambda training, inference: training,
    folds=False,
    examples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {})],
    cost=0,
)
def training_only(xp: Any, training: Any, inference: Any) -> Any:
    r"""The first of two expressions, :math:`t`, as long as the graph is that of training; `pellucid.inference` puts the
    second in its place.

    All that differs between the two is written with it: noise, random crops, statistics of a batch. What is not
    asked for is not computed.

    Parameters
    ----------
    training : Expr or array
        What stands here while training, with its gradient.
    inference : Expr or array
        What stands here afterwards; of the same shape.

    Returns
    -------
    Expr
        Of this shape.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> noisy = pel.training_only(x + rng.normal(0, 0.1, like=x), x)
    >>> pel.inference(pel.tanh(noisy))
    tanh(x)
    """
    return training
