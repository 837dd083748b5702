"""Explanations of single predictions of a trained network: columns of tables, and regions of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.inspect.attribution import (
    Attribution,
    OcclusionResult,
    Scorer,
    find_training_mean,
    integrated_gradients,
    occlude,
)
from pellucid.inspect.explain import Explanation
from pellucid.show.plots.occlusion_plot import describe_occlusion, occlusion_map
from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.tracking.result import pluralize
from pellucid.train.evaluate.inference import read_inputs
from pellucid.train.evaluate.saved_models import SavedModel
from pellucid.train.evaluate.trained_network import TrainedNetwork
from pellucid.train.read.feature_names import Column, list_columns
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.show.plots.picture import Picture

MOST_COLUMNS = 10
"""Number of columns that are printed for a prediction; JSON has all."""

GRADIENTS = (
    "Integrated gradients (Sundararajan, Taly and Yan, 2017): the contributions add up to the difference from the "
    "prediction for {baseline}."
)
OCCLUSION = (
    "Occlusion (Zeiler and Fergus, 2014): squares are covered with {fill}, and the drop of the prediction is measured."
)
LOG_ODDS = " The score of a class with probability p is log(p / (1 - p)). Numbers in brackets are probabilities."


class Contribution(NamedTuple):
    """Part of a column in the difference between a prediction and that for the baseline."""

    column: str
    value: str
    contribution: float


@dataclass(frozen=True)
class RowExplanation:
    """A prediction for a row, and the contributions of its columns, the largest first.

    ``error`` is the rest of the difference, from numerical integration and rounding.
    """

    position: Mapping[str, Any]
    output: str
    prediction: float
    baseline_prediction: float
    contributions: list[Contribution]
    error: float

    def to_json(self) -> dict[str, Any]:
        return {
            **self.position,
            "output": self.output,
            "prediction": self.prediction,
            "baseline_prediction": self.baseline_prediction,
            "contributions": [each._asdict() for each in self.contributions],
            "error": self.error,
        }

    def __str__(self) -> str:
        shown = self.contributions[:MOST_COLUMNS]
        rest = self.contributions[MOST_COLUMNS:]
        names = [f"{each.column} = {each.value}" for each in shown]
        values = [each.contribution for each in shown]
        if rest:
            names.append(pluralize(len(rest), "other column"))
            values.append(sum(each.contribution for each in rest))
        width = max(map(len, names))
        difference = self.prediction - self.baseline_prediction
        return "\n".join(
            [
                f"{format_position(self.position)}: {self.output} {self.prediction:.6g}, "
                f"{self.baseline_prediction:.6g} for the baseline, difference {difference:+.4g}",
                *(f"  {name:{width}}  {value:+.4g}" for name, value in zip(names, values, strict=True)),
            ]
        )


@dataclass(frozen=True)
class ImageExplanation:
    """A prediction for an image, and how it changes where the image is covered."""

    position: Mapping[str, Any]
    output: str
    result: OcclusionResult

    @property
    def score_name(self) -> str:
        """Name of the compared number."""
        return f"the score of {self.output}" if self.result.are_log_odds else self.output

    @property
    def reading(self) -> str:
        """The map in words."""
        result = self.result
        probabilities = result.predictions if result.are_log_odds else None
        text = describe_occlusion(
            self.score_name, result.score, result.scores, result.tops, result.lefts, result.size, probabilities
        )
        if not result.are_log_odds:
            return text
        changed = int(result.changes_class.sum())
        verb = "changes" if changed < 2 else "change"
        return f"{text} {changed or 'None'} of the squares {verb} the predicted class."

    def make_picture(self) -> Picture:
        """Return the image and the map as a figure."""
        from pellucid.show.plots.picture import Picture

        title = f"{self.output} {self.result.prediction:.3f}"
        figure = occlusion_map(self.result.image, self.result.effects, title, f"drop of {self.score_name}")
        return Picture(figure, self.reading, f"explanation of {title}")

    def to_json(self) -> dict[str, Any]:
        result = self.result
        return {
            **self.position,
            "output": self.output,
            "prediction": result.prediction,
            "score": result.score,
            "score_is_log_odds": result.are_log_odds,
            "square": result.size,
            "tops": result.tops,
            "lefts": result.lefts,
            "predictions_where_covered": result.predictions,
            "scores_where_covered": result.scores,
            "reading": self.reading,
        }

    def __str__(self) -> str:
        return f"{format_position(self.position)}: {self.output} {self.result.prediction:.3f}\n  {self.reading}"


@dataclass(frozen=True)
class FormulaExplanation:
    """A network as formulas, and the names of its inputs if it is that of a run on flat samples."""

    explanation: Explanation
    input_names: Sequence[str]

    def save(self, folder: Path) -> list[Path]:
        """Write the formulas as a page into a folder; return its path."""
        page = folder / "formulas.html"
        self.explanation.save(page)
        return [page]

    def to_json(self) -> dict[str, Any]:
        found = self.explanation
        return {
            "title": found.title,
            "parameters": found.parameter_count,
            "operations": found.operations,
            "inputs": self.input_names,
            "layers": [
                {
                    "layer": part.title,
                    "formulas": [f"{symbol} = {formula}" for symbol, formula in part.results],
                    "parameters": part.parameter_count,
                    "operations": part.operations,
                }
                for part in found.parts
            ],
            "loss": [f"{symbol} = {formula}" for symbol, formula in found.losses],
            "optimizer": found.optimizer,
        }

    def __str__(self) -> str:
        names = [f"x: {', '.join(self.input_names)}", ""] if self.input_names else []
        return "\n".join([*names, str(self.explanation)])


def explain_formulas(saved: SavedModel) -> FormulaExplanation:
    """Explain the layers, the loss and the update of a model as formulas."""
    shape = saved.model.inputs[0].shape[1:]
    is_flat = saved.network is not None and len(shape) == 1
    columns = list_columns(saved.network.description, list(map(int, shape))) if saved.network and is_flat else []
    return FormulaExplanation(saved.model.explain(), [name for column in columns for name in column.inputs])


@dataclass(frozen=True)
class PredictionExplanations:
    """Explanations of all predictions for some files, with the method."""

    method: str
    items: Sequence[RowExplanation | ImageExplanation]

    @property
    def importances(self) -> dict[str, float]:
        """Mean size of the contribution of each column, the largest first; empty for images."""
        sums: dict[str, list[float]] = {}
        for item in self.items:
            if isinstance(item, RowExplanation):
                for each in item.contributions:
                    sums.setdefault(each.column, []).append(abs(each.contribution))
        means = {column: float(np.mean(sizes)) for column, sizes in sums.items()}
        return dict(sorted(means.items(), key=lambda pair: -pair[1]))

    def save(self, folder: Path) -> list[Path]:
        """Write the text, and a picture of each image, into a folder; return the paths."""
        from pellucid.atomic_write import atomic_write

        paths = [folder / "explanations.txt"]
        atomic_write(paths[0], f"{self}\n")
        for number, item in enumerate(self.items, start=1):
            if isinstance(item, ImageExplanation):
                stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(str(item.position["file"])).stem)
                paths.append(folder / f"{number}-{stem}.png")
                item.make_picture().save(paths[-1])
        return paths

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "predictions": [item.to_json() for item in self.items],
            "mean_absolute_contributions": self.importances,
        }

    def __str__(self) -> str:
        blocks = [self.method, *map(str, self.items)]
        if len(self.items) > 1 and self.importances:
            few = list(self.importances.items())[:MOST_COLUMNS]
            width = max(len(name) for name, _ in few)
            lines = [f"  {name:{width}}  {value:.4g}" for name, value in few]
            blocks.append("\n".join([f"mean size of the contributions over {len(self.items)} predictions:", *lines]))
        return "\n\n".join(blocks)


def explain_predictions(
    network: TrainedNetwork, files: Sequence[str], strict: bool = False, target: str | None = None
) -> PredictionExplanations:
    """Explain the predictions for the samples of files.

    Parameters
    ----------
    network : TrainedNetwork
        The network of a run.
    files : sequence of str
        Files as for `predict`.
    strict : bool
        Whether an invalid image, line or cell is an error.
    target : str, optional
        Class or regression target to explain. By default the predicted class, or every regression target.

    Returns
    -------
    PredictionExplanations
        Images are explained by occlusion, and rows by integrated gradients.

    Raises
    ------
    UsageError
        If the network has no such output.
    DataError
        If a file cannot be used.
    """
    names = network.class_names or tuple(network.description["target_names"])
    if target is not None and target not in names:
        raise UsageError(f"--target: the network has no output {target!r}. {suggest_name(target, names, 'outputs')}")
    sample_shape = [int(size) for size in network.model.inputs[0].shape[1:]]
    mean = find_training_mean(network.model, sample_shape)
    explain = explain_images if len(sample_shape) in (2, 3) else explain_rows
    items: list[RowExplanation | ImageExplanation] = []
    for file in files:
        for positions, x in read_inputs(network, file, strict):
            if len(positions):
                items += explain(network, positions, x, mean, names, target)
    if explain is explain_rows:
        baseline = "a sample of zeros" if mean is None else "the mean of the training samples"
        return PredictionExplanations(GRADIENTS.format(baseline=baseline), items)
    fill = "the mean color of the image" if mean is None else "the mean color of the training images"
    return PredictionExplanations(OCCLUSION.format(fill=fill) + (LOG_ODDS if network.class_names else ""), items)


def choose_outputs(
    network: TrainedNetwork, outputs: Array, names: Sequence[str], target: str | None
) -> list[tuple[int, int]]:
    """Return which output to explain for which row: pairs of row and output."""
    if target is not None:
        return [(row, names.index(target)) for row in range(len(outputs))]
    if network.class_names:
        return [(row, int(output.argmax())) for row, output in enumerate(outputs)]
    return [(row, k) for row in range(len(outputs)) for k in range(len(names))]


def explain_rows(
    network: TrainedNetwork,
    positions: Sequence[Mapping[str, Any]],
    x: Array,
    mean: Array | None,
    names: Sequence[str],
    target: str | None,
) -> list[RowExplanation]:
    pairs = choose_outputs(network, network.model.predict(x), names, target)
    rows, outputs = (np.array(part) for part in zip(*pairs, strict=True))
    baseline = np.zeros(x.shape[1:]) if mean is None else mean
    found = integrated_gradients(network.model, x[rows], baseline, outputs)
    columns = list_columns(network.description, x.shape[1:])
    return [
        RowExplanation(
            positions[row],
            names[output],
            float(found.predictions[number]),
            float(found.baseline_predictions[number]),
            add_up_columns(columns, x[row].reshape(-1), found, number),
            float(found.errors[number]),
        )
        for number, (row, output) in enumerate(pairs)
    ]


def add_up_columns(columns: Sequence[Column], row: Array, found: Attribution, number: int) -> list[Contribution]:
    """Return the contribution of each column, the sum over its inputs, the largest first."""
    parts = found.contributions[number].reshape(-1)
    listed = [Contribution(c.name, c.format_value(row), float(parts[c.place].sum())) for c in columns]
    return sorted(listed, key=lambda each: -abs(each.contribution))


def explain_images(
    network: TrainedNetwork,
    positions: Sequence[Mapping[str, Any]],
    x: Array,
    mean: Array | None,
    names: Sequence[str],
    target: str | None,
) -> list[ImageExplanation]:
    pairs = choose_outputs(network, network.model.predict(x), names, target)
    fill = None if mean is None else mean.mean(axis=(0, 1))
    scorer = Scorer(network.model)
    return [
        ImageExplanation(positions[row], names[output], occlude(scorer, x[row], output, fill)) for row, output in pairs
    ]


def format_position(position: Mapping[str, Any]) -> str:
    """Return the file, and the line or row in it.

    Examples
    --------
    >>> format_position({"file": "a.csv", "line": 2})
    'a.csv, line 2'
    """
    others = [f"{name} {value}" for name, value in position.items() if name != "file"]
    return ", ".join([str(position["file"]), *others])
