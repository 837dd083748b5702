"""The training step and the scores of the lab, as expressions."""

from __future__ import annotations

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.naming import named
from pellucid.graph.ops.elementwise import cast
from pellucid.live.lab.division import divide_rows
from pellucid.live.lab.inputs import LabInputs
from pellucid.live.lab.networks import LabNetwork
from pellucid.nn.losses import binary_crossentropy, sparse_categorical_crossentropy
from pellucid.run.function import Function
from pellucid.run.function_builder import function


def make_training_step(inputs: LabInputs, network: LabNetwork) -> Function:
    r"""Return the step :math:`W \leftarrow W - \eta (\partial L / \partial W + \lambda W)` on the next mini-batch.

    Biases do not decay. Its output is the loss :math:`L`, the mean over the mini-batch.
    """
    division = divide_rows(inputs)
    rows, weights = division.batch
    losses = compute_losses(inputs, network.predict(inputs.noisy_X[rows]), inputs.y[rows])
    loss = named("loss", average(losses, weights))
    updates: dict[Shared, Expr] = {}
    for p, gradient in zip(network.parameters, grad(loss, network.parameters), strict=True):
        direction = gradient + inputs.decay * p if p.ndim == 2 else gradient
        updates[p] = p - inputs.rate * (network.used[p] * direction if p in network.used else direction)
    updates[inputs.offset] = division.next_offset
    arguments = inputs.list_train_inputs(network.has_units)
    return function(arguments, loss, updates=updates, on_unused_input="ignore")


def compute_losses(inputs: LabInputs, predictions: Expr, y: Expr) -> Expr:
    """Return the loss of each row: cross-entropy, or the squared error in units of the target's variance."""
    if not inputs.classes:
        return ((predictions[:, 0] - y) / inputs.target_scale) ** 2
    if predictions.shape[1] == 1:
        return binary_crossentropy(cast(y, predictions.dtype)[:, None], predictions)
    return sparse_categorical_crossentropy(y, predictions)


def compute_scores(inputs: LabInputs, predictions: Expr, y: Expr) -> Expr:
    """Return the score of each row: whether the class is right, or the absolute error in units of the target."""
    if not inputs.classes:
        return abs(predictions[:, 0] - y)
    predicted = predictions[:, 0] > 0.5 if predictions.shape[1] == 1 else predictions.argmax(axis=1)
    result: Expr = cast(predicted == y, inputs.X.dtype)
    return result


def evaluate(inputs: LabInputs, network: LabNetwork) -> dict[str, Expr]:
    """Return the mean loss of the held-out rows, and the mean scores of the training rows and the held-out rows.

    Means are NaN if there are no held-out rows.
    """
    predictions = network.predict(inputs.noisy_X)
    training, held_out = divide_rows(inputs).weights
    losses = compute_losses(inputs, predictions, inputs.y)
    scores = compute_scores(inputs, predictions, inputs.y)
    return {
        "held-out loss": average(losses, held_out),
        "training score": average(scores, training),
        "held-out score": average(scores, held_out),
    }


def average(values: Expr, weights: Expr) -> Expr:
    return (values * weights).sum() / weights.sum()
