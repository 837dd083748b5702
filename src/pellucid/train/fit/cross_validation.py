"""Cross-validation: each sample is predicted by a network that was trained without it, and so by the baselines.

The folds cover all samples but a test part that the data bring. Each fold has a folder, ``folds/1`` and so on,
with network, history, and predictions. A finished fold is not trained again when the run is resumed.
"""

import csv
import io
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.atomic_write import atomic_write
from pellucid.data.errors import DataError, DataWarning
from pellucid.data.npz import read_npz
from pellucid.graph.errors import NonFiniteError
from pellucid.optional_packages import require_packages
from pellucid.tracking.context import RunContext
from pellucid.tracking.run_folder import CHECKPOINT
from pellucid.train.evaluate.baselines import fit_baselines
from pellucid.train.evaluate.evaluated_predictions import (
    NETWORK,
    ScoredPredictions,
    choose_metric,
    describe_details,
    evaluate_outputs,
    get_predictions,
    predict_finite,
)
from pellucid.train.evaluate.intervals import Interval, compute_fold_interval
from pellucid.train.evaluate.metrics import LOWER_IS_BETTER, Evaluation, get_metric_name
from pellucid.train.prepare.prepared_run import PreparedRun, prepare_parts
from pellucid.train.read.dataset import Dataset, split_dataset
from pellucid.train.training_run import fit_model, save_network
from pellucid.typing import Array

if TYPE_CHECKING:
    from pellucid.typing import Verbosity

FOLDS, PREDICTIONS = "folds", "predictions.npz"
OUT_OF_FOLD = "out-of-fold.csv"

Report = Callable[[Sequence[str]], None]


@dataclass(frozen=True, eq=False)
class FoldPredictions:
    """Outputs and predictions for the test samples of one fold, or of all, by network and baseline.

    ``rows`` are the indices of the samples. ``outputs`` are class probabilities or values, shape (n, k); ``predicted``
    are classes, shape (n,), or the same values. The network has the name `NETWORK`.
    """

    rows: Array
    outputs: Mapping[str, Array]
    predicted: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """Scores of all folds.

    Attributes
    ----------
    predictions : FoldPredictions
        Those of all folds together.
    fold : array of int, shape (n,)
        The fold of each of these samples, from 1.
    scores : mapping from str to sequence of mapping
        Metrics of each fold, by network and baseline.
    pooled : Evaluation
        Evaluation of the network on the samples of all folds together.
    """

    predictions: FoldPredictions
    fold: Array
    scores: Mapping[str, Sequence[Mapping[str, float]]]
    pooled: Evaluation

    @property
    def folds(self) -> int:
        return len(self.scores[NETWORK])

    def average(self, name: str) -> dict[str, float]:
        """Return the means over the folds of the metrics of the network or a baseline; those that all folds have."""
        return {metric: float(np.mean(values)) for metric, values in self.collect(name).items()}

    def collect(self, name: str) -> dict[str, list[float]]:
        """Return the values of each metric in all folds; without metrics that a fold lacks."""
        found = self.scores[name]
        shared = [metric for metric in found[0] if all(metric in fold for fold in found)]
        return {metric: [fold[metric] for fold in found] for metric in shared}

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviations of the network's metrics over the folds."""
        return {metric: float(np.std(values, ddof=1)) for metric, values in self.collect(NETWORK).items()}

    @property
    def intervals(self) -> dict[str, Interval]:
        """Intervals of the network's mean metrics; if all folds agree, that of the samples of all folds together."""
        found = {}
        for metric, values in self.collect(NETWORK).items():
            bounds = (0.0, np.inf) if metric in LOWER_IS_BETTER else (-np.inf if metric == "r2" else 0.0, 1.0)
            interval = compute_fold_interval(values, bounds) or self.pooled.intervals.get(metric)
            if interval is not None:
                found[metric] = interval
        return found

    def summarize(self, targets: Array) -> ScoredPredictions:
        """Return the mean metrics with the predictions of all folds; ``targets`` are those of all data."""
        rows = self.predictions.rows
        return ScoredPredictions(
            replace(self.pooled, metrics=self.average(NETWORK), intervals=self.intervals),
            {name: self.average(name) for name in self.scores if name != NETWORK},
            targets[rows],
            self.predictions.predicted,
            f"{len(rows):,} samples in {self.folds} folds",
            has_folds=True,
        )

    def describe(self, targets: Array, has_classes: bool) -> dict[str, Any]:
        """Return the scores for the record."""
        result = self.summarize(targets)
        return {
            "folds": self.folds,
            "samples": len(result.truth),
            "mean": result.evaluation.metrics,
            "standard_deviation": self.deviations,
            **describe_details(result.evaluation, has_classes),
            "scores": self.scores[NETWORK],
            "baselines": result.baselines,
        }


