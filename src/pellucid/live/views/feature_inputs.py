"""Feature inputs: a control for each feature of a sample, the prediction, and its dependence on each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import OptionError, ShapeError
from pellucid.graph.expr import Input, is_compatible_shape
from pellucid.graph.types import format_shape
from pellucid.live.views.base import FigureContext, View, check_function, get_output
from pellucid.live.views.scores import explain_scores
from pellucid.run.function import Function
from pellucid.typing import Array, ArrayLike, Json

__all__ = ["FeatureInputs", "feature_inputs"]


Range = tuple[float, float]

FLOAT_RANGE, INTEGER_RANGE = (-3.0, 3.0), (0.0, 9.0)
"""Ranges of features without examples."""

MAX_FEATURES = 100
"""Maximum number of controls that a reader can survey."""


class FeatureInputs(View):
    examples: ArrayLike | None
    labels: ArrayLike | None

    names: Sequence[str] | None

    kind = "feature_inputs"

    def __init__(
        self,
        predict: Function,
        examples: ArrayLike | None,
        labels: ArrayLike | None,
        names: Sequence[str] | None,
        ranges: Mapping[str, Range] | Sequence[Range] | None,
        title: str,
    ) -> None:
        super().__init__(title)
        self.predict: Function = check_function("feature_inputs", predict)
        self.examples, self.labels, self.names, self.ranges = examples, labels, names, ranges

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        x = self.get_input()
        examples = self.convert_examples(x, context)
        width = x.shape[1] if examples is None else examples.shape[1]
        if not isinstance(width, int) or width > MAX_FEATURES:
            raise ShapeError(
                f"pel.live.feature_inputs: expected up to {MAX_FEATURES} features. Received: {width} features of {x}. "
                "If they are the pixels of images, use pel.live.image(predict, shape=(height, width))"
            )
        scores = explain_scores("feature_inputs", get_output(self.predict), x, context.class_names)
        argument = context.functions.add_array(context.name("features"), shape=(1, width), dtype=x.dtype, role="input")
        name = context.functions.add_outputs(context.name("prediction"), scores.outputs, {x: argument})
        names = self.find_names(width, context)
        integers = x.dtype.kind in "iu"
        fields = make_fields(names, self.find_ranges(names, examples, integers), examples, integers)
        own: dict[str, Json] = {
            "function": name,
            "argument": argument,
            "scores": 0,
            "saliency": None if scores.saliency is None else 1,
            "examples": None if examples is None else self.add(examples, "examples", context),
            "labels": self.add_labels(examples, context),
        }
        return {"kind": self.kind, "title": self.title, "fields": fields, "scores": scores.to_json()}, own

    def get_input(self) -> Input:
        inputs = self.predict.program.inputs
        if len(inputs) != 1 or inputs[0].ndim != 2:
            received = ", ".join(f"{i} of shape {format_shape(i.shape)}" for i in inputs)
            raise ShapeError(
                "pel.live.feature_inputs: expected a function of one matrix with a row for each sample. Received: a "
                f"function of ({received})"
            )
        return inputs[0]

    def convert_examples(self, x: Input, context: FigureContext) -> Array | None:
        if self.examples is None:
            return context.data.get(x)
        examples = cast_to_dtype(self.examples, x.dtype, "pel.live.feature_inputs, examples")
        if len(examples) == 0 or not is_compatible_shape(examples.shape[1:], x.shape[1:]):
            raise ShapeError(
                f"pel.live.feature_inputs: expected examples of shape {format_shape(x.shape)} for {x}. Received: shape "
                f"{format_shape(examples.shape)}"
            )
        return examples

    def add(self, values: Array, part: str, context: FigureContext) -> str:
        return context.functions.add_array(context.name(part), values, role="constant")

    def add_labels(self, examples: Array | None, context: FigureContext) -> str | None:
        if self.labels is None:
            is_data = self.examples is None and examples is not None and context.targets is not None
            return context.inputs[context.targets] if is_data and context.targets is not None else None
        labels = np.asarray(self.labels)
        if examples is None or labels.shape != examples.shape[:1] or labels.dtype.kind not in "biuf":
            raise ShapeError(
                "pel.live.feature_inputs: expected one number for each example in labels. Received: shape "
                f"{format_shape(labels.shape)}, dtype {labels.dtype}"
            )
        return self.add(labels, "labels", context)

    def find_names(self, width: int, context: FigureContext) -> list[str]:
        given = self.names if self.names is not None else context.feature_names
        names = [f"x{k + 1}" for k in range(width)] if given is None else [str(name) for name in given]
        if len(names) != width or len(set(names)) < width:
            raise ShapeError(
                f"pel.live.feature_inputs: expected {width} different names. Received: {len(set(names))} of them"
            )
        return names

    def find_ranges(self, names: Sequence[str], examples: Array | None, integers: bool) -> list[Range]:
        """Return the range of each feature: as given, that of the examples, or that of the dtype."""
        found: list[Range] = [INTEGER_RANGE if integers else FLOAT_RANGE] * len(names)
        if examples is not None:
            pairs = zip(*(map(round_number, limits) for limits in (examples.min(0), examples.max(0))), strict=True)
            found = [(low, high) if low < high else (low - 1.0, high + 1.0) for low, high in pairs]
        given = dict(zip(names, self.ranges, strict=False)) if isinstance(self.ranges, Sequence) else self.ranges or {}
        for name, limits in given.items():
            low, high = limits
            if name not in names or not (np.isfinite(limits).all() and low < high):
                raise OptionError(
                    f"pel.live.feature_inputs: expected ranges such as {{{names[0]!r}: (0, 1)}} with minimum < "
                    f"maximum. Received: {{{name!r}: {limits!r}}}"
                )
            found[list(names).index(name)] = (float(low), float(high))
        return found


def round_number(value: float) -> float:
    """Return a number with at most six digits, as that of a float32 has."""
    return float(f"{value:.6g}")


def make_fields(
    names: Sequence[str], ranges: Sequence[Range], examples: Array | None, integers: bool
) -> list[dict[str, Json]]:
    """Return a slider for each feature, which starts at the median of the examples or in the middle of its range."""
    fields: list[dict[str, Json]] = []
    for k, (name, (low, high)) in enumerate(zip(names, ranges, strict=True)):
        column = np.array([(low + high) / 2]) if examples is None else examples[:, k]
        whole = integers or (examples is not None and bool((column == np.rint(column)).all()))
        value = round_number(np.clip(np.median(column), low, high))
        fields.append(
            {
                "kind": "slider",
                "id": name,
                "label": name,
                "target": "input",
                "minimum": low,
                "maximum": high,
                "step": 1.0 if whole and high - low >= 1 else (high - low) / 200,
                "scale": "linear",
                "value": float(round(value)) if whole else value,
                "unit": "",
            }
        )
    return fields


def feature_inputs(
    predict: Function,
    examples: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    ranges: Mapping[str, Range] | Sequence[Range] | None = None,
    title: str = "Prediction from features",
) -> FeatureInputs:
    r"""Control for each feature of a sample, with the prediction, and how it depends on each feature.

    The dependence is :math:`(b_j - a_j) \, \partial s_{\max} / \partial x_j`, the change of the winning score over the
    range of a feature at its present slope.

    Parameters
    ----------
    predict : Function
        A function of a matrix with a row for each sample. If its output is a softmax, a sigmoid or the argmax of one,
        the scores are its operand.
    examples : array, shape (m, d), optional
        Samples to begin with, which also give the ranges; by default the data of the figure for the input.
    labels : array, shape (m,), optional
        Classes or targets of the examples.
    names : sequence of str, optional
        Names of the features; by default those of the figure, or x1, x2 and so on.
    ranges : dict from str to (float, float), or sequence, optional
        Minimum and maximum of the features. By default those of the examples or, without them, -3 and 3 for
        floats and 0 and 9 for integers.
    title : str
        Title of the view.

    Returns
    -------
    FeatureInputs

    Raises
    ------
    ShapeError, OptionError
        If the examples, names or ranges do not fit the function.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 2))
    >>> w = pel.shared([[1.0], [-2.0]], "w")
    >>> pel.live.feature_inputs(pel.function([x], pel.sigmoid(x @ w)), ranges={"x1": (0, 10)}).kind
    'feature_inputs'
    """
    return FeatureInputs(predict, examples, labels, names, ranges, title)
