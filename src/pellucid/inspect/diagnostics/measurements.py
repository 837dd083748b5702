"""What the doctor measures: activations, gradients, one step, losses of single examples, and the curvature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.derivatives import hessian_vector_product
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.gradient import grad
from pellucid.graph.inference import inference
from pellucid.inspect.cross_framework.deterministic import still
from pellucid.inspect.layer_trace import Step, Training, steps_of, training_of
from pellucid.model.model import Model
from pellucid.nn.losses import Loss
from pellucid.run.function_builder import function

Array = np.ndarray[Any, Any]

ROUNDS = 30
"""Steps of Lanczos's iteration, which finds an extreme eigenvalue long before it has made as many as there are rows."""


@dataclass(frozen=True)
class Measured:
    """Numbers of a model on some data.

    Attributes
    ----------
    steps : list of Step
        Its layers.
    activations : list of array
        What each layer puts out, once training is over.
    predictions : array
        What the model puts out.
    losses : array or None
        The loss of each example, if the model has one output.
    gradients, changes : dict from Shared to array
        By each parameter: the gradient of the mean loss with random parts at rest, and what one step would add.
    """

    steps: list[Step]
    activations: list[Array]
    predictions: Array
    losses: Array | None
    gradients: dict[Shared, Array]
    changes: dict[Shared, Array]


def measure(model: Model, data: Sequence[Array]) -> Measured:
    """Measure a model on data."""
    steps = steps_of(model)
    training = training_of(model, data[1] if len(data) == 2 else None)
    batch = [np.asarray(part).astype(given.dtype) for part, given in zip(data, training.given, strict=True)]
    outputs = [e for step in steps for e in step.made]
    seen = inference([*outputs, *training.outputs])
    losses = each_loss(model, training)
    told = {"losses": inference(losses)} if losses is not None else {}
    values = function(training.given, {**{str(i): e for i, e in enumerate(seen)}, **told}, on_unused_input="ignore")(
        *batch
    )
    [loss] = still([training.loss])
    parameters = [p for p in model.parameters if p.trainable]
    gradients = grad(loss, parameters)
    updates = training.optimizer.updates(loss, parameters)
    moved = [updates[p] - p for p in parameters]
    # Nothing is updated: what a step would add is an output like another.
    found = function(training.given, [*gradients, *moved])(*batch)
    first, second = found[: len(parameters)], found[len(parameters) :]
    return Measured(
        steps,
        [np.asarray(values[str(i)]) for i in range(len(outputs))],
        np.asarray(values[str(len(outputs))]),
        None if losses is None else np.asarray(values["losses"], np.float64),
        dict(zip(parameters, map(np.asarray, first), strict=True)),
        dict(zip(parameters, map(np.asarray, second), strict=True)),
    )


def each_loss(model: Model, training: Training) -> Expr | None:
    """Return the loss of every example, where there is one output and one target."""
    loss = model.goal.loss
    if len(training.outputs) != 1 or len(training.targets) != 1:
        return None
    call = loss.call if isinstance(loss, Loss) else loss
    values = as_expr(call(training.targets[0], training.outputs[0]))
    if values.ndim == 0:
        return None
    return values.mean(axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def largest_eigenvalue(model: Model, data: Sequence[Array], seed: int) -> float:
    r"""Return the largest eigenvalue of the loss's Hessian, by Lanczos's iteration on products :math:`H v`.

    Each step orthogonalizes :math:`H v` against all vectors so far; the eigenvalues of the small matrix of products
    :math:`v_i^\top H v_j` approach those at the ends of the Hessian's spectrum from inside.

    References
    ----------
    C. Lanczos, An iteration method for the solution of the eigenvalue problem of linear differential and integral
    operators, Journal of Research of the National Bureau of Standards 45 (1950).
    """
    training = training_of(model, data[1] if len(data) == 2 else None)
    batch = [np.asarray(part).astype(given.dtype) for part, given in zip(data, training.given, strict=True)]
    [loss] = still([training.loss])
    parameters = [p for p in model.parameters if p.trainable]
    along = [Input(f"v{i}", p.shape, p.dtype) for i, p in enumerate(parameters)]
    products = hessian_vector_product(loss, parameters, along, disconnected="zero")
    product = function([*training.given, *along], products, on_unused_input="ignore")
    shapes = [p.get_value().shape for p in parameters]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def times(v: Array) -> Array:
        parts = np.split(v, np.cumsum(sizes)[:-1])
        given = [part.reshape(s).astype(p.dtype) for part, s, p in zip(parts, shapes, parameters, strict=True)]
        return np.concatenate([np.ravel(part) for part in product(*batch, *given)]).astype(np.float64)

    return lanczos(times, sum(sizes), np.random.default_rng(seed))


def lanczos(times: Any, size: int, rng: np.random.Generator, rounds: int = ROUNDS) -> float:
    """Return the largest eigenvalue of a symmetric matrix that is known by its products with vectors.

    Examples
    --------
    >>> matrix = np.diag([3.0, 1.0, -5.0])
    >>> round(lanczos(lambda v: matrix @ v, 3, np.random.default_rng(0)), 6)
    3.0
    """
    v = rng.standard_normal(size)
    basis = [v / np.linalg.norm(v)]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(rounds, size)):
        w = times(basis[-1])
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):  # once is not enough: rounding leaves a part of what was taken away
            w = w - np.array(basis).T @ (np.array(basis) @ w)
        length = float(np.linalg.norm(w))
        if not np.isfinite(length) or length <= 1e-10 * max(map(abs, diagonal), default=0.0):
            break
        beside.append(length)
        basis.append(w / length)
    count = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(beside[: count - 1], 1) + np.diag(beside[: count - 1], -1)
    return float(np.linalg.eigvalsh(matrix)[-1]) if np.isfinite(matrix).all() else float("nan")
