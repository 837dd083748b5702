"""What a training had learnt when Ctrl-C ended it: how far it was, its last loss, and a picture of its way there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid.experiments.common.interrupt import heard

if TYPE_CHECKING:
    from pellucid.experiments.runner.context import Run


@dataclass
class Curve:
    """What a training measured at each step: ``up`` names the values, and ``across`` what is counted."""

    across: str
    up: str
    values: list[float] = field(default_factory=list)


@contextmanager
def noting(curve: Curve, values_of: Any) -> Iterator[list[float]]:
    """Note what an interrupted loop brings with it: ``values_of(history)`` makes values of the finished steps."""
    try:
        yield curve.values
    except KeyboardInterrupt as stop:
        if hasattr(stop, "history"):
            curve.values.extend(values_of(stop.history))
        raise


def keep(run: "Run") -> tuple[dict[str, Any], list[str]]:
    """Save a picture of the curves that a run has noted; return measures and lines that say how far it was."""
    curves = {label: curve for label, curve in run.curves.items() if curve.values}
    measures: dict[str, Any] = {}
    for label, curve in curves.items():
        measures.setdefault(f"{curve.across}_finished", {})[label] = len(curve.values)
        measures.setdefault(f"last_{curve.up}".replace(" ", "_"), {})[label] = curve.values[-1]
    # Experiments save their own, better pictures once they have learnt.
    if not run.pictures:
        try:
            _draw(run, curves)
        except KeyboardInterrupt:
            # Who presses Ctrl-C twice does not want to wait for a picture.
            heard()
    lines = [
        f"{label}: stopped; {curve.across} finished: {len(curve.values):,}, the last {curve.up} {curve.values[-1]:.4g}"
        for label, curve in curves.items()
    ]
    return measures, lines


def _draw(run: "Run", curves: dict[str, Curve]) -> None:
    import numpy as np

    from pellucid.show.plots import learning_curves

    for up in dict.fromkeys(curve.up for curve in curves.values()):
        shown = {label: curve for label, curve in curves.items() if curve.up == up and np.isfinite(curve.values).any()}
        if not shown:
            continue
        across = next(iter(shown.values())).across
        ends = ", ".join(f"{label} at {curve.values[-1]:.4g}" for label, curve in shown.items())
        run.figure(
            f"{up.replace(' ', '-')}-so-far",
            f"The {up} until the run was interrupted",
            learning_curves({label: curve.values for label, curve in shown.items()}, across, up),
            reading=f"The {up} over the {across} that were finished when Ctrl-C was pressed. It ends {ends}.",
        )
