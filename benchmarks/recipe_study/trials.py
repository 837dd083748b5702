"""One training of a recipe on one split of a data set, with its CPU time and its score on the test set."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from pellucid.train.evaluate.baselines import fit_baseline, list_baselines
from pellucid.train.fit.networks import make_member_outputs
from pellucid.train.fit.recipes import resolve_settings
from pellucid.train.prepare.prepared_run import PreparedRun, prepare_parts
from pellucid.train.read.dataset import Dataset, split_dataset
from pellucid.train.read.loaders import load_dataset
from pellucid.train.settings.settings import Settings
from pellucid.training.callbacks.early_stopping import EarlyStopping
from recipe_study.candidates import Candidate

MAXIMUM_EPOCHS = 400
LINEAR_NAMES = ("logistic regression", "linear regression")


def run_trial(
    recipe: Candidate, source: Mapping[str, Any], budget: float | None, samples: int | None
) -> dict[str, Any]:
    """Train, evaluate on the test set, and return scores and CPU times in seconds.

    ``budget`` is the CPU time of the training; None takes the number of epochs of the recipe.
    """
    dataset = load_dataset(Settings(**source))
    parts = split_samples(dataset, source["seed"], samples)
    if recipe.baseline:
        prepared = prepare_parts(Settings(**source, model="linear"), dataset, parts)
        start = time.process_time()
        outputs = predict_by_baseline(prepared, recipe.baseline)
        return compute_scores(dataset, parts["test"], outputs) | {"cpu": time.process_time() - start}
    settings = make_settings(recipe, source, dataset, parts)
    count = len(parts["training"])
    prepared = prepare_parts(resolve_settings(settings, recipe.training, count), dataset, parts)
    if budget is not None:
        settings = replace(settings, epochs=count_affordable_epochs(prepared, budget))
        prepared = prepare_parts(resolve_settings(settings, recipe.training, count), dataset, parts)
    start = time.process_time()
    stopping = fit(prepared)
    cpu = time.process_time() - start
    trained = {"cpu": cpu, "training_cpu": cpu, "best_epoch": stopping.best_epoch, "epochs": prepared.settings.epochs}
    return (
        compute_scores(dataset, parts["test"], prepared.make_final_model().predict(prepared.x[parts["test"]])) | trained
    )


def split_samples(dataset: Dataset, seed: int, samples: int | None) -> dict[str, Any]:
    parts = split_dataset(dataset, {"validation": 0.15, "test": 0.15}, seed)
    if samples is not None:
        rows = np.random.default_rng(seed).permutation(parts["training"])[:samples]
        parts["training"] = np.sort(rows)
    return parts


def make_settings(recipe: Candidate, source: Mapping[str, Any], dataset: Dataset, parts: Mapping[str, Any]) -> Settings:
    settings = Settings(**source, **recipe.settings)
    if recipe.layers is None:
        return settings
    shape = dataset.fit_inputs(parts["training"])[0].shape[1:]
    last: dict[str, Any] = {"kind": "Dense", "units": dataset.outputs}
    if recipe.members is not None:
        last = make_member_outputs(recipe.members, dataset.outputs)
    if dataset.class_names:
        last["activation"] = "softmax"
    channels = [{"kind": "Reshape", "target_shape": [*shape, 1]}] if len(shape) == 2 else []
    inputs: list[Any] | None = [] if recipe.is_graph else None
    return replace(settings, layers=[*channels, *recipe.layers(shape), last], inputs=inputs)


def count_affordable_epochs(prepared: PreparedRun, budget: float) -> int:
    """Return the number of epochs that take as much CPU time as the budget, with compilation."""
    times = []
    for _ in range(2):  # the first epoch compiles
        start = time.process_time()
        fit(prepared, epochs=1)
        times.append(time.process_time() - start)
    compiling = max(0.0, times[0] - times[1])
    return int(np.clip((budget - compiling) / max(times[1], 1e-3), 1, MAXIMUM_EPOCHS))


def fit(prepared: PreparedRun, epochs: int | None = None) -> EarlyStopping:
    settings = prepared.settings
    length = epochs or settings.epochs or 1
    stopping = EarlyStopping(patience=settings.patience or length, restore_best_weights=True)
    prepared.model.fit(
        *prepared.get_part("training"),
        epochs=length,
        batch_size=settings.batch_size,
        validation_data=prepared.get_validation_data(),
        callbacks=[stopping],
        seed=settings.seed,
        verbose=0,
    )
    return stopping


def predict_by_baseline(prepared: PreparedRun, baseline: str) -> Any:
    """Return the outputs of a baseline of scikit-learn, without the limits that `pellucid train` sets to its time."""
    with threadpool_limits(1):
        for name, build, _ in list_baselines(prepared):
            if name == baseline or (baseline == "linear model" and name in LINEAR_NAMES):
                return fit_baseline(prepared, build(), is_constant=False).outputs
    raise LookupError(baseline)


def compute_scores(dataset: Dataset, test: Any, outputs: Any) -> dict[str, float]:
    """Return the score, and ROC AUC and log loss of classes."""
    from sklearn.metrics import log_loss, r2_score, roc_auc_score

    truth = dataset.targets[test]
    if not dataset.class_names:
        return {"score": float(r2_score(truth, outputs))}
    outputs = np.clip(np.asarray(outputs, np.float64), 1e-7, None)
    outputs /= outputs.sum(axis=1, keepdims=True)
    labels = range(len(dataset.class_names))
    several = {"multi_class": "ovr", "labels": labels}
    auc = roc_auc_score(truth, outputs[:, 1]) if len(labels) == 2 else roc_auc_score(truth, outputs, **several)
    accuracy = float((outputs.argmax(axis=1) == truth).mean())
    return {"score": accuracy, "auc": float(auc), "log_loss": float(log_loss(truth, outputs, labels=labels))}