def prepare_folds(prepared: PreparedRun) -> list[Callable[[], PreparedRun]]:
    """Return functions that build the network of each fold; raise `DataError` if there are too few samples.

    Classes are spread evenly over the folds. The validation set of a fold is drawn from its training samples.
    """
    with require_packages("--folds"):
        from sklearn.model_selection import KFold, StratifiedKFold

    settings, dataset = prepared.settings, prepared.dataset
    count = settings.folds or 0
    rows = np.arange(len(dataset.targets))
    if "test" in dataset.parts:
        rows = np.setdiff1d(rows, dataset.parts["test"])
    if len(rows) < count:
        raise DataError(f"{dataset.where}: expected at least {count} samples for {count} folds; received {len(rows)}.")
    targets = dataset.targets[rows]
    kind = StratifiedKFold if dataset.class_names else KFold
    if dataset.class_names and np.bincount(targets).max() < count:
        most = int(np.bincount(targets).max())
        raise DataError(
            f"{dataset.where}: expected a class with at least {count} samples for {count} folds; received at most "
            f"{most}. Choose fewer --folds."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than folds is missing in some
        divided = list(kind(count, shuffle=True, random_state=settings.seed).split(rows, targets))
    return [build_fold(prepared, rows[training], rows[test]) for training, test in divided]


def build_fold(prepared: PreparedRun, training: Array, test: Array) -> Callable[[], PreparedRun]:
    remedy = "or choose another number of --folds"
    dataset: Dataset = replace(prepared.dataset, parts={"training": training, "test": test}, remedy_for_few=remedy)
    settings = prepared.settings
    if prepared.positive is not None:  # not the rarer class of each fold
        settings = replace(settings, positive_class=dataset.class_names[prepared.positive])
    parts = split_dataset(dataset, {"validation": settings.validation_split, "test": 0.0}, settings.seed)

    def build() -> PreparedRun:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # the same as those of the whole data
            return prepare_parts(settings, dataset, parts)

    return build


def cross_validate(
    run: RunContext,
    prepared: PreparedRun,
    folds: Sequence[Callable[[], PreparedRun]],
    verbose: "Verbosity",
    report: Report,
) -> CrossValidation:
    """Train and test the network and the baselines on every fold that is not finished yet; save all predictions.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, with a message how to resume the run.
    """
    main_metric = choose_metric(prepared)
    found, scores = [], []
    for number, build in enumerate(folds, start=1):
        folder, title = run.folder / FOLDS / str(number), f"fold {number} of {len(folds)}"
        is_finished = (folder / PREDICTIONS).is_file()
        if not is_finished:
            report([f"{title}: training"])
            with run.clock("folds"):
                run_fold(run, title, build(), folder, verbose)
        predictions = read_predictions(folder / PREDICTIONS)
        evaluations = {name: score(prepared, predictions, name) for name in predictions.outputs}
        value = evaluations[NETWORK].metrics[main_metric]
        report([f"{title}: {get_metric_name(main_metric)} {value:.4g}{' (finished earlier)' if is_finished else ''}"])
        found.append(predictions)
        scores.append({name: each.metrics for name, each in evaluations.items()})
    names = [name for name in found[0].outputs if all(name in each.outputs for each in found)]
    pooled = FoldPredictions(
        np.concatenate([each.rows for each in found]),
        {name: np.concatenate([each.outputs[name] for each in found]) for name in names},
        {name: np.concatenate([each.predicted[name] for each in found]) for name in names},
    )
    fold = np.repeat(np.arange(1, len(found) + 1), [len(each.rows) for each in found])
    atomic_write(run.folder / OUT_OF_FOLD, format_predictions(prepared, pooled, fold))
    metrics = {name: [each[name] for each in scores] for name in names}
    return CrossValidation(pooled, fold, metrics, score(prepared, pooled, NETWORK, prepared.settings.seed))


def run_fold(run: RunContext, title: str, fold: PreparedRun, folder: Path, verbose: "Verbosity") -> None:
    """Train the network and the baselines of a fold, and save their predictions."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        history = fit_model(fold, folder, verbose)
        model, decision = save_network(fold, folder, history)
        x = fold.get_inputs("test")
        outputs = {NETWORK: predict_finite(model, x)}
        predicted = {NETWORK: get_predictions(outputs[NETWORK], decision, fold.dataset.class_names)}
        for name, baseline in fit_baselines(fold)[0].items():
            outputs[name] = baseline.outputs
            predicted[name] = get_predictions(baseline.outputs, baseline.decision, fold.dataset.class_names)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted in {title}; the network of all training samples is in {run.folder}. To resume: pellucid "
            f"resume {run.folder}"
        ) from None
    except NonFiniteError as error:
        raise NonFiniteError(f"{title}: {error}") from error
    arrays = {"rows": np.asarray(fold.parts["test"])}
    arrays |= {f"outputs of {name}": values for name, values in outputs.items()}
    arrays |= {f"predictions of {name}": values for name, values in predicted.items()}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    # The last file: its existence says that the fold is finished.
    atomic_write(folder / PREDICTIONS, content.getvalue())
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)


def read_predictions(file: Path) -> FoldPredictions:
    arrays = read_npz(file)
    outputs, predicted = (
        {name.removeprefix(start): values for name, values in arrays.items() if name.startswith(start)}
        for start in ("outputs of ", "predictions of ")
    )
    if "rows" not in arrays or NETWORK not in outputs or set(outputs) != set(predicted):
        raise DataError(f"{file}: expected the predictions of a fold; remove the file to train the fold again.")
    return FoldPredictions(arrays["rows"], outputs, predicted)


def score(prepared: PreparedRun, predictions: FoldPredictions, name: str, seed: int | None = None) -> Evaluation:
    dataset = prepared.dataset
    return evaluate_outputs(
        predictions.outputs[name],
        predictions.predicted[name],
        dataset.targets[predictions.rows],
        prepared.positive,
        dataset.class_names,
        dataset.target_names,
        seed,
    )


def format_predictions(prepared: PreparedRun, predictions: FoldPredictions, fold: Array) -> str:
    """Return the content of ``out-of-fold.csv``, a line for each sample in the order of the data, from 0."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(list_rows(prepared, predictions, fold))
    return text.getvalue()


def list_rows(prepared: PreparedRun, predictions: FoldPredictions, fold: Array) -> Iterator[list[object]]:
    dataset = prepared.dataset
    names, outputs, predicted = dataset.class_names, predictions.outputs[NETWORK], predictions.predicted[NETWORK]
    columns = [f"probability of {name}" for name in names]
    truths = dataset.targets[predictions.rows]
    if not names:
        columns = [f"{kind} {name}" for kind in ("true", "predicted") for name in dataset.target_names]
    yield ["sample", "fold", *(("true class", "predicted class") if names else ()), *columns]
    for k in predictions.rows.argsort(kind="stable").tolist():
        own = [names[truths[k]], names[predicted[k]]] if names else truths[k].tolist()
        # Nine digits are exact for the outputs, float32.
        yield [int(predictions.rows[k]), int(fold[k]), *own, *(f"{value:.9g}" for value in outputs[k].tolist())]
