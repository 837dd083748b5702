"""Comparison of a model with the same network in another framework: outputs, gradients, updated parameters."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from pellucid.graph.errors import OptionError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.gradient import grad
from pellucid.graph.validation import check_integer
from pellucid.inspect.cross_framework.functional_runner import FunctionalRunner
from pellucid.inspect.cross_framework.keras_runner import KerasRunner
from pellucid.inspect.cross_framework.tensorflow_backend import TensorFlowBackend
from pellucid.inspect.cross_framework.torch_backend import TorchBackend
from pellucid.inspect.cross_framework.unsupported import check_supported
from pellucid.inspect.equivalence.check import LockstepComparison, make_batches, prepare_data
from pellucid.inspect.equivalence.report import Difference, EquivalenceReport
from pellucid.inspect.equivalence.runners import FunctionRunner, Runner
from pellucid.inspect.layer_trace import SymbolicTraining, disable_randomness, trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.random_seed import validate_seed
from pellucid.run.function_builder import function
from pellucid.show.pages.input_values import format_number
from pellucid.typing import Values

FRAMEWORKS = ("keras", "torch", "tensorflow")


@dataclass(frozen=True, repr=False)
class FrameworkComparison(EquivalenceReport):
    """Comparison of a model with another framework: the largest difference of each output, gradient and parameter."""

    def largest_difference_of(self, tensor: str) -> Difference:
        """Return the difference of a tensor at the step where it is largest relative to its tolerance."""
        differences, tolerances = self.differences[tensor], self.tolerances[tensor]
        i = int((differences / tolerances.clip(min=1e-300)).argmax())
        return Difference(i + 1, tensor, float(differences[i]), float(tolerances[i]))

    @property
    def header(self) -> list[str]:
        return ["tensor", "difference", "tolerance", "at step"]

    def rows(self) -> list[Difference]:
        return [self.largest_difference_of(tensor) for tensor in self.differences]

    def format_row(self, d: Difference) -> list[str]:
        return [d.tensor, format_number(d.size, 2), format_number(d.tolerance, 2), str(d.step)]


def compare_with(
    model: ModelLike,
    framework: str = "keras",
    x: Values | None = None,
    y: Values | None = None,
    *,
    steps: int = 1,
    batch_size: int | None = None,
    seed: int = 0,
    tolerance: float | None = None,
) -> FrameworkComparison:
    r"""Build the same network in another framework with the same weights, and compare both at each training step.

    Compares :math:`\max_i |a_i - b_i| / \max_i |a_i|` of outputs, loss, gradients and updated parameters. Dropout and
    noise are disabled, because frameworks draw different random numbers; batch normalization is in training mode. The
    optimizer starts without state. The model keeps its values.

    Parameters
    ----------
    model : Model
        A compiled model with one output.
    framework : {"keras", "torch", "tensorflow"}
        The framework, which must be installed. Keras uses its own layers, losses and optimizers, on any backend.
        PyTorch and TensorFlow use their functions and optimizers, without Keras.
    x, y : arrays, optional
        Data. By default random samples.
    steps : int
        Number of training steps.
    batch_size : int, optional
        Samples per step. By default each step takes all samples.
    seed : int
        Seed of the sample order and of random samples.
    tolerance : float, optional
        Allowed relative difference. By default it is measured, as in `check_equivalence`.

    Returns
    -------
    FrameworkComparison
        True if both agree. Contains the largest difference of every tensor.

    Raises
    ------
    ModelError
        If the framework is not installed, or cannot express a layer, the loss or the optimizer; all of them are named.
    ValueError
        For an unknown framework.

    Examples
    --------
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> bool(pel.compare_with(model, "torch", steps=2))  # doctest: +SKIP
    True
    """
    if framework not in FRAMEWORKS:
        raise OptionError(
            f"Expected a framework: {', '.join(map(repr, FRAMEWORKS))}.{near_miss(str(framework), list(FRAMEWORKS))} "
            f"Received: framework={framework!r}"
        )
    if (x is None) != (y is None):
        raise ModelError(f"Expected both x and y, or neither. Received: only {'x' if y is None else 'y'}")
    steps = check_integer("steps", steps)
    data = prepare_data(model, [] if x is None else [x, y], validate_seed(seed))
    check_supported(model)
    training = trace_training(model, data[-1] if len(data) > len(model.inputs) else None)
    optimizer = reset_optimizer(training.optimizer)
    if find_spec(framework) is None:
        raise ModelError(
            f"{framework} is not installed. Install it by pip install {framework}, or compare with "
            f"{' or '.join(other for other in FRAMEWORKS if other != framework)}"
        )
    runner = make_framework_runner(framework, model, optimizer)
    own = make_model_runner(model, training, optimizer)
    # Constants, such as the statistics of Normalization, are no tensors of the model's runner.
    pairs = {name: name for name in runner.get_tensors() if name in own.shared}
    comparison = LockstepComparison(own, runner, seed, tolerance, pairs=pairs)
    return comparison.run(list(make_batches(data, steps, batch_size, False, seed)), FrameworkComparison)


def make_framework_runner(framework: str, model: ModelLike, optimizer: Optimizer) -> Runner:
    if framework == "keras":
        return KerasRunner(model, optimizer)
    backend = TorchBackend() if framework == "torch" else TensorFlowBackend()
    return FunctionalRunner(backend, model, optimizer)


def make_model_runner(model: ModelLike, training: SymbolicTraining, optimizer: Optimizer) -> FunctionRunner:
    """Return a runner for the model whose outputs are predictions, loss and gradients."""
    [loss, output] = disable_randomness([training.loss, *training.outputs])
    parameters = [p for p in model.parameters if p.trainable]
    gradients = {f"gradient of {p.name}": g for p, g in zip(parameters, grad(loss, parameters), strict=True)}
    outputs = {"output": output, "loss": loss, **gradients}
    step = function(training.batch_inputs, outputs, updates=optimizer.updates(loss, parameters))
    return FunctionRunner(step, f"the model {model.name}", model.parameters)


def reset_optimizer(optimizer: Optimizer) -> Optimizer:
    """Return the same optimizer without state, with its learning rate as a number or a schedule."""
    config = dict(optimizer.config)
    if isinstance(config.get("learning_rate"), Shared):
        config["learning_rate"] = float(config["learning_rate"].get_value())
    return type(optimizer)(**config)
