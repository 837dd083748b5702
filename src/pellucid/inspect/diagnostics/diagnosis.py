"""`doctor`: everything measured at once, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Shared
from pellucid.inspect.diagnostics.data_checks import (
    check_balance,
    check_history,
    check_labels,
    check_outliers,
    classes_of,
    mislabeled,
)
from pellucid.inspect.diagnostics.layer_checks import check_layers, rows
from pellucid.inspect.diagnostics.measurements import largest_eigenvalue, measure
from pellucid.inspect.diagnostics.report import Diagnosis, Finding
from pellucid.model.model import Model
from pellucid.nn.optimizers import SGD, Optimizer
from pellucid.nn.random_seed import as_seed
from pellucid.training import data_validation

UNSTABLE = 1.5
"""How far the curvature may be beyond the limit: descent with full batches hovers about the limit itself."""


def doctor(model: Model, x: Any, y: Any, *, samples: int = 512, curvature: bool = True, seed: int = 0) -> Diagnosis:
    r"""Look for what keeps a compiled model from learning: measure it on data, and tell what hurts, why, what to do.

    Looked for are dead units; saturated sigmoids and tanhs; gradients that vanish or explode from layer to layer; steps
    too long or too short for the weights; a largest eigenvalue :math:`\lambda` of the loss's Hessian beyond what the
    learning rate :math:`\eta` allows, :math:`\lambda > 2 (1 + \mu) / \eta` for descent with momentum :math:`\mu`;
    labels that are likely wrong; rare classes; single examples that rule the loss; and, if `fit` has measured held-out
    data, overfitting. Nothing is trained, and nothing is said of what is sound.

    Parameters
    ----------
    model : Model
        Compiled, and best trained for a while.
    x, y : arrays
        As for `fit`.
    samples : int
        How many samples are looked at, drawn at random where there are more.
    curvature : bool
        Whether the Hessian's largest eigenvalue is computed, which takes some thirty gradients of a gradient.
    seed : int
        Of what is drawn.

    Returns
    -------
    Diagnosis
        A sequence of findings, empty for a sound network; `Diagnosis.table` writes what was measured.

    Raises
    ------
    ModelError, ShapeError
        If the model is not compiled, or the data do not fit it.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(4, activation="relu", name="hidden"), nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.layers[0].set_weights([np.ones((2, 4)), np.full(4, -100.0)])
    >>> x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    >>> [f.name for f in pel.doctor(model, x, x[:, :1], curvature=False)][:1]
    ['dead units']

    References
    ----------
    X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010, of
    saturation and vanishing; J. Cohen et al., Gradient Descent on Neural Networks Typically Occurs at the Edge of
    Stability, ICLR 2021, of the eigenvalue; C. Northcutt et al., Confident Learning, JAIR 70 (2021), of labels.
    """
    count = data_validation.positive("samples", samples)
    data = list(model.checked(x, y))
    chosen = np.arange(len(data[0]))
    if len(chosen) > count:
        chosen = np.sort(np.random.default_rng(as_seed(seed)).choice(len(chosen), count, replace=False))
    batch = [part[chosen] for part in data]
    measured = measure(model, batch)
    layers = rows(measured)
    found = [*check_weights(model), *check_layers(layers)]
    eigenvalue, limit = None, stable_below(model.goal.optimizer)
    if curvature and not any("no number" in f.name for f in found):
        eigenvalue = largest_eigenvalue(model, batch, seed)
        found += check_curvature(eigenvalue, limit)
    alone = len(model.outputs) == 1 and len(data) == 2
    known = classes_of(measured.predictions, np.asarray(data[1])[chosen]) if alone else None
    wrong = [] if known is None else [(int(chosen[i]), j, k) for i, j, k in mislabeled(*known)]
    found += check_labels(wrong, len(chosen))
    hardest: list[tuple[int, float]] = []
    if known is not None:
        found += check_balance(every_label(data[1], known[0].shape[1]), known[0].shape[1])
    if measured.losses is not None and np.isfinite(measured.losses).all():
        order = np.argsort(-measured.losses)[:5]
        hardest = [(int(chosen[i]), float(measured.losses[i])) for i in order]
        if known is None:
            found += renumbered(check_outliers(measured.losses), chosen)
    found += check_history(None if model.history is None else model.history.history)
    return Diagnosis(found, layers, eigenvalue, limit, hardest, wrong, len(chosen))


def every_label(y: Any, count: int) -> Any:
    """Return the labels of all samples."""
    array = np.asarray(y)
    one_hot = array.ndim == 2 and array.shape[1] == count > 1
    return array.argmax(axis=1) if one_hot else array.reshape(-1).astype(int)


def renumbered(found: Iterator[Finding], chosen: Any) -> list[Finding]:
    """Say which examples are meant by their places in all of the data."""
    return [
        Finding(
            f.name,
            ", ".join(f"example {chosen[int(part.split(' ')[1])]}" for part in f.where.split(", ")),
            f.what,
            f.why,
            f.fix,
        )
        for f in found
    ]


def check_weights(model: Model) -> Iterator[Finding]:
    """Find weights that are no numbers."""
    for p in model.parameters:
        value = p.get_value()
        wrong = int((~np.isfinite(value.astype(np.float64))).sum())
        if wrong:
            yield Finding(
                "weights that are no numbers",
                str(p.name),
                f"{wrong} of its {value.size} elements are nan or infinite",
                "everything that it touches is no number either",
                "begin again from weights of before, with a smaller learning rate or clipnorm; TerminateOnNaN stops in "
                "time",
            )


def stable_below(optimizer: Optimizer) -> float | None:
    """Return the curvature up to which descent is stable, of plain descent with or without momentum."""
    rate = optimizer.learning_rate
    if isinstance(rate, Shared):
        rate = float(rate.get_value())
    elif callable(rate) and not isinstance(rate, Expr):
        rate = float(rate(int(optimizer.iterations.get_value())))
    if not isinstance(optimizer, SGD) or not isinstance(rate, float) or rate <= 0:
        return None
    # Nesterov's form is stable up to (2 + 2 mu) / (1 + 2 mu) over the rate.
    bound = 2 * (1 + optimizer.momentum) / rate
    return bound / (1 + 2 * optimizer.momentum) if optimizer.nesterov else bound


def check_curvature(eigenvalue: float, limit: float | None) -> Iterator[Finding]:
    """Find steps that are too long for the curvature."""
    if limit is not None and eigenvalue > UNSTABLE * limit:
        yield Finding(
            "curvature beyond the step",
            "the loss",
            f"the largest eigenvalue of its Hessian is {eigenvalue:.4g}, and steps are stable below {limit:.4g}",
            "along that direction every step goes further beyond the valley than it came from: the loss rises or jumps",
            f"a learning rate {limit / eigenvalue:.2g} times as large, or inputs brought to a common scale",
        )
