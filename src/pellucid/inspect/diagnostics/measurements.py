"""Measurements for a diagnosis: activations, gradients, one update, per-sample losses and curvature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.graph.derivatives import hessian_vector_product
from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.gradient import grad
from pellucid.graph.passes import inference
from pellucid.inspect.equivalence.runners import cast_batch
from pellucid.inspect.layer_trace import LayerCall, SymbolicTraining, disable_randomness, trace_layers, trace_training
from pellucid.model.interfaces import ModelLike
from pellucid.nn.losses import Loss
from pellucid.run.function_builder import function
from pellucid.typing import Array

LANCZOS_STEPS = 30
"""Maximum number of Lanczos steps. Extreme eigenvalues converge long before the number of parameters is reached."""


@dataclass(frozen=True)
class Measurements:
    """Measurements of a model on a batch: outputs in inference mode, gradients without randomness."""

    calls: list[LayerCall]
    activations: list[Array]  # of each layer output
    predictions: Array  # first output of the model
    losses: Array | None  # of each sample; None if there are several outputs
    gradients: dict[Shared, Array]
    updates: dict[Shared, Array]  # the change that one step would make


def measure_model(model: ModelLike, data: Sequence[Array]) -> Measurements:
    calls = trace_layers(model)
    training = trace_training(model, data[1] if len(data) == 2 else None)
    batch = cast_batch(data, [e.dtype for e in training.batch_inputs], model.name)
    layer_outputs = [e for call in calls for e in call.outputs]
    sample_losses = build_sample_losses(model, training)
    outputs = {str(i): e for i, e in enumerate(inference([*layer_outputs, *training.outputs]))}
    if sample_losses is not None:
        outputs["losses"] = inference(sample_losses)
    values = function(training.batch_inputs, outputs, on_unused_input="ignore")(*batch)
    [loss] = disable_randomness([training.loss])
    parameters = [p for p in model.parameters if p.trainable]
    gradients = grad(loss, parameters)
    new_values = training.optimizer.updates(loss, parameters)
    # The change is an output of the function, not an update, so the parameters keep their values.
    changes = [new_values[p] - p for p in parameters]
    results = [np.asarray(value) for value in function(training.batch_inputs, [*gradients, *changes])(*batch)]
    return Measurements(
        calls,
        [np.asarray(values[str(i)]) for i in range(len(layer_outputs))],
        np.asarray(values[str(len(layer_outputs))]),
        None if sample_losses is None else np.asarray(values["losses"], np.float64),
        dict(zip(parameters, results[: len(parameters)], strict=True)),
        dict(zip(parameters, results[len(parameters) :], strict=True)),
    )


def build_sample_losses(model: ModelLike, training: SymbolicTraining) -> Expr | None:
    """Return the loss of each sample, or None unless there is exactly one output and one target."""
    loss = model.compile_config.loss
    if len(training.outputs) != 1 or len(training.targets) != 1:
        return None
    call = loss.call if isinstance(loss, Loss) else loss
    values = as_expr(call(training.targets[0], training.outputs[0]))
    if values.ndim == 0:
        return None
    return values.mean(axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def compute_largest_eigenvalue(model: ModelLike, data: Sequence[Array], seed: int) -> float:
    r"""Return the largest eigenvalue of the loss's Hessian, by Lanczos iteration on products :math:`H v`.

    Each step orthogonalizes :math:`H v` against all previous vectors. The eigenvalues of the tridiagonal matrix
    :math:`v_i^\top H v_j` converge to the extreme eigenvalues of the Hessian from the inside.

    References
    ----------
    C. Lanczos, An iteration method for the solution of the eigenvalue problem of linear differential and integral
    operators, Journal of Research of the National Bureau of Standards 45 (1950).
    """
    training = trace_training(model, data[1] if len(data) == 2 else None)
    batch = cast_batch(data, [e.dtype for e in training.batch_inputs], model.name)
    [loss] = disable_randomness([training.loss])
    parameters = [p for p in model.parameters if p.trainable]
    directions = [Input(f"v{i}", p.shape, p.dtype) for i, p in enumerate(parameters)]
    products = hessian_vector_product(loss, parameters, directions, disconnected="zero")
    compute = function([*training.batch_inputs, *directions], products, on_unused_input="ignore")
    shapes = [p.get_value().shape for p in parameters]
    sizes = [int(np.prod(shape)) for shape in shapes]

    def multiply_by_hessian(v: Array) -> Array:
        parts = np.split(v, np.cumsum(sizes)[:-1])
        vectors = [part.reshape(s).astype(p.dtype) for part, s, p in zip(parts, shapes, parameters, strict=True)]
        return np.concatenate([np.ravel(part) for part in compute(*batch, *vectors)]).astype(np.float64)

    return lanczos(multiply_by_hessian, sum(sizes), np.random.default_rng(seed))


def lanczos(
    multiply: Callable[[Array], Array], size: int, rng: np.random.Generator, steps: int = LANCZOS_STEPS
) -> float:
    """Return the largest eigenvalue of a symmetric matrix, given its product with a vector.

    Examples
    --------
    >>> matrix = np.diag([3.0, 1.0, -5.0])
    >>> round(lanczos(lambda v: matrix @ v, 3, np.random.default_rng(0)), 6)
    3.0
    """
    v = rng.standard_normal(size)
    basis = [v / np.linalg.norm(v)]
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    for _ in range(min(steps, size)):
        w = multiply(basis[-1])
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):  # twice: after one pass, rounding errors leave w not quite orthogonal
            w = w - np.array(basis).T @ (np.array(basis) @ w)
        norm = float(np.linalg.norm(w))
        if not np.isfinite(norm) or norm <= 1e-10 * max(map(abs, diagonal), default=0.0):
            break
        off_diagonal.append(norm)
        basis.append(w / norm)
    count = len(diagonal)
    off_diagonal = off_diagonal[: count - 1]
    matrix = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
    return float(np.linalg.eigvalsh(matrix)[-1]) if np.isfinite(matrix).all() else float("nan")
