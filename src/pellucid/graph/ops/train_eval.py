r"""Expressions that differ between training and inference."""

from __future__ import annotations

from pellucid.graph.array_namespace import ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op_decorator import op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.range_rules import elements_of
from pellucid.graph.types import Type, unify_shapes


def _infer_type(training: Expr, inference: Expr) -> Type:
    shape = unify_shapes(training.shape, inference.shape)
    if shape is None:
        raise ShapeError(
            "training_only: expected expressions of one shape for training and inference. Received: "
            f"{format_operand(training)}, and {format_operand(inference)}"
        )
    return Type(shape, training.dtype)


@op(
    tex="{0:_}",
    promotes=True,
    infer=_infer_type,
    grad=lambda g, y, training, inference: (g, None),
    inference=lambda training, inference: inference,
    release=lambda training, inference: training,
    folds=False,
    examples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {})],
    cost=0,
    value_range=elements_of(0, 1),
)
def training_only(xp: ArrayNamespace, training: NamespaceArray, inference: NamespaceArray) -> NamespaceArray:
    r"""Expression with separate values for training, :math:`t`, and for inference.

    The value is the first operand until `pellucid.inference` replaces it by the second. Use it for noise, random crops
    or batch statistics. Only one of the operands is computed.

    Parameters
    ----------
    training : Expr or array
        Value during training. It receives the gradient.
    inference : Expr or array
        Value at inference, of the same shape.

    Returns
    -------
    Expr
        Same shape as the operands.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> noisy = pel.training_only(x + rng.normal(0, 0.1, like=x), x)
    >>> pel.inference(pel.tanh(noisy))
    tanh(x)
    """
    return training
