"""Figures: a training loop, controls and views, as a web page that computes by itself."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.errors import InputError, OptionError, ShapeError, UseError
from pellucid.graph.expr import Input, Shared, as_expr
from pellucid.graph.types import is_float
from pellucid.graph.validation import check_integer
from pellucid.live.controls import Choice, Control, Seed, check_controls
from pellucid.live.functions import PageFunctions
from pellucid.live.initial_values import add_initializer
from pellucid.live.notebook import render_frame
from pellucid.live.page import render_element, render_page
from pellucid.live.still import draw_still_pictures
from pellucid.live.views.base import FigureContext, View
from pellucid.run.argument_binding import convert_arguments
from pellucid.run.function import Function
from pellucid.run.wasm.module import to_json

__all__ = ["Figure", "vary"]

FORMAT = 1
"""Version of the figure file, as in ``web/src/spec.ts``."""


@dataclass(frozen=True)
class FigureParts:
    """The functions of one architecture, and data of the page: what all architectures share, and what this one has."""

    functions: PageFunctions
    shared: dict[str, Any]
    own: dict[str, Any]


class Figure:
    """Figure for web pages and notebooks: compiled functions, controls and views.

    The training step runs as WebAssembly in the page, from the first step to the last, whenever a control moves. The
    page is one file that opens from disk, without a network.

    Parameters
    ----------
    train : Function, optional
        The training step: a function with updates whose first output is the loss. Without it, the figure shows the
        present values of the shared variables.
    steps : int, optional
        Number of training steps.
    data : dict from Input to array, optional
        Values of the inputs of the training step. Data with one more axis than their input hold the batches of the
        steps, which begin again after the last one.
    controls : sequence of controls
        `pel.live.slider`, `pel.live.choice` and `pel.live.seed`. A control sets an input of the training step.
    views : sequence of views
        Such as `pel.live.decision_boundary` and `pel.live.loss_curve`.
    title : str
        Heading of the figure.
    description : str
        What the figure shows, in one or two sentences, for people who cannot see it.
    initial : dict from Shared to Expr, optional
        Initial values for a new seed: expressions that draw from one `pel.random.Generator`. By default, variables are
        drawn from uniform distributions around 0 with the standard deviations of their present values.
    features, classes : sequence of str, optional
        Names of the features and of the classes.
    weights : Input, optional
        An input of the training step with a weight for each data point. With it, points can be added to the picture
        and deleted: its value is 1 for points and 0 for free places.

    Raises
    ------
    UseError, InputError, ShapeError, OptionError
        If an input has no value, a control sets no input, or the parts do not fit together.

    Examples
    --------
    >>> w, rate = pel.shared(8.0, "w"), pel.scalar("rate")
    >>> step = pel.function([rate], w**2, updates={w: w - rate * 2 * w})
    >>> figure = pel.live.Figure(
    ...     train=step,
    ...     steps=100,
    ...     controls=[pel.live.slider(rate, 0.001, 0.5, scale="log")],
    ...     views=[pel.live.loss_curve()],
    ...     title="Descent in a parabola",
    ... )
    >>> figure.title
    'Descent in a parabola'
    """

    def __init__(
        self,
        *,
        train: Function | None = None,
        steps: int | None = None,
        data: Mapping[Input, Any] | None = None,
        controls: Sequence[Control] = (),
        views: Sequence[View] = (),
        title: str = "",
        description: str = "",
        initial: Mapping[Shared, Any] | None = None,
        features: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        weights: Input | None = None,
    ) -> None:
        if train is not None and not isinstance(train, Function):
            raise UseError(f"Figure: expected train to be a function, made by pel.function. Received: {train!r}")
        if (train is None) != (steps is None):
            raise OptionError("Figure: expected train and steps together. Received: only one of them")
        self.train = train
        self.steps = None if steps is None else check_integer("steps", steps, minimum=1)
        self.controls = check_controls(controls)
        self.views = list(views)
        for view in self.views:
            if not isinstance(view, View):
                raise UseError(f"Figure: expected views such as pel.live.loss_curve(). Received: {view!r}")
        self.title, self.description = title, description
        self.features, self.classes = features, classes
        self.weights = weights
        self.initial = {s: as_expr(value) for s, value in (initial or {}).items()}
        self.data, self.batches = self.convert_data(data or {})
        self.check_inputs()
        self.variants: list[tuple[dict[str, Any], Figure]] = [({}, self)]

    def convert_data(self, data: Mapping[Input, Any]) -> tuple[dict[Input, np.ndarray[Any, Any]], int | None]:
        """Return the data in the dtypes of their inputs, and the number of batches if each step has its own."""
        for i in data:
            if not isinstance(i, Input):
                raise UseError(f"Figure: expected data={{X: array}} with inputs as keys. Received: {i!r}")
        inputs = list(data)
        arrays = [cast_to_dtype(data[i], i.dtype, f"the data of {i}") for i in inputs]
        walk = {a.ndim - i.ndim for i, a in zip(inputs, arrays, strict=True)} == {1}
        arrays = convert_arguments(inputs, arrays, lead=int(walk))
        lengths = {len(a) for a in arrays} if walk else set()
        if len(lengths) > 1:
            raise ShapeError(
                f"Figure: expected the same number of batches for every input. Received: {sorted(lengths)}"
            )
        return dict(zip(inputs, arrays, strict=True)), lengths.pop() if lengths else None

    def check_inputs(self) -> None:
        known = set() if self.train is None else set(self.train.program.inputs)
        for control in self.controls:
            if control.input is not None and control.input in self.data:
                raise InputError(f"Figure: expected data or a control for {control.input}. Received: both")
            if control.input is not None and self.train is not None and control.input not in known:
                raise InputError(f"Figure: the training step does not use {control.input}, which a control sets")
        if self.weights is not None and self.weights not in self.data:
            raise InputError(f"Figure: expected data for the weights {self.weights}. Received: none")

    def assemble(self) -> FigureParts:
        """Return the functions of the figure, not compiled yet, and the data of its controls and views."""
        functions = PageFunctions()
        inputs: dict[Input, str] = {}
        for i, value in self.data.items():
            inputs[i] = functions.add_array(str(i), value, shape=value.shape[value.ndim - i.ndim :], role="input")
        for control in self.controls:
            if control.input is not None:
                value = np.asarray(control.initial_value, control.input.dtype)
                inputs[control.input] = functions.add_array(control.id, value, role="input")
        functions.names |= inputs
        training = self.add_training(functions, inputs)
        context = self.make_context(functions, inputs)
        pairs = []
        for context.view, view in enumerate(self.views):
            pairs.append(view.build(context))
        shared = {
            "format": FORMAT,
            "title": self.title,
            "description": self.description,
            "controls": [c.to_json() for c in self.controls],
            "views": [shared for shared, _ in pairs],
            "data": self.describe_data(context),
            "still": None,
        }
        return FigureParts(functions, shared, {"training": training, "views": [own for _, own in pairs]})

    def make_context(self, functions: PageFunctions, inputs: dict[Input, str]) -> FigureContext:
        features, targets = self.find_points()
        return FigureContext(
            functions,
            self.train,
            inputs,
            {i: v[0] if self.batches is not None else v for i, v in self.data.items()},
            features,
            targets,
            self.list_classes(targets),
            None if self.features is None else list(self.features),
        )

    def add_training(self, functions: PageFunctions, inputs: Mapping[Input, str]) -> dict[str, Any] | None:
        if self.train is None:
            return None
        if not self.train.program.outputs or self.train.program.outputs[0].ndim:
            raise UseError(
                "Figure: expected a training step whose first output is the loss, a scalar. Received: "
                f"{self.train!r}".partition("\n")[0]
            )
        functions.add_function("train", self.train, inputs, walk=self.batches is not None, quiet="train_quiet")
        seeds = [c for c in self.controls if isinstance(c, Seed)]
        initialize = add_initializer(functions, self.train, self.initial) if seeds else None
        return {
            "function": "train",
            "quiet": "train_quiet",
            "steps": self.steps,
            "batches": self.batches,
            "loss": 0,
            "initialize": initialize,
        }

    def find_points(self) -> tuple[Input | None, Input | None]:
        """Return the inputs that hold the data points and their targets: a matrix of floats, and a column as long."""
        if self.batches is not None:
            return None, None
        features = next((i for i, v in self.data.items() if v.ndim == 2 and is_float(i.dtype)), None)
        if features is None:
            return None, None
        others = [i for i in self.data if i is not features and i is not self.weights]
        count = len(self.data[features])
        return features, next((i for i in others if self.data[i].ndim and len(self.data[i]) == count), None)

    def list_classes(self, targets: Input | None) -> list[str] | None:
        if self.classes is not None:
            return list(self.classes)
        if targets is None or targets.dtype.kind not in "iub" or self.data[targets].ndim != 1:
            return None
        return [f"class {k}" for k in range(int(self.data[targets].max(initial=0)) + 1)]

    def describe_data(self, context: FigureContext) -> dict[str, Any] | None:
        if context.features is None:
            return None
        width = self.data[context.features].shape[1]
        names = context.feature_names
        if names is not None and len(names) != width:
            raise ShapeError(f"Figure: expected {width} names in features. Received: {len(names)}")
        return {
            "features": context.inputs[context.features],
            "targets": None if context.targets is None else context.inputs[context.targets],
            "feature_names": names or [f"x{k + 1}" for k in range(width)],
            "class_names": context.class_names,
            "editable": True,
            "weights": None if self.weights is None else context.inputs[self.weights],
        }

    def to_spec(self) -> dict[str, Any]:
        """Return the figure as data: arrays, modules as base64, controls and views."""
        parts = [figure.assemble() for _, figure in self.variants]
        compilations = [p.functions.prepare_module() for p in parts]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            modules = list(pool.map(lambda compile_module: compile_module(), compilations))
        variants = [
            {"when": when, **p.functions.to_json(module, number), **p.own}
            for number, ((when, _), p, module) in enumerate(zip(self.variants, parts, modules, strict=True))
        ]
        return {
            **parts[0].shared,
            "title": self.title,
            "description": self.description,
            "controls": [c.to_json() for c in self.controls],
            "modules": [{k: v for k, v in to_json(module).items() if k != "outputs"} for module in modules],
            "variants": variants,
        }

    def to_html(self) -> str:
        """Return the figure as an element for a page that contains the runtime; `save` writes a whole page."""
        return render_element(self.to_spec())

    def save(self, path: Any) -> None:
        """Write the figure as one page that opens from disk, without a network.

        Parameters
        ----------
        path : path
            A file that ends in ``.html``.

        Raises
        ------
        OptionError
            If the path ends in something else.
        """
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise OptionError(f"Figure.save: expected a path that ends in .html. Received: {path}")
        atomic_write(target, render_page(self.title, [self.to_spec()]))

    def _repr_html_(self) -> str:
        """Return the figure for a notebook: the page in a frame, above a still picture."""
        page = render_page(self.title, [self.to_spec()])
        return render_frame(page, draw_still_pictures(self), self.title)

    def __repr__(self) -> str:
        views = ", ".join(view.kind for view in self.views)
        return f"<Figure {self.title!r} with {len(self.controls)} controls and views: {views}>"


def vary(build: Callable[..., Figure], *choices: Choice) -> Figure:
    """Combine figures of several architectures into one, with controls that choose among them.

    Parameters
    ----------
    build : function
        Returns the figure of one architecture. Its arguments have the names of the choices. The figures have the same
        controls and the same kinds of views.
    *choices : Choice
        Such as ``pel.live.choice("hidden", [1, 2, 3])``. Each combination of their options is one architecture,
        compiled to a module of its own.

    Returns
    -------
    Figure

    Raises
    ------
    UseError
        If a choice is for an input, or the figures differ in their controls or kinds of views.

    Examples
    --------
    >>> def build(power):
    ...     w = pel.shared(1.0, "w")
    ...     step = pel.function([], w**power, updates={w: 0.9 * w})
    ...     return pel.live.Figure(train=step, steps=10, views=[pel.live.loss_curve()])
    >>> len(pel.live.vary(build, pel.live.choice("power", [2, 4])).variants)
    2
    """
    for choice in choices:
        if getattr(choice, "target", None) != "variant":
            raise UseError(
                "pel.live.vary: expected choices with the name of an argument of the function, such as "
                f"pel.live.choice('hidden', [1, 2, 3]). Received: {choice!r}"
            )
    names = [choice.id for choice in choices]
    variants = []
    for values in itertools.product(*([value for _, value in choice.options] for choice in choices)):
        when = dict(zip(names, values, strict=True))
        figure = build(**when)
        if not isinstance(figure, Figure):
            raise UseError(f"pel.live.vary: expected build to return a pel.live.Figure. Received: {figure!r}")
        variants.append((when, figure))
    initial = {choice.id: choice.value for choice in choices}
    first = next(figure for when, figure in variants if when == initial)
    for when, figure in variants:
        differing = find_difference(first, figure)
        if differing:
            raise UseError(f"pel.live.vary: expected the same {differing} in all figures. {when} and {initial} differ")
    combined = copy.copy(first)
    combined.controls = check_controls([*choices, *first.controls])
    combined.variants = variants
    return combined


def find_difference(first: Figure, other: Figure) -> str | None:
    """Return the part in which two figures must not differ and do, or None."""
    if [c.to_json() for c in first.controls] != [c.to_json() for c in other.controls]:
        return "controls"
    if [(v.kind, v.title) for v in first.views] != [(v.kind, v.title) for v in other.views]:
        return "views"
    return None
