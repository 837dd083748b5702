r"""Losses as books write them: the probability of the true class is :math:`\hat y_y`."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.op import OPS, Op
from pellucid.graph.rewriter import simplify
from pellucid.graph.traversal import rebuild, topological
from pellucid.graph.types import Type


def pick_classes(xp: Any, p: Any, labels: Any) -> Any:
    """Return the element of each label along the last axis."""
    return xp.squeeze(xp.take_along_axis(p, xp.expand_dims(labels, -1), axis=-1), axis=-1)


PICK = Op(
    name="pick_classes",
    value=pick_classes,
    operands=("p", "labels"),
    promotes=False,
    defaults={},
    infer=lambda p, labels: Type(labels.shape, p.dtype),
    text="{0:^}[{1:_}]",
    tex="{0:^}_{{{1:_}}}",
)
"""Probability of the true class of each sample. It is in no registry, because only formulas of losses contain it."""


def write_as_in_books(loss: Expr) -> Expr:
    r"""Return a loss in the form of its definition, with the probability of the true class as :math:`\hat y_y`.

    The value is the same, but not protected from overflow, as that of the program is.

    Examples
    --------
    >>> p, y = pel.matrix("p", shape=("n", 3)), pel.ivector("y", shape=("n",))
    >>> write_as_in_books(pel.losses.sparse_categorical_crossentropy(y, p).mean())
    -log(p[y]).mean()
    """
    simple = simplify(loss, without=["stabilize"])
    done: dict[Expr, Expr] = {}
    for node in topological([simple]):
        new = rebuild(node, [done[i] for i in node.inputs])
        picked = pick_true_class(new)
        done[node] = new if picked is None else picked
    return done[simple]


def pick_true_class(node: Expr) -> Expr | None:
    """Return a squeezed function of elements that labels select as a function of the selected elements, or None."""
    if node.op is None or node.op.name != "squeeze":
        return None
    functions: list[Expr] = []
    inner = node.inputs[0]
    while inner.op is not None and inner.op.elementwise and len(inner.inputs) == 1:
        functions.append(inner)
        inner = inner.inputs[0]
    last = (inner.ndim - 1,)
    if inner.op is not OPS["take_along_axis"] or inner.settings["axis"] != last[0]:
        return None
    p, labels = inner.inputs
    if labels.op is not OPS["expand_dims"] or labels.settings["axis"] != last or node.settings["axis"] != last:
        return None
    result = PICK.make((p, labels.inputs[0]), {})
    for function in reversed(functions):
        assert function.op is not None
        result = function.op.make((result,), function.settings)
    return result
