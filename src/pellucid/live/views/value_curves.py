"""Value curves: functions of one number over the range of its slider, and where they are not finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.graph.errors import InputError, UseError
from pellucid.graph.expr import Input
from pellucid.live.controls import Slider
from pellucid.live.views.base import FigureContext, View, check_function
from pellucid.run.function import Function
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.plots import learning_curves
from pellucid.typing import Array, Json

__all__ = ["ValueCurves", "value_curves"]

STILL_POINTS = 200
"""Number of points of a curve in the still picture."""


class ValueCurves(View):
    curves: dict[str, Function]
    numbers: dict[str, Function]
    reference: str | None
    slider: Slider

    kind = "value_curves"

    def __init__(
        self,
        slider: Slider,
        curves: Mapping[str, Function],
        numbers: Mapping[str, Function],
        reference: str | None,
        title: str,
    ) -> None:
        super().__init__(title)
        if not isinstance(slider, Slider):
            raise UseError(f"pel.live.value_curves: expected a slider, made by pel.live.slider. Received: {slider!r}")
        self.slider, self.curves, self.numbers, self.reference = slider, dict(curves), dict(numbers), reference
        for name, f in {**self.curves, **self.numbers}.items():
            if set(check_function("value_curves", f).program.inputs) != {slider.input}:
                raise InputError(
                    f"pel.live.value_curves: expected functions of {slider.input} only. Received: {name!r}"
                )
        scalar = [name for name, f in self.curves.items() if f.program.outputs[0].ndim]
        if scalar or not self.curves:
            raise UseError(f"pel.live.value_curves: expected functions with one number as output. Received: {scalar}")
        if reference is not None and reference not in self.curves:
            raise InputError(f"pel.live.value_curves: {reference!r} is none of the curves: {list(curves)}")

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        i = self.slider.input
        assert i is not None
        argument = context.functions.add_array(context.name("argument"), shape=(), dtype=i.dtype, role="input")

        def add(group: str, functions: Mapping[str, Function]) -> list[dict[str, str]]:
            return [
                {
                    "label": label,
                    "function": context.functions.add_function(
                        context.name(f"{group} {label}"), f.copy(delete_updates=True), {i: argument}, walk=True
                    ),
                }
                for label, f in functions.items()
            ]

        reference = None if self.reference is None else list(self.curves).index(self.reference)
        return {"kind": self.kind, "title": self.title, "slider": self.slider.id}, {
            "argument": argument,
            "curves": add("curve", self.curves),
            "numbers": add("number", self.numbers),
            "reference": reference,
        }

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        """Return the curves over the range of the slider."""
        x = np.linspace(self.slider.minimum, self.slider.maximum, STILL_POINTS)
        with np.errstate(all="ignore"):
            interpreted = {label: f.copy(mode="numpy") for label, f in self.curves.items()}
            found = {label: np.array([float(f(value)) for value in x]) for label, f in interpreted.items()}
        bad = {label: x[~np.isfinite(y)] for label, y in found.items()}
        ends = [
            f"{label} is not finite from {places[0]:.3g} on" if len(places) else f"{label} is finite everywhere"
            for label, places in bad.items()
        ]
        curves = {label: (x[np.isfinite(y)], y[np.isfinite(y)]) for label, y in found.items()}
        picture = learning_curves(curves, self.slider.label, "value", title=self.title)
        return Picture(picture, f"{'; '.join(ends)}.", self.title)


def value_curves(
    slider: Slider,
    curves: Mapping[str, Function],
    numbers: Mapping[str, Function] | None = None,
    *,
    reference: str | None = None,
    title: str = "Values",
) -> ValueCurves:
    """Functions of one number over the range of its slider, with their present values.

    Sentences say from which number on a function is infinite or NaN. The page finds it by evaluation.

    Parameters
    ----------
    slider : Slider
        A control of the figure.
    curves : dict from str to Function
        Functions of the input of the slider with one number as output. ``rewrite=False`` in `pel.function` keeps a
        formula as it is written.
    numbers : dict from str to Function, optional
        More functions of it, of any shape, whose present values are shown.
    reference : str, optional
        The curve that is the truth: the relative errors of the others are shown.
    title : str
        Title of the view.

    Returns
    -------
    ValueCurves

    Raises
    ------
    UseError, InputError
        If an argument is not such a function, or there is no curve of the name ``reference``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> slider = pel.live.slider(x, 0, 100)
    >>> naive = pel.function([x], pel.log(pel.exp(x)), rewrite=False)
    >>> pel.live.value_curves(slider, {"log(exp(x))": naive}).title
    'Values'
    """
    return ValueCurves(slider, curves, numbers or {}, reference, title)
