"""Evaluation and prediction with the network of a saved run."""

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.tracking.errors import UsageError
from pellucid.tracking.result import pluralize
from pellucid.tracking.run_folder import CONFIG, RECORD
from pellucid.train.evaluate.evaluated_predictions import (
    PREDICTION_BATCH,
    describe_details,
    evaluate_outputs,
    get_predictions,
    predict_finite,
)
from pellucid.train.evaluate.padded_prediction import predict_padded
from pellucid.train.evaluate.trained_network import TrainedNetwork
from pellucid.train.read.dataset import Dataset
from pellucid.train.read.loaders import (
    STANDARD_INPUT,
    Batch,
    find_loader,
    load_dataset,
)
from pellucid.train.report.result_findings import find_class_problems
from pellucid.train.settings.settings import Settings
from pellucid.typing import Array
from pellucid.untrusted_files.reading import report_damage

if TYPE_CHECKING:
    pass

SEED = 0
"""Seed of the bootstrap of `evaluate_network`."""

MAXIMUM_FILE_BYTES = 2**30
"""Largest size of standard input."""


def evaluate_network(network: TrainedNetwork, data: str, strict: bool = False) -> Mapping[str, Any]:
    """Return the evaluation of a network on other data with targets; on their test part if they have parts.

    Raises `DataError` if the data have another kind, shape or classes than the training data.
    """
    description, names, loader = network.description, network.class_names, network.loader
    if find_loader(data).kind != loader.kind:
        raise DataError(f"{data}: expected {loader.name}, like the training data, received another kind of data.")
    options = {option.name: description[option.name] for option in loader.options}
    dataset = load_dataset(Settings(data, task=description["task"], strict=strict, options=options))
    unknown = [name for name in dataset.class_names if name not in names]
    if unknown:
        raise DataError(
            f"{data}: expected the classes of the training data ({', '.join(names)}), received {unknown[0]!a}."
        )
    if not names and dataset.outputs != len(description["target_names"]):
        expected = pluralize(len(description["target_names"]), "target")
        raise DataError(f"{data}: expected {expected} per sample, like the training data, received {dataset.outputs}.")
    if "test" not in dataset.parts:
        warn_if_trained_on(network, dataset.checksum, data)
    rows = dataset.parts.get("test", np.arange(len(dataset.targets)))
    outputs = predict_dataset(network, dataset, rows)
    truth = dataset.targets[rows]
    if names:
        truth = np.array([names.index(name) for name in dataset.class_names])[truth]
    decision = network.decision
    predicted = get_predictions(outputs, decision, names)
    targets = description["target_names"]
    found = evaluate_outputs(outputs, predicted, truth, decision.positive, names, targets, SEED)
    findings = list(find_class_problems(found.groups if names else [], advise_weights=False, advise_folds=False))
    return {
        "folder": str(network.folder),
        "data": data,
        "samples": len(rows),
        "decision": description.get("decision"),
        "test": found.metrics,
        **describe_details(found, bool(names)),
        "findings": [asdict(finding) for finding in findings],
    }


def predict_dataset(network: TrainedNetwork, dataset: Dataset, rows: Array) -> Array:
    """Return the outputs for samples; those that are larger than memory are read in chunks."""
    if dataset.stored is None:
        return predict_finite(network.model, dataset.apply_description(network.description)[rows])
    is_chosen = np.zeros(len(dataset.targets), bool)
    is_chosen[rows] = True
    parts, start = [], 0
    for x in dataset.stored.iter_inputs(network.description, is_new=True):
        chosen = x[is_chosen[start : start + len(x)]]
        start += len(x)
        if len(chosen):
            parts.append(predict_finite(network.model, chosen, PREDICTION_BATCH))
    return np.concatenate(parts)


def warn_if_trained_on(network: TrainedNetwork, checksum: str, data: str) -> None:
    config = network.folder / CONFIG
    if config.is_file() and checksum in config.read_text("utf-8", "replace"):
        warnings.warn(
            f"{data}: the network was trained on most of these samples; {network.folder / RECORD} has the metrics of "
            "its held-out test set",
            DataWarning,
            stacklevel=3,
        )


def predict(network: TrainedNetwork, files: Sequence[str], strict: bool = False) -> list[dict[str, Any]]:
    """Return the predictions for the samples of files, one mapping each.

    A mapping has ``file`` and, if files have several samples, ``line`` or ``row``; then ``class``, its ``probability``
    and ``probabilities``, or ``values`` by the names of the targets. A decision threshold may choose another class than
    the most probable one.
    """
    found: list[dict[str, Any]] = []
    for file in files:
        for positions, x in read_inputs(network, file, strict):
            if len(positions):
                [outputs] = predict_padded(network.model, x)
                found += [
                    position | describe_prediction(network, output)
                    for position, output in zip(positions, outputs, strict=True)
                ]
    return found


def read_inputs(network: TrainedNetwork, file: str, strict: bool) -> Iterator[Batch]:
    """Yield the samples of a file, or of standard input (``-``), in batches, with their positions."""
    loader = network.loader
    with report_damage(DataError, file, passing=(UsageError,)):
        if file != STANDARD_INPUT:
            yield from loader.read_inputs(network.description, file, strict)
        elif loader.parse_inputs is None:
            raise UsageError(f"-: expected the path of {loader.name}, which is not read from standard input")
        else:
            yield from loader.parse_inputs(network.description, read_standard_input(), strict)


def read_standard_input() -> bytes:
    """Return the content of standard input, or raise an error if there is more than a file may have."""
    content = sys.stdin.buffer.read(MAXIMUM_FILE_BYTES + 1)
    if len(content) > MAXIMUM_FILE_BYTES:
        raise DataError(f"-: expected at most {MAXIMUM_FILE_BYTES:,} bytes, received more; use a part of them.")
    return content


def describe_prediction(network: TrainedNetwork, output: Array) -> dict[str, Any]:
    names = network.class_names
    if not names:
        values = zip(network.description["target_names"], output, strict=True)
        return {"values": {name: float(value) for name, value in values}}
    [best] = network.decision.choose_classes(output[None]).tolist()
    probabilities = {name: float(p) for name, p in zip(names, output, strict=True)}
    return {"class": names[best], "probability": float(output[best]), "probabilities": probabilities}
