"""Diagnosis of a compiled model: measurements on data and the findings they lead to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.finding import Finding
from pellucid.graph.validation import check_integer
from pellucid.inspect.diagnostics.data_checks import (
    check_class_balance,
    check_history,
    check_label_errors,
    check_outliers,
    find_label_errors,
    to_class_probabilities,
    to_labels,
)
from pellucid.inspect.diagnostics.layer_checks import check_layers, compute_layer_statistics
from pellucid.inspect.diagnostics.measurements import compute_largest_eigenvalue, measure_model
from pellucid.inspect.diagnostics.report import Diagnosis
from pellucid.inspect.layer_trace import get_symbolic_loss
from pellucid.model.interfaces import ModelLike
from pellucid.nn.lint.initial_weights import check_symmetric_weights
from pellucid.nn.lint.linter import CERTAIN_CHECKS, find_certain_mistakes
from pellucid.nn.optimizers import SGD, Optimizer
from pellucid.nn.random_seed import validate_seed
from pellucid.training.data_adapter import make_dataset
from pellucid.typing import Values

INSTABILITY_FACTOR = 1.5
"""The curvature is reported above this multiple of the stability limit: full-batch descent hovers around the limit."""

HARDEST_SAMPLES = 5

SYMMETRY_EFFECTS = ("dead units", "vanishing gradient", "updates too small")
"""Findings that equal weights explain."""


def diagnose(
    model: ModelLike, x: Values, y: Values, *, samples: int = 512, curvature: bool = True, seed: int = 0
) -> Diagnosis:
    r"""Find out why a compiled model does not learn: measure it on data, and report each problem with its fix.

    Checks for dead units; saturated sigmoids and tanhs; vanishing and exploding gradients; updates that are too large
    or too small for the weights; a largest eigenvalue :math:`\lambda` of the loss's Hessian that is too large for the
    learning rate :math:`\eta`, :math:`\lambda > 2 (1 + \mu) / \eta` for gradient descent with momentum :math:`\mu`;
    likely label errors; class imbalance; outliers; and overfitting, if `fit` recorded a validation loss. The model is
    not trained, and a healthy model has no findings.

    Parameters
    ----------
    model : Model
        A compiled model, ideally after some training.
    x, y : arrays
        Data, as for `Model.fit`.
    samples : int
        Maximum number of samples to use; more are subsampled at random.
    curvature : bool
        Whether to compute the largest eigenvalue of the Hessian, which takes about 30 Hessian-vector products.
    seed : int
        Seed of the subsampling.

    Returns
    -------
    Diagnosis
        Sequence of findings, empty for a healthy model. `Diagnosis.table` formats the measurements.

    Raises
    ------
    ModelError, ShapeError
        If the model is not compiled, or if the data do not fit it.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(4, activation="relu", name="hidden"), nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.layers[0].set_weights([np.ones((2, 4)), np.full(4, -100.0)])
    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    >>> [(f.name, f.where) for f in pel.diagnose(model, x, x[:, :1], curvature=False)][:1]
    [('dead units', 'hidden')]

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010,
    for saturation and vanishing gradients; J. Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the
    Edge of Stability, ICLR 2021, for the eigenvalue; C. Northcutt et al., Confident Learning, JAIR 70 (2021), for
    labels.
    """
    count, rng = check_integer("samples", samples), np.random.default_rng(validate_seed(seed))
    data = list(make_dataset(model, x, y).arrays)
    chosen = np.arange(len(data[0]))
    if len(chosen) > count:
        chosen = np.sort(rng.choice(len(chosen), count, replace=False))
    batch = [part[chosen] for part in data]
    measured = measure_model(model, batch)
    statistics = compute_layer_statistics(measured)
    mistakes = find_certain_mistakes(get_symbolic_loss(model), [*CERTAIN_CHECKS, check_symmetric_weights])
    found = [*check_weights(model), *mistakes]
    # Equal weights also make units dead and gradients 0, whose fixes would not help.
    is_symmetric = any(f.name == "symmetric weights" for f in mistakes)
    found += [f for f in check_layers(statistics) if not is_symmetric or f.name not in SYMMETRY_EFFECTS]
    eigenvalue, stability_limit = None, get_stability_limit(model.compile_config.optimizer)
    if curvature and not any(f.name.startswith("non-finite") for f in found):
        eigenvalue = compute_largest_eigenvalue(model, batch, seed)
        found += check_curvature(eigenvalue, stability_limit)
    classification = None
    if len(model.outputs) == 1 and len(data) == 2:
        classification = to_class_probabilities(measured.predictions, batch[1])
    label_errors: list[tuple[int, int, int]] = []
    if classification is not None:
        probabilities, labels = classification
        classes = probabilities.shape[1]
        labeled = np.flatnonzero((labels >= 0) & (labels < classes))  # not those of an ignored class
        errors = find_label_errors(probabilities[labeled], labels[labeled])
        label_errors = [(int(chosen[labeled[i]]), given, likely) for i, given, likely in errors]
        found += check_label_errors(label_errors, len(labeled))
        found += check_class_balance(to_labels(data[1], classes), classes)
    highest_losses: list[tuple[int, float]] = []
    if measured.losses is not None and np.isfinite(measured.losses).all():
        order = np.argsort(-measured.losses)[:HARDEST_SAMPLES]
        highest_losses = [(int(chosen[i]), float(measured.losses[i])) for i in order]
        if classification is None:
            found += check_outliers(measured.losses, chosen)
    found += check_history(None if model.history is None else model.history.history)
    return Diagnosis(found, statistics, eigenvalue, stability_limit, highest_losses, label_errors, len(chosen))


def check_weights(model: ModelLike) -> Iterator[Finding]:
    for p in model.parameters:
        value = p.get_value()
        count = int((~np.isfinite(value.astype(np.float64))).sum())
        if count:
            yield Finding(
                "non-finite weights",
                str(p.name),
                f"{count} of its {value.size} elements {'is' if count == 1 else 'are'} NaN or infinite.",
                "Every value computed from them is NaN too, so training cannot recover.",
                "Restore earlier weights, and train with a smaller learning rate or clipnorm. The TerminateOnNaN "
                "callback stops training in time.",
            )


def get_stability_limit(optimizer: Optimizer) -> float | None:
    """Return the curvature up to which gradient descent is stable; None for other optimizers than SGD."""
    rate = optimizer.learning_rate
    if isinstance(rate, Shared):
        rate = float(rate.get_value())
    elif callable(rate) and not isinstance(rate, Expr):
        rate = float(rate(int(optimizer.iterations.get_value())))
    if not isinstance(optimizer, SGD) or not isinstance(rate, float) or rate <= 0:
        return None
    limit = 2 * (1 + optimizer.momentum) / rate
    return limit / (1 + 2 * optimizer.momentum) if optimizer.nesterov else limit


def check_curvature(eigenvalue: float, stability_limit: float | None) -> Iterator[Finding]:
    if stability_limit is not None and eigenvalue > INSTABILITY_FACTOR * stability_limit:
        yield Finding(
            "learning rate too high for the curvature",
            "the loss",
            f"The largest eigenvalue of its Hessian is {eigenvalue:.4g}; steps are stable below {stability_limit:.4g}.",
            "Along that direction each step overshoots the minimum further than the last one, so the loss oscillates "
            "or diverges.",
            f"Multiply the learning rate by {stability_limit / eigenvalue:.2g}, or standardize the inputs.",
        )
