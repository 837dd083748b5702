"""Figures: a training loop, controls and views, as a web page that computes by itself."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.atomic_write import atomic_write
from pellucid.graph.errors import InputError, OptionError, UseError
from pellucid.graph.expr import Input, Shared, as_expr
from pellucid.graph.validation import check_integer
from pellucid.live.controls import Choice, Control, check_controls
from pellucid.live.data import make_figure_data
from pellucid.live.notebook import estimate_height, render_frame, render_output
from pellucid.live.page import render_element, render_page
from pellucid.live.spec import write_spec
from pellucid.live.still import draw_still_pictures
from pellucid.live.views.base import View
from pellucid.run.function import Function
from pellucid.typing import ArrayLike, FilePath, Json

if TYPE_CHECKING:
    from pellucid.graph.expr import Expr
    from pellucid.live.data import FigureData

__all__ = ["Figure", "vary"]


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
        One or two sentences about the figure, for people who cannot see it.
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

    description: str
    title: str

    favors_size = False
    """Whether small code matters more than the last bit of speed: the step is not compiled a second time without its
    loss, and no module for relaxed SIMD."""

    def __init__(
        self,
        *,
        train: Function | None = None,
        steps: int | None = None,
        data: Mapping[Input, ArrayLike] | None = None,
        controls: Sequence[Control] = (),
        views: Sequence[View] = (),
        title: str = "",
        description: str = "",
        initial: Mapping[Shared, ArrayLike] | None = None,
        features: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        weights: Input | None = None,
    ) -> None:
        if train is not None and not isinstance(train, Function):
            raise UseError(f"Figure: expected train to be a function, made by pel.function. Received: {train!r}")
        if (train is None) != (steps is None):
            raise OptionError("Figure: expected train and steps together. Received: only one of them")
        self.train = train
        self.steps: int | None = None if steps is None else check_integer("steps", steps, minimum=1)
        self.controls: list[Control] = check_controls(controls)
        self.views: list[View] = list(views)
        for view in self.views:
            if not isinstance(view, View):
                raise UseError(f"Figure: expected views such as pel.live.loss_curve(). Received: {view!r}")
        self.title, self.description = title, description
        self.initial: dict[Shared, Expr] = {s: as_expr(value) for s, value in (initial or {}).items()}
        self.data: FigureData = make_figure_data(data or {}, weights, features, classes)
        check_targets(self)
        self.variants: list[tuple[dict[str, Json], Figure]] = [({}, self)]

    def to_spec(self) -> dict[str, Json]:
        """Return the figure as JSON data: arrays, compiled modules as base64, controls and views."""
        return write_spec(self)

    def to_html(self) -> str:
        """Return the figure as an element for a page that contains the runtime; `save` writes a whole page."""
        return render_element(self.to_spec())

    def save(self, path: FilePath) -> None:
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
        """Return the output of a Jupyter cell."""
        page = render_page(self.title, [self.to_spec()])
        return render_output(page, draw_still_pictures(self), self.title, estimate_height(len(self.views)))

    def _mime_(self) -> tuple[str, str]:
        """Return the output of a marimo cell. marimo would put a second frame around outputs with scripts."""
        page = render_page(self.title, [self.to_spec()])
        style = f"height: {estimate_height(len(self.views))}px; resize: vertical"
        return "text/html", render_frame(page, self.title, style)

    def __repr__(self) -> str:
        views = ", ".join(view.kind for view in self.views)
        return f"<Figure {self.title!r} with {len(self.controls)} controls and views: {views}>"


def check_targets(figure: Figure) -> None:
    """Check that controls set inputs of the training step that have no data."""
    for control in figure.controls:
        if control.input is None:
            continue
        if control.input in figure.data.values:
            raise InputError(f"Figure: expected data or a control for {control.input}. Received: both")
        if figure.train is not None and control.input not in set(figure.train.program.inputs):
            raise InputError(f"Figure: the training step does not use {control.input}, which a control sets")


def vary(build: Callable[..., Figure], *choices: Choice) -> Figure:
    """Combine figures of several architectures into one, with controls that choose among them.

    Parameters
    ----------
    build : function
        Returns the figure of one architecture. Its arguments have the names of the choices. The figures have the same
        controls and the same kinds of views.
    *choices : Choice
        Such as ``pel.live.choice("hidden", [1, 2, 3])``. Each combination of their options is one architecture,
        compiled to a separate module.

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
        when: dict[str, Json] = dict(zip(names, values, strict=True))
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
