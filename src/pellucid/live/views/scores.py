"""Predictions as probabilities of classes, scores or numbers, and the gradients that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr, Input
from pellucid.graph.gradient import grad
from pellucid.graph.naming import strip_labels
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.elementwise import absolute
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_float
from pellucid.live.views.decision_boundary import find_scores
from pellucid.typing import Json


@dataclass(frozen=True)
class ScoreOutputs:
    """The prediction of a page and its explanation.

    Attributes
    ----------
    prediction : Expr
        Probabilities, scores or numbers, shape (n, k) or (n,).
    saliency : Expr or None
        Gradient of the winning score with respect to the input; None for several numbers.
    kind : str
        ``"probability"`` of the second of two classes, ``"probabilities"``, ``"score"`` or ``"number"``.
    names : list of str or None
        Names of classes.
    """

    prediction: Expr
    saliency: Expr | None
    kind: str
    names: list[str] | None

    def to_json(self) -> dict[str, Json]:
        return {"kind": self.kind, "names": self.names}

    @property
    def outputs(self) -> list[Expr]:
        return [self.prediction] if self.saliency is None else [self.prediction, self.saliency]


def explain_scores(view: str, output: Expr, x: Input, class_names: Sequence[str] | None) -> ScoreOutputs:
    """Return the prediction that an output contains, and the gradient of its winning score.

    The score of a class is what softmax or sigmoid receives; that of one number is the number. Names of classes are
    used if there is one for each class: a figure may have views of several functions.
    """
    scores, meaning = find_scores(output)
    if output.ndim not in (1, 2) and meaning == "number":
        raise ShapeError(
            f"pel.live.{view}: expected a function with one row of scores for each sample, shape (n, k). Received: the "
            f"output {output} of shape {format_shape(output.shape)}"
        )
    columns = scores.shape[-1] if scores.ndim == 2 else 1
    several = columns != 1
    winning: Any = scores.max(axis=-1).sum() if several else scores.sum()
    prediction, kind = scores, "number"
    if meaning == "logits":
        prediction, kind = softmax(scores), "probabilities"
    elif meaning == "logit":
        prediction, kind = sigmoid(scores), "probabilities" if several else "probability"
        winning = winning if several else absolute(scores).sum()
    elif several and class_names is not None and len(class_names) == columns:
        kind = "score"
    classes = 2 if kind == "probability" else columns
    names = list(class_names) if class_names is not None and len(class_names) == classes and kind != "number" else None
    explained = kind != "number" or not several
    return ScoreOutputs(prediction, find_gradient(winning, x) if explained else None, kind, names)


def find_gradient(winning: Expr, x: Input) -> Expr | None:
    """Return the gradient with respect to an input or, for integers, to its cast to floats; None without one."""
    [winning] = strip_labels([winning])
    order = topological([winning])
    if not is_float(x.dtype):
        casts = [e for e in order if e.op is not None and e.op.name == "cast" and e.inputs[0] is x]
        return grad(winning, casts[0]) if len(casts) == 1 and is_float(casts[0].dtype) else None
    return grad(winning, x) if x in set(order) else None
