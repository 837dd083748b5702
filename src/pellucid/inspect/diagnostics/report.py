"""Report of a diagnosis: findings, layer statistics, curvature and samples with the highest loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from pellucid.graph.finding import Finding, Findings
from pellucid.show.pages.html_style import render_table, wrap_html
from pellucid.show.pages.input_values import format_number

LAYER_COLUMNS = ("layer", "output RMS", "dead", "saturated", "gradient RMS", "update/weight")


class LayerStatistics(NamedTuple):
    """Statistics of a layer.

    Attributes
    ----------
    layer : str
        Name of the layer.
    activation_rms : float
        Root mean square of the layer's output.
    dead_fraction, saturated_fraction : float
        Fraction of units that output 0 for every sample, and of values at the limits of a sigmoid or tanh.
    gradient_rms : float or None
        Root mean square of the loss gradient over the layer's parameters; None without parameters.
    update_ratio : float or None
        Norm of one update of the kernels divided by the norm of the kernels; None without a kernel.
    """

    layer: str
    activation_rms: float
    dead_fraction: float
    saturated_fraction: float
    gradient_rms: float | None
    update_ratio: float | None


@dataclass(frozen=True, repr=False)
class Diagnosis(Findings):
    """Sequence of findings, empty for a healthy model, with the measurements behind them.

    Attributes
    ----------
    found : list of Finding
        The problems.
    layers : list of LayerStatistics
        Statistics of each layer.
    eigenvalue, stability_limit : float or None
        Largest eigenvalue of the loss's Hessian, and the value below which the optimizer's steps are stable; None if
        it was not requested, or if the optimizer is not plain gradient descent.
    highest_losses : list of (int, float)
        Samples with the highest loss: index and loss.
    label_errors : list of (int, int, int)
        Samples whose label is probably wrong: index, given label, probable label.
    samples : int
        Number of samples checked.
    """

    found: list[Finding]
    layers: list[LayerStatistics] = field(default_factory=list)
    eigenvalue: float | None = None
    stability_limit: float | None = None
    highest_losses: list[tuple[int, float]] = field(default_factory=list)
    label_errors: list[tuple[int, int, int]] = field(default_factory=list)
    samples: int = 0

    @property
    def no_findings_text(self) -> str:
        """The text that is printed if there are no findings."""
        return f"No problems found ({self.samples} samples checked)."

    def table(self) -> str:
        """Format the measurements as text: a line per layer, the curvature and the highest losses."""
        lines = [LAYER_COLUMNS, *self.cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(LAYER_COLUMNS))]
        table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([*table, *self.describe_loss()])

    def cells(self) -> list[tuple[str, ...]]:
        """Return the statistics of the layers as text."""
        rows = []
        for r in self.layers:
            fractions = (f"{r.dead_fraction:.0%}", f"{r.saturated_fraction:.0%}")
            optional = ("-" if v is None else format_number(v, 3) for v in (r.gradient_rms, r.update_ratio))
            rows.append((r.layer, format_number(r.activation_rms, 3), *fractions, *optional))
        return rows

    def describe_loss(self) -> list[str]:
        """Describe the curvature and the highest losses, if they were measured."""
        lines = []
        if self.eigenvalue is not None:
            limit = self.stability_limit
            limit_text = "" if limit is None else f"; steps are stable below {format_number(limit, 4)}"
            lines.append(f"largest eigenvalue of the Hessian: {format_number(self.eigenvalue, 4)}{limit_text}")
        if self.highest_losses:
            losses = ", ".join(f"sample {i} ({format_number(loss, 3)})" for i, loss in self.highest_losses)
            lines.append(f"highest losses: {losses}")
        return lines

    def _repr_html_(self) -> str:
        table = render_table(LAYER_COLUMNS, self.cells(), range(1, len(LAYER_COLUMNS)))
        notes = "".join(f"<p>{escape(line)}</p>" for line in self.describe_loss())
        summary = f"<summary>Measurements on {self.samples:,} samples</summary>"
        return wrap_html(f"{self.render_findings()}<details>{summary}{table}{notes}</details>")
