"""Pictures of public names: curves of activations, losses and schedules, histograms of initializers, data sets."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import PellucidError
from pellucid.graph.gradient import grad
from pellucid.graph.inputs import vector
from pellucid.graph.types import is_float
from pellucid.nn import schedules
from pellucid.reference.facts import get_signature
from pellucid.reference.inventory import PublicName
from pellucid.run.function_builder import function
from pellucid.show.pages.input_values import format_number
from pellucid.show.plots.plot_style import CURVES, DASHES, FAINT, INK, MARKERS, PALETTE, style_axes
from pellucid.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 2.6
"""Size of a picture in inches."""

MARGINS = (0.14, 0.19, 0.84, 0.78)
"""Left, bottom, width and height of the axes, as fractions of the picture."""

LIMIT = 4.0
"""Largest number on the horizontal axis of a function."""

OVERFLOW = 1e3
"""Numbers beyond this are not drawn."""

STEPS = np.arange(1001)

SCHEDULES: Mapping[str, schedules.Schedule] = {
    "ConstantSchedule": schedules.ConstantSchedule(0.1),
    "CosineDecay": schedules.CosineDecay(0.1, 1000),
    "CosineDecayRestarts": schedules.CosineDecayRestarts(0.1, 200),
    "ExponentialDecay": schedules.ExponentialDecay(0.1, 200, 0.5),
    "InverseDecay": schedules.InverseDecay(0.1, 0.01, 0.75),
    "InverseTimeDecay": schedules.InverseTimeDecay(0.1, 200, 1.0),
    "MultiStepDecay": schedules.MultiStepDecay(0.1, [500, 750], 0.1),
    "OneCycle": schedules.OneCycle(0.1, 1000),
    "PiecewiseConstantDecay": schedules.PiecewiseConstantDecay([300, 700], [0.1, 0.05, 0.01]),
    "PolynomialDecay": schedules.PolynomialDecay(0.1, 1000, 0.01, power=2.0),
    "SigmoidDecay": schedules.SigmoidDecay(0.1, 500, 0.01),
    "StepDecay": schedules.StepDecay(0.1, 250, 0.5),
    "WarmUp": schedules.WarmUp(schedules.CosineDecay(0.1, 900), 100),
}
"""Settings with which each schedule is drawn."""

TARGETS = {
    "huber": 0.0,
    "log_cosh": 0.0,
    "mean_absolute_error": 0.0,
    "mean_squared_error": 0.0,
    "mean_absolute_percentage_error": 1.0,
    "mean_squared_logarithmic_error": 1.0,
    "poisson": 1.0,
    "hinge": 1.0,
    "squared_hinge": 1.0,
    "binary_hinge": 1.0,
    "binary_crossentropy": 1.0,
    "binary_focal_crossentropy": 1.0,
}
"""Target for which each loss of one number is drawn over its prediction."""

PROBABILITIES = ("binary_crossentropy", "binary_focal_crossentropy")
"""Losses whose predictions are probabilities."""

DATA_SETS = ("moons", "circles", "blobs")


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG in the colors of the page, with its description."""

    svg: str
    description: str


def draw_picture(entry: PublicName) -> Drawing | None:
    """Return the picture of a public name, or None if it has none.

    Examples
    --------
    >>> from pellucid.reference import find_public_names
    >>> print(draw_picture(find_public_names("tanh")[0]).description)
    tanh and its derivative for x from -4 to 4. tanh: from -0.999 to 0.999. Derivative: from 0.00134 to 1.
    """
    if (entry.section == "Activations" and entry.kind == "function") or is_curve(entry):
        return draw_function(entry)
    if entry.name.startswith("pel.losses.") and entry.short_name in TARGETS:
        return draw_loss(entry)
    if entry.section == "Learning rate schedules" and entry.short_name in SCHEDULES:
        return draw_schedule(SCHEDULES[entry.short_name])
    if entry.section == "Initializers" and entry.kind == "class" and "seed" in get_signature(entry).parameters:
        return draw_initializer(entry)
    if entry.name.startswith("pel.data.") and entry.short_name in DATA_SETS:
        return draw_data_set(entry)
    return None


def is_curve(entry: PublicName) -> bool:
    """Whether an operation is an elementwise function of one real number."""
    op = entry.op
    if op is None or not op.elementwise or op.behind or op.defaults:
        return False
    return len(op.operands) == 1 and "f" in op.accepts


def draw_function(entry: PublicName) -> Drawing | None:
    """Draw a function of one number and its derivative; return None if it has other operands or no derivative."""
    parameters = list(inspect.signature(entry.object).parameters.values())
    if any(p.default is p.empty for p in parameters[1:]):
        return None
    x, values = vector("x", shape=("n",), dtype="float64"), np.linspace(-LIMIT, LIMIT, 401)
    try:
        y = entry.object(x)
        if y.ndim != 1 or not is_float(y.dtype):
            return None
        f = function([x], [y, grad(y.sum(), x, disconnected="zero")], mode="numpy")
        with np.errstate(all="ignore"):
            (curve, slope), (other, _) = f(values), f(values[::2])
    except PellucidError:
        return None
    if curve.shape != values.shape or not np.array_equal(curve[::2], other, equal_nan=True):
        return None  # an element depends on several, as in a softmax
    drawn = np.isfinite(curve) & (np.abs(curve) < OVERFLOW)
    if entry.op is not None and np.array_equal(curve, values):
        return None  # an identity, such as `stop_gradient`
    values, curve, slope = values[drawn], curve[drawn], np.broadcast_to(slope, values.shape)[drawn]
    low, high, name = values[0], values[-1], entry.short_name
    figure, axes = start_figure("x", "")
    plot_curves(axes, values, {name: curve, "derivative": slope})
    ranges = [describe_range(label, found) for label, found in ((name, curve), ("Derivative", slope))]
    described = f"{name} and its derivative for x from {low:g} to {high:g}. {' '.join(filter(None, ranges))}"
    return finish(figure, described)


def draw_loss(entry: PublicName) -> Drawing:
    target = TARGETS[entry.short_name]
    probability = entry.short_name in PROBABILITIES
    low, high = (0.01, 0.99) if probability else (0.05, 4.0) if entry.short_name == "poisson" else (-3.0, 3.0)
    predictions = np.linspace(low, high, 401)
    t, y = vector("t", shape=("n",), dtype="float64"), vector("y", shape=("n",), dtype="float64")
    losses = function([t, y], entry.object(t, y), mode="numpy")(np.full(401, target), predictions)
    what = "predicted probability" if probability else "prediction"
    figure, axes = start_figure(what, "loss")
    plot_curves(axes, predictions, {entry.short_name: losses})
    smallest, largest = (
        f"{format_number(losses[i], 3)} at {format_number(predictions[i], 2)}"
        for i in (losses.argmin(), losses.argmax())
    )
    return finish(
        figure,
        f"Loss of one sample with target {target:g}, for a {what} from {low:g} to {high:g}: smallest, {smallest}; "
        f"largest, {largest}.",
    )


def draw_schedule(schedule: schedules.Schedule) -> Drawing:
    rates = schedule(STEPS)
    figure, axes = start_figure("step", "learning rate")
    plot_curves(axes, STEPS, {"": rates})
    first, last = format_number(rates[0], 3), format_number(rates[-1], 3)
    peak, step = format_number(rates.max(), 3), int(rates.argmax())
    return finish(
        figure,
        f"Learning rate of {schedule!r} over 1000 steps: {first} at step 0, at most {peak}, first at step {step}, and "
        f"{last} at step 1000.",
    )


def draw_initializer(entry: PublicName) -> Drawing:
    shape = (100, 100)
    values = entry.object(seed=0)(shape).ravel()
    figure, axes = start_figure("value", "count")
    axes.hist(values, bins=41, color=CURVES[0])
    return finish(
        figure,
        f"Histogram of {values.size:,} values of {entry.short_name} for shape {shape}: mean "
        f"{format_number(values.mean(), 2)}, standard deviation {format_number(values.std(), 2)}, from "
        f"{format_number(values.min(), 2)} to {format_number(values.max(), 2)}.",
    )


def draw_data_set(entry: PublicName) -> Drawing:
    points, classes = entry.object(200)
    figure, axes = start_figure("first feature", "second feature")
    counts = []
    for label in np.unique(classes):
        chosen = points[classes == label]
        style: dict[str, Any] = {"color": PALETTE[label], "marker": MARKERS[label], "s": 14, "linewidths": 0}
        axes.scatter(chosen[:, 0], chosen[:, 1], label=f"class {label}", **style)
        counts.append(f"{len(chosen)} of class {label}")
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    return finish(figure, f"{len(points)} points of {entry.short_name}: {', '.join(counts)}.")


def describe_range(name: str, values: Array) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ""
    return f"{name}: from {format_number(finite.min(), 3)} to {format_number(finite.max(), 3)}."


def start_figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))  # without a layout engine, which takes most of the time
    figure.patch.set_alpha(0)
    axes = style_axes(figure.add_axes(MARGINS), x_label, y_label)
    axes.patch.set_alpha(0)
    return figure, axes


def plot_curves(axes: Axes, x: Array, curves: Mapping[str, Array]) -> None:
    for index, (label, values) in enumerate(curves.items()):
        finite = np.nan_to_num(values, posinf=OVERFLOW, neginf=-OVERFLOW)
        jumps = np.abs(np.diff(finite, append=finite[-1])) > 0.5 * max(1e-12, float(np.ptp(finite)))
        shown = np.where(jumps, np.nan, values)  # a jump is no vertical line
        axes.plot(x, shown, color=CURVES[index], linestyle=DASHES[index], linewidth=1.8, label=label)
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -3 * LIMIT), min(high, 3 * LIMIT))
    if len(curves) > 1:
        axes.legend(fontsize=8, frameon=False, labelcolor=INK)


THEME = {
    INK.lower(): "currentColor",
    FAINT.lower(): "var(--course-line)",
    CURVES[0].lower(): "var(--course-first-curve)",
    CURVES[1].lower(): "var(--course-second-curve)",
}
"""Colors of the page, which depend on its theme, for those of the figure."""


def finish(figure: Figure, description: str) -> Drawing:
    """Return a figure as an element of a page, the same in every build."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "pellucid", "path.simplify_threshold": 0.3}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for pattern, replacement in REDUCTIONS:
        svg = pattern.sub(replacement, svg)
    for color, name in THEME.items():
        svg = svg.replace(color, name)
    return Drawing(svg.strip(), description)


REDUCTIONS: list[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (re.compile(r"<metadata>.*?</metadata>", re.DOTALL), ""),
    (re.compile(r"<style [^>]*>.*?</style>", re.DOTALL), ""),  # it would apply to the whole page
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"font: ([\d.]+)px [^;\"]*"), r"font-size: \1px"),
    (re.compile(r"(\d+\.\d{2})\d+"), r"\1"),
    (re.compile(r"\s*\n\s*"), "\n"),
    (
        re.compile(r"<svg ([^>]*?)width=\"([\d.]+)pt\"([^>]*?)height=\"[\d.]+pt\""),
        r'<svg aria-hidden="true" style="max-width: \2pt" \1\3',
    ),
]
"""Parts that are removed from Matplotlib's SVG: metadata, global style, fonts, and invisible digits."""
