"""Decision boundary: predictions over the plane of two features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.errors import ShapeError, UseError
from pellucid.graph.expr import Expr, as_expr
from pellucid.graph.naming import strip_labels
from pellucid.graph.types import format_shape
from pellucid.live.network_structure import find_hidden_layers
from pellucid.live.views.base import FigureContext, View, check_function, describe_range, get_output
from pellucid.run.function import Function
from pellucid.typing import ArrayLike, Json

if TYPE_CHECKING:
    from pellucid.typing import Array

__all__ = ["DecisionBoundary", "decision_boundary"]

BATCH = 256
"""Number of points that a page evaluates at a time."""


class DecisionBoundary(View):
    kind = "decision_boundary"

    def __init__(self, predict: Function, title: str, held_out: ArrayLike | None = None) -> None:
        super().__init__(title)
        self.predict: Function = check_function("decision_boundary", predict)
        self.held_out: Array | None = None if held_out is None else np.asarray(held_out, bool)

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        inputs = [i for i in self.predict.program.inputs if i.ndim or i not in context.inputs]
        controlled = {i: context.inputs[i] for i in self.predict.program.inputs if i not in set(inputs)}
        rows, columns = inputs[0].shape if len(inputs) == 1 and inputs[0].ndim == 2 else (0, 0)
        if isinstance(rows, int) or (isinstance(columns, int) and columns != 2):
            received = ", ".join(f"{i} of shape {format_shape(i.shape)}" for i in inputs)
            raise ShapeError(
                "pel.live.decision_boundary: expected a function of one matrix with two features and any number of "
                f"rows, as in pel.matrix('X', shape=('n', 2)). Received: a function of ({received})"
            )
        X = inputs[0]
        if context.features is None:
            raise UseError(
                "pel.live.decision_boundary needs data points: give the figure data={X: points, y: targets} with "
                "points of shape (n, 2)"
            )
        points = context.data[context.features]
        if points.ndim != 2 or points.shape[1] != 2:
            raise ShapeError(
                f"pel.live.decision_boundary: expected data of shape (n, 2) for {context.features}. Received: shape "
                f"{format_shape(points.shape)}"
            )
        scores, meaning = find_scores(get_output(self.predict))
        array = context.functions.add_array(context.name("points"), shape=(BATCH, 2), dtype=X.dtype, role="input")
        function = context.functions.add_outputs(context.name("scores"), [scores], {X: array, **controlled}, walk=True)
        hidden = [layer for layer in find_hidden_layers(scores) if layer.depends_on(X)]
        units = None
        if hidden:
            outputs = [layer.preactivation for layer in hidden]
            name = context.functions.add_outputs(context.name("units"), outputs, {X: array, **controlled}, walk=True)
            units = {"function": name, "points": array, "layers": [layer.name for layer in hidden]}
        x, y = np.asarray(points, float).T
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "scores": meaning,
            "x_range": describe_range(x),
            "y_range": describe_range(y),
        }
        parts: dict[str, Json] = {"function": function, "points": array, "units": units}
        return shared, parts if self.held_out is None else {**parts, "division": self.divide(context)}

    def divide(self, context: FigureContext) -> dict[str, Json]:
        """Return where data points are drawn, and which are held out, as a function of the page."""
        features, held_out = context.features, self.held_out
        assert features is not None
        assert held_out is not None
        if held_out.shape != (len(context.data[features]),):
            raise ShapeError(
                f"pel.live.decision_boundary: expected held_out to have one bool for each of "
                f"{len(context.data[features])} points. Received: shape {held_out.shape}"
            )
        outputs = [features, as_expr(held_out.astype("int32"))]
        name = context.functions.add_outputs(context.name("division"), outputs, {features: context.inputs[features]})
        return {"function": name, "features": 0, "held_out": 1}


def find_scores(output: Expr) -> tuple[Expr, str]:
    """Return the scores from which an output is computed, and their meaning, as the page names it.

    Scores are interpolated between points better than probabilities, so a final softmax, sigmoid or argmax is removed.
    """
    [e] = strip_labels([output])
    while e.op is not None:
        name = e.op.name
        if name in ("argmax", "cast"):
            e = e.inputs[0]
        elif name == "softmax" and e.ndim == 2:
            return e.inputs[0], "logits"
        elif name == "sigmoid":
            return e.inputs[0], "logit"
        else:
            break
    is_argmax = e is not strip_labels([output])[0]
    if is_argmax and e.ndim == 2:
        return e, "logits"
    return e, "number"


def decision_boundary(
    predict: Function, *, held_out: ArrayLike | None = None, title: str = "Decision boundary"
) -> DecisionBoundary:
    """Predictions over the plane of two features, with the data points.

    The color tells the predicted class and the shade its probability. A prediction that is a number is drawn with a
    separate scale.

    Parameters
    ----------
    predict : Function
        A function of a matrix with two columns, and perhaps of inputs that controls set. If its output is a softmax, a
        sigmoid or the argmax of one, the page computes its operand, the scores, and derives the probabilities.
    held_out : array of bool, optional
        Which data points are held out; these are drawn hollow.
    title : str
        Title of the view.

    Returns
    -------
    DecisionBoundary

    Raises
    ------
    UseError, ShapeError
        If it is not such a function, or the figure has no data points.

    Examples
    --------
    >>> X = pel.matrix("X", shape=("n", 2))
    >>> w = pel.shared([[1.0], [2.0]], "w")
    >>> pel.live.decision_boundary(pel.function([X], pel.sigmoid(X @ w))).title
    'Decision boundary'
    """
    return DecisionBoundary(predict, title, held_out)
