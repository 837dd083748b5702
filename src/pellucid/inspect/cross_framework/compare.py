"""`verify`: the same network in another framework, and how far outputs, gradients and updates are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.gradient import grad
from pellucid.inspect.cross_framework.deterministic import still
from pellucid.inspect.cross_framework.graph_evaluation import check_form
from pellucid.inspect.equivalence.check import Comparison, batches_of, given_data
from pellucid.inspect.equivalence.report import Gap, Proof
from pellucid.inspect.equivalence.runners import FunctionSide
from pellucid.inspect.layer_trace import Training, training_of
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.random_seed import as_seed
from pellucid.run.function_builder import function
from pellucid.show.input_values import figure
from pellucid.training import data_validation

TWINS = {
    "keras": "pellucid.inspect.cross_framework.keras_twin",
    "torch": "pellucid.inspect.cross_framework.torch_twin",
    "tensorflow": "pellucid.inspect.cross_framework.tensorflow_twin",
}
"""Where the twin of each framework is built."""


@dataclass(frozen=True, repr=False)
class Verification(Proof):
    """A model beside its twin: for outputs, loss, gradients and parameters, the largest difference over all steps."""

    def largest(self, tensor: str) -> Gap:
        """Return the gap of a tensor at the step where it is largest for what is allowed."""
        differences, allowed = self.differences[tensor], self.tolerances[tensor]
        at = int((differences / allowed.clip(min=1e-300)).argmax())
        return Gap(at + 1, tensor, float(differences[at]), float(allowed[at]))

    def rows(self) -> list[Gap]:
        """Return the largest gap of every tensor."""
        return [self.largest(tensor) for tensor in self.differences]

    def cells(self, gap: Gap) -> list[str]:
        """Write one row."""
        return [gap.tensor, figure(gap.difference, 2), figure(gap.tolerance, 2), str(gap.step)]

    @property
    def header(self) -> list[str]:
        """What the columns hold."""
        return ["tensor", "difference", "allowed", "at step"]


def verify(
    model: Model,
    against: str = "keras",
    x: Any = None,
    y: Any = None,
    *,
    steps: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    tolerance: float | None = None,
) -> Verification:
    r"""Build the twin of a compiled model in another framework, give it the same weights, and compare outputs,
    gradients, and the parameters after each step: :math:`\max_i |a_i - b_i| / \max_i |a_i|`.

    Random layers (dropout, noise) are at rest in both, for no two frameworks draw the same numbers; batch normalization
    is as in training. The optimizer begins without memory. The model keeps the values it had before.

    Parameters
    ----------
    model : Model
        What is verified: any graph of layers with one output.
    against : {"keras", "torch", "tensorflow"}
        The framework, which must be installed. Keras's twin is made of its own layers, losses and optimizers on
        whatever backend it has; those of PyTorch and TensorFlow of their own functions and optimizers.
    x, y : arrays, optional
        Data; without them some are drawn.
    steps : int
        How many steps are made.
    batch_size : int, optional
        How many samples a step takes; all of them without it.
    seed : int
        Of the order of samples, and of what is drawn.
    tolerance : float, optional
        What difference is allowed; without it rounding is measured, as in `prove`.

    Returns
    -------
    Verification
        True if they agree; the largest difference of every tensor.

    Raises
    ------
    ModelError
        If the framework is not installed, or has nothing that a layer, the loss or the optimizer could be built of;
        all of these are named.
    ValueError
        For an unknown framework.
    """
    if against not in TWINS:
        raise OptionError(
            f"A model is verified against {', '.join(map(repr, TWINS))}.{near_miss(str(against), list(TWINS))} "
            f"Received: against={against!r}"
        )
    if (x is None) != (y is None):
        raise ModelError(f"Give x and y or neither. Received: {'x' if y is None else 'y'} alone")
    steps = data_validation.positive("steps", steps)
    data = given_data(model, [] if x is None else [x, y], as_seed(seed))
    check_form(model)
    training = training_of(model, data[-1] if len(data) > len(model.inputs) else None)
    optimizer = fresh(training.optimizer)
    if find_spec(against) is None:
        raise ModelError(
            f"Nothing to verify against: {against} is not installed. pip install {against} installs it; "
            f"others are {', '.join(t for t in TWINS if t != against)}"
        )
    twin = import_module(TWINS[against]).Twin(model, optimizer)
    comparison = Comparison(
        ours(model, training, optimizer), twin, seed, tolerance, pairs={n: n for n in twin.tensors()}
    )
    return comparison.run(list(batches_of(data, steps, batch_size, False, seed)), Verification)


def fresh(optimizer: Optimizer) -> Optimizer:
    """Return the same optimizer without memory, its learning rate a number or a schedule."""
    config = dict(optimizer.config)
    if isinstance(config.get("learning_rate"), Shared):
        config["learning_rate"] = float(config["learning_rate"].get_value())
    return type(optimizer)(**config)


def ours(model: Model, training: Training, optimizer: Optimizer) -> FunctionSide:
    """Return the model as a side that puts out predictions, loss and gradients."""
    [loss, *outputs] = still([training.loss, *training.outputs])
    parameters = [p for p in model.parameters if p.trainable]
    gradients = grad(loss, parameters)
    told: Mapping[str, Any] = {
        **dict(zip(output_names(len(outputs)), outputs, strict=True)),
        "loss": loss,
        **{f"gradient of {p.name}": g for p, g in zip(parameters, gradients, strict=True)},
    }
    step = function(training.given, dict(told), updates=optimizer.updates(loss, parameters))
    return FunctionSide(step, f"the model {model.name}", model.parameters)


def output_names(count: int) -> Sequence[str]:
    """Return what the outputs are called in the report."""
    return ["output"] if count == 1 else [f"output {i}" for i in range(1, count + 1)]
