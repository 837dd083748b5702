"""Base class of views, and the context in which they are built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Expr, Input
from pellucid.live.functions import PageFunctions
from pellucid.run.function import Function
from pellucid.typing import Array, Json

if TYPE_CHECKING:
    from pellucid.show.plots.picture import Picture

__all__ = ["FigureContext", "View"]


@dataclass
class FigureContext:
    """A figure that is being built, for its views.

    Attributes
    ----------
    functions : PageFunctions
        Compiled functions and arrays of the page.
    train : Function or None
        The training step.
    inputs : dict from Input to str
        Names of the arrays of the inputs that have data or controls.
    data : dict from Input to array
        The data of the training, one batch of it if each step has its own.
    features, targets : Input or None
        The inputs that hold the data points.
    class_names, feature_names : list of str, or None
        Names for labels.
    """

    functions: PageFunctions
    train: Function | None
    inputs: dict[Input, str]
    data: Mapping[Input, Array]
    features: Input | None
    targets: Input | None
    class_names: list[str] | None
    feature_names: list[str] | None
    view: int = 0
    """Index of the view that is being built."""

    def name(self, part: str) -> str:
        """Return a name for an array or a function of the view."""
        return f"view{self.view}/{part}"

    @property
    def loss(self) -> Expr | None:
        """The loss before simplification, with the names that the user gave."""
        return None if self.train is None else self.train.program.original_outputs[0]


class View:
    """Base class of views."""

    kind = ""

    def __init__(self, title: str) -> None:
        self.title = title

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        """Return data for the page: what all variants of the figure share, and functions and arrays of this one."""
        raise NotImplementedError

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        """Return a picture for places where no script runs, for figures without training; None if there is none.

        ``values`` are those of the controls.
        """
        return None


def check_function(view: str, f: object) -> Function:
    """Check that the argument of a view is a function with one output."""
    if not isinstance(f, Function):
        raise UseError(f"pel.live.{view}: expected a function, made by pel.function([X], p). Received: {f!r}")
    if len(f.program.outputs) != 1:
        raise UseError(
            f"pel.live.{view}: expected a function with one output. Received: {len(f.program.outputs)} outputs"
        )
    return f


def get_output(f: Function) -> Expr:
    """Return the output of a function before simplification."""
    return f.program.original_outputs[0]


def describe_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of values with a margin of 12 percent on both sides, or of 1 for equal values."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin
