"""Partial results of an interrupted run: learning curves, step counts and last losses."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid.tracking.interrupt import acknowledge_interrupt

if TYPE_CHECKING:
    from pellucid.tracking.context import RunContext


@dataclass
class LearningCurve:
    """Values measured at each step of a training; ``unit`` names the steps and ``quantity`` the values."""

    unit: str
    quantity: str
    values: list[float] = field(default_factory=list)


def save_partial_results(run: "RunContext") -> tuple[dict[str, Any], list[str]]:
    """Save a picture of the curves of an interrupted run; return measures and lines with the progress reached."""
    curves = {label: curve for label, curve in run.curves.items() if curve.values}
    measures: dict[str, Any] = {}
    for label, curve in curves.items():
        measures.setdefault(f"{curve.unit}_finished", {})[label] = len(curve.values)
        measures.setdefault(f"last_{curve.quantity}".replace(" ", "_"), {})[label] = curve.values[-1]
    # Experiments save better pictures after training.
    if not run.pictures:
        try:
            _draw_curves(run, curves)
        except KeyboardInterrupt:
            # A second Ctrl-C: the user does not want to wait for the picture.
            acknowledge_interrupt()
    lines = [
        f"{label}: stopped; {curve.unit} finished: {len(curve.values):,}, last {curve.quantity} {curve.values[-1]:.4g}"
        for label, curve in curves.items()
    ]
    return measures, lines


def _draw_curves(run: "RunContext", curves: dict[str, LearningCurve]) -> None:
    import numpy as np

    from pellucid.show.plots.plots import learning_curves

    for quantity in dict.fromkeys(curve.quantity for curve in curves.values()):
        finite = {
            label: curve
            for label, curve in curves.items()
            if curve.quantity == quantity and np.isfinite(curve.values).any()
        }
        if not finite:
            continue
        unit = next(iter(finite.values())).unit
        ends = ", ".join(f"{label} {curve.values[-1]:.4g}" for label, curve in finite.items())
        run.save_figure(
            f"{quantity.replace(' ', '-')}-so-far",
            f"The {quantity} until the interruption",
            learning_curves({label: curve.values for label, curve in finite.items()}, unit, quantity),
            reading=f"The {quantity} over the {unit} that were finished when Ctrl-C was pressed. Last values: {ends}.",
        )
