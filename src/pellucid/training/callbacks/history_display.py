"""Display of a history in a notebook: learning curves, last and best values, and the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.show.pages.html_style import render_table, wrap_html
from pellucid.show.plots.alt_text import describe_curves
from pellucid.show.plots.plots import learning_curves
from pellucid.training.loop_progress import format_metric
from pellucid.training.metric_mode import is_higher_better

if TYPE_CHECKING:
    from pellucid.training.callbacks.history import History

MAX_PLOTS = 4
"""Number of metrics whose curves are shown. The table has all."""

MAX_ROWS = 20


def render_history(history: History) -> str:
    """Return the learning curves of a history, its metrics and its epochs as HTML."""
    count = len(history.epoch)
    if not count:
        return wrap_html("<p>No finished epoch</p>")
    title = f"<p><b>{count:,} epoch{'s' * (count != 1)} in {sum(history.seconds):.3g} s</b></p>"
    rows = [describe_metric(history, name) for name in history.history]
    metrics = render_table(["metric", "first", "last", "best", "in epoch"], rows, range(1, 5))
    head, *lines = history.get_cells(MAX_ROWS)
    epochs = f"<details><summary>Epochs</summary>{render_table(head, lines, range(len(head)))}</details>"
    return wrap_html(f'{title}<div class="side-by-side"><div>{metrics}{epochs}</div>{render_curves(history)}</div>')


def describe_metric(history: History, name: str) -> list[str]:
    """Return a metric, its first, last and best value, and the epoch of the best, if its direction is known."""
    values = history.history[name]
    best = history.find_best(name)
    ends = [format_metric(values[0]), format_metric(values[-1])]
    return [name, *ends, *(["", ""] if best is None else [format_metric(best[0]), f"{best[1] + 1:,}"])]


def render_curves(history: History) -> str:
    """Return the curves of the first metrics that are numbers, each with its validation metric."""
    from pellucid.show.plots.themed_figure import render_image

    curves = collect_curves(history)
    names = [name for name in curves if name.removeprefix("val_") == name or name.removeprefix("val_") not in curves]
    figures = []
    for name in names[:MAX_PLOTS]:
        shown = {each: curves[each] for each in (name, f"val_{name}") if each in curves}
        labeled = {"validation" if each.startswith("val_") else "training": shown[each] for each in shown}
        reading = describe_curves(
            {each: values for each, (_, values) in shown.items()}, higher_is_better=bool(is_higher_better(name))
        )
        figures.append(f"<figure>{render_image(learning_curves(labeled, 'epoch', name), reading, 0.72)}</figure>")
    return f'<div class="side-by-side">{"".join(figures)}</div>'


def collect_curves(history: History) -> Mapping[str, tuple[Any, Any]]:
    """Return the numbers of epochs, from 1, and the values of each metric that is a number."""
    found = {}
    for name, values in history.history.items():
        if not any(np.ndim(value) for value in values):
            epochs = [history.epoch[index] + 1 for index in history.iter_row_indices(name)]
            found[name] = np.array(epochs), np.array(values, float)
    return found
