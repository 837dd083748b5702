"""Choice map: scores over the options of two choices, as a heat map in which a cell can be chosen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pellucid.graph.errors import OptionError, ShapeError, UseError
from pellucid.graph.expr import Input
from pellucid.live.controls import Choice
from pellucid.live.views.base import FigureContext, View
from pellucid.show.plots.picture import Picture
from pellucid.show.plots.surface_plots import score_map
from pellucid.typing import Array, ArrayLike, Json

__all__ = ["ChoiceMap", "choice_map"]


class ChoiceMap(View):
    columns: Choice
    rows: Choice

    kind = "choice_map"

    def __init__(
        self, rows: Choice, columns: Choice, scores: Mapping[str, ArrayLike], gap: tuple[str, str] | None, title: str
    ) -> None:
        super().__init__(title)
        for choice in (rows, columns):
            if not isinstance(choice, Choice):
                raise UseError(f"pel.live.choice_map: expected choices, made by pel.live.choice. Received: {choice!r}")
        self.rows, self.columns = rows, columns
        shape = len(rows.options), len(columns.options)
        self.scores: dict[str, Array] = {name: np.asarray(values, float) for name, values in scores.items()}
        for name, values in self.scores.items():
            if values.shape != shape or not np.isfinite(values).all():
                raise ShapeError(
                    f"pel.live.choice_map: expected finite scores of shape {shape} for {name!r}, one for each pair of "
                    f"options. Received: shape {values.shape}"
                )
        if not self.scores or any(name not in self.scores for name in gap or ()):
            raise OptionError(
                f"pel.live.choice_map: expected scores, and gap among them. Received: {list(scores)}, {gap}"
            )
        self.gap = gap

    def build(self, context: FigureContext) -> tuple[dict[str, Json], dict[str, Json]]:
        scores: list[Json] = [
            {"name": name, "lowest": is_loss(name), "values": [[float(f"{v:.6g}") for v in row] for row in values]}
            for name, values in self.scores.items()
        ]
        gap = None if self.gap is None else [list(self.scores).index(name) for name in self.gap]
        shared: dict[str, Json] = {
            "kind": self.kind,
            "title": self.title,
            "rows": self.rows.id,
            "columns": self.columns.id,
        }
        return {**shared, "scores": scores, "gap": gap}, {}

    def draw_still(self, values: Mapping[Input, Array]) -> Picture | None:
        """Return the first score as a heat map."""
        name, scores = next(iter(self.scores.items()))
        rows, columns = ([label for label, _ in choice.options] for choice in (self.rows, self.columns))
        best = np.unravel_index(scores.argmin() if is_loss(name) else scores.argmax(), scores.shape)
        picture = score_map(scores, rows, columns, self.rows.label, self.columns.label, name)
        where = f"{self.rows.label} {rows[best[0]]}, {self.columns.label} {columns[best[1]]}"
        return Picture(picture, f"The best {name}, {scores[best]:.3g}, has {where}.", self.title)


def is_loss(name: str) -> bool:
    """Tell whether the smallest value of a score is the best, as of a loss or an error."""
    return any(word in name.lower() for word in ("loss", "error", "entropy"))


def choice_map(
    rows: Choice,
    columns: Choice,
    scores: Mapping[str, ArrayLike],
    *,
    gap: tuple[str, str] | None = None,
    title: str = "Scores",
) -> ChoiceMap:
    """Heat map of scores over the options of two choices. A click or the arrow keys choose a cell, and so both options.

    Parameters
    ----------
    rows, columns : Choice
        Two controls of the figure.
    scores : dict from str to array
        Scores by name, shape (options of rows, options of columns). The first is shown at first. The best cell has the
        lowest value if the name has the word loss, error or entropy, and else the highest.
    gap : (str, str), optional
        Names of a loss on training data and of the same on validation data. Sentences then say how far they are apart,
        and whether the chosen cell is worse than the best one because of its training loss or because of the gap.
    title : str
        Title of the view.

    Returns
    -------
    ChoiceMap

    Raises
    ------
    UseError, ShapeError, OptionError
        If an argument is not a choice, or scores have another shape or are not finite.

    Examples
    --------
    >>> size, rate = pel.live.choice(pel.iscalar("size"), [1, 2]), pel.live.choice(pel.scalar("rate"), [0.1, 1.0])
    >>> pel.live.choice_map(size, rate, {"validation loss": [[0.5, 0.4], [0.3, 0.6]]}).title
    'Scores'
    """
    return ChoiceMap(rows, columns, scores, gap, title)
