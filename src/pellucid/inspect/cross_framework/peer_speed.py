"""Speed of the same network in other frameworks, with the same weights and batches, after a comparison of outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.inspect.cross_framework.functional_runner import FunctionalRunner
from pellucid.inspect.cross_framework.keras_runner import KerasRunner
from pellucid.inspect.cross_framework.tensorflow_backend import TensorFlowBackend
from pellucid.inspect.cross_framework.torch_backend import TorchBackend
from pellucid.inspect.cross_framework.unsupported import check_supported
from pellucid.inspect.equivalence.check import draw_batch, relative_difference
from pellucid.inspect.layer_timing import (
    Advance,
    TimeSpread,
    has_loss,
    make_measurement,
    make_repeated_measurement,
    summarize,
)
from pellucid.inspect.layer_trace import disable_randomness, trace_training
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.optimizers import SGD
from pellucid.run.function_builder import function
from pellucid.run.profile import MINIMUM_ROUNDS, measure_in_turn, takes_longer
from pellucid.typing import Array

SIZES = (1, 32, 256)
"""Batch sizes of the comparison."""

LEARNING_RATE = 1e-4
COMPARED_SAMPLES = 16
TOLERANCE = 1e-4
"""Allowed difference of outputs, relative to the largest; rounding makes it about 1e-6 in float32."""


@dataclass(frozen=True)
class PeerSpeed:
    """Speed of a network in a framework.

    Attributes
    ----------
    title : str
        Name and version, and how the framework is used.
    steps, predictions : mapping from int to TimeSpread
        Seconds per training step, and per prediction from NumPy to NumPy, by batch size.
    difference : float or None
        Largest difference of the outputs from ours, relative to the largest output; None for ours.
    skipped : str
        Why the framework was not measured.
    """

    title: str
    steps: Mapping[int, TimeSpread] = field(default_factory=dict)
    predictions: Mapping[int, TimeSpread] = field(default_factory=dict)
    difference: float | None = None
    skipped: str = ""

    @property
    def sizes(self) -> list[int]:
        return sorted(self.predictions)

    def format_times(self, size: int) -> list[str]:
        return [self.steps[size].text if size in self.steps else "-", self.predictions[size].text]

    def format_difference(self) -> str:
        return "-" if self.difference is None else f"{self.difference:.1e}"

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.title,
            "skipped": self.skipped or None,
            "largest_relative_difference": self.difference,
            "batch_sizes": [
                {
                    "batch_size": size,
                    "training_step": self.steps[size]._asdict() if size in self.steps else None,
                    "prediction": self.predictions[size]._asdict(),
                }
                for size in self.sizes
            ],
        }


@dataclass(frozen=True)
class Peer:
    """A network in a framework.

    ``predict`` returns the output for inputs. ``make_step`` returns a function that runs a number of training steps on
    a batch, and waits for the last one; None for a framework that does not train.
    """

    title: str
    predict: Callable[[Sequence[Array]], Array]
    make_step: Callable[[Sequence[Array]], Callable[[int], object]] | None = None


def compare_speed(model: Model, seconds: float, advance: Advance = lambda part: None) -> list[PeerSpeed]:
    """Measure a model, and the same network in every framework that is installed; the model keeps its weights.

    Parameters
    ----------
    model : Model
        A model with one output. Training is measured if it has a loss.
    seconds : float
        Time for all measurements, without compilation.
    advance : function
        Called with the name of each framework before it is prepared, and with ``"rounds"``.

    Returns
    -------
    list of PeerSpeed
        That of pellucid, then those of the others. Frameworks that are not installed, cannot express the network, or
        compute other outputs have the reason in ``skipped``.

    Raises
    ------
    ModelError
        If the model has several outputs, or is not made of layers.
    """
    check_supported(model)
    batches = {size: draw_training_batch(model, size) for size in SIZES}
    inputs = draw_training_batch(model, COMPARED_SAMPLES)[: len(model.inputs)]
    expected = np.asarray(predict_all(model, inputs))
    found: dict[str, PeerSpeed] = {}
    with keep_weights(model), ExitStack() as stack:
        peers = [make_model_peer(model)]
        for name, make in MAKERS.items():
            advance(name)
            if find_spec(name) is None:
                found[name] = PeerSpeed(name, skipped="not installed")
                continue
            try:
                peer = stack.enter_context(make(model))
            except ModelError as error:
                found[name] = PeerSpeed(name, skipped=str(error))
                continue
            gap = relative_difference(expected, np.asarray(peer.predict(inputs)).reshape(expected.shape))
            found[peer.title] = PeerSpeed(peer.title, difference=gap, skipped=explain_difference(gap))
            if not found[peer.title].skipped:
                peers.append(peer)
        measures = prepare_measurements(peers, batches, has_loss(model), seconds)
        advance("rounds")
        spreads = {key: summarize(values) for key, values in measure_in_turn(measures, seconds / 2).items()}
    for peer in peers:
        steps, predictions = (
            {size: spreads[peer.title, what, size] for size in SIZES if (peer.title, what, size) in spreads}
            for what in ("train", "predict")
        )
        difference = found[peer.title].difference if peer.title in found else None
        found[peer.title] = PeerSpeed(peer.title, steps, predictions, difference)
    return sorted(found.values(), key=lambda each: (bool(each.skipped), each.difference is not None))


@contextmanager
def keep_weights(model: Model) -> Iterator[None]:
    """Give a model its weights back at the end of a block."""
    weights = model.get_weights()
    try:
        yield
    finally:
        model.set_weights(weights)


def explain_difference(difference: float) -> str:
    if difference <= TOLERANCE:
        return ""
    return f"its outputs differ by {difference:.2g} of the largest, and {TOLERANCE:g} is allowed"


def draw_training_batch(model: Model, size: int) -> list[Array]:
    targets = trace_training(model).targets if has_loss(model) else []
    return draw_batch(model.inputs, targets, model.outputs, np.random.default_rng(size), size)


def prepare_measurements(
    peers: Sequence[Peer], batches: Mapping[int, Sequence[Array]], trains: bool, seconds: float
) -> dict[tuple[str, str, int], Callable[[], float]]:
    """Compile everything, and return a measurement for each framework, for training and prediction, and batch size.

    After a batch size that takes longer than its share of the time, larger ones are left out.
    """
    measures: dict[tuple[str, str, int], Callable[[], float]] = {}
    each = seconds / (4 * len(peers) * len(batches) * MINIMUM_ROUNDS)
    for size, batch in batches.items():
        for peer in peers:
            inputs = batch[:-1] if trains else batch
            measures[peer.title, "predict", size] = make_measurement(partial(peer.predict, inputs), each / 2)
            if trains and peer.make_step is not None:
                measures[peer.title, "train", size] = make_repeated_measurement(peer.make_step(batch), each / 2)
        if any(takes_longer(measure, each) for (_, _, other), measure in measures.items() if other == size):
            break
    return measures


def predict_all(model: Model, inputs: Sequence[Array]) -> Any:
    return model.predict_on_batch(inputs[0] if len(inputs) == 1 else list(inputs))


def make_model_peer(model: Model) -> Peer:
    """Return our own network; several steps are one call, as in `fit`."""

    def make_step(batch: Sequence[Array]) -> Callable[[int], object]:
        return lambda count: step.repeat(count, *batch)

    step: Any = None
    if has_loss(model):
        training = trace_training(model)
        [loss] = disable_randomness([training.loss])
        step = function(training.batch_inputs, loss, updates=SGD(LEARNING_RATE).updates(loss, training.parameters))
    return Peer("pellucid", lambda inputs: np.asarray(predict_all(model, inputs)), make_step if step else None)


@contextmanager
def make_torch_peer(model: Model) -> Iterator[Peer]:
    """Yield the network of PyTorch's functions, run eagerly."""
    import torch

    check_trainable(model)
    runner = FunctionalRunner(TorchBackend(), model, SGD(LEARNING_RATE))
    weights: Any = runner.to_weights(runner.get_tensors())
    parameters = [weights[name] for name, trainable in runner.trainable.items() if trainable]
    optimizer = torch.optim.SGD(parameters, LEARNING_RATE)

    def predict(inputs: Sequence[Array]) -> Array:
        with torch.inference_mode():
            output: Any = runner.compute_output(weights, runner.to_batch(inputs), {})
            return np.asarray(output.numpy())

    def make_step(batch: Sequence[Array]) -> Callable[[int], object]:
        *inputs, y = runner.to_batch(batch)

        def run(count: int) -> None:
            for _ in range(count):
                optimizer.zero_grad()
                loss: Any = runner.compute_loss(weights, inputs, y, {})[0]
                loss.backward()
                optimizer.step()

        return run

    yield Peer(f"{runner.title}, eager", predict, make_step)


@contextmanager
def make_tensorflow_peer(model: Model) -> Iterator[Peer]:
    """Yield the network of TensorFlow's functions, compiled by `tf.function`."""
    import tensorflow as tf

    check_trainable(model)
    runner = FunctionalRunner(TensorFlowBackend(), model, SGD(LEARNING_RATE))
    weights: Any = runner.to_weights(runner.get_tensors())
    parameters = [weights[name] for name, trainable in runner.trainable.items() if trainable]

    def compute_output(*inputs: Any) -> Any:
        return runner.compute_output(weights, inputs, {})

    def run_step(*batch: Any) -> Any:
        *inputs, y = batch
        with tf.GradientTape() as tape:
            loss = runner.compute_loss(weights, inputs, y, {})[0]
        for parameter, gradient in zip(parameters, tape.gradient(loss, parameters), strict=True):
            parameter.assign_sub(LEARNING_RATE * gradient)
        return loss

    compute, train = tf.function(compute_output), tf.function(run_step)

    def make_step(batch: Sequence[Array]) -> Callable[[int], object]:
        tensors = runner.to_batch(batch)

        def run(count: int) -> object:
            losses = [train(*tensors) for _ in range(count)]
            return losses[-1].numpy()

        return run

    yield Peer(f"{runner.title}, tf.function", lambda inputs: compute(*runner.to_batch(inputs)).numpy(), make_step)


@contextmanager
def make_keras_peer(model: Model) -> Iterator[Peer]:
    """Yield the network of Keras's layers, with `train_on_batch` and `predict_on_batch`."""
    check_trainable(model)
    runner = KerasRunner(model, SGD(LEARNING_RATE))
    keras_model = runner.keras_model
    keras_model.compile(optimizer=runner.optimizer, loss=runner.loss)

    def pack(inputs: Sequence[Array]) -> Any:
        return inputs[0] if len(inputs) == 1 else list(inputs)

    def make_step(batch: Sequence[Array]) -> Callable[[int], object]:
        *inputs, y = batch

        def run(count: int) -> None:
            for _ in range(count):
                keras_model.train_on_batch(pack(inputs), y)

        return run

    yield Peer(runner.title, lambda inputs: np.asarray(keras_model.predict_on_batch(pack(inputs))), make_step)


@contextmanager
def make_onnx_peer(model: Model) -> Iterator[Peer]:
    """Yield the exported network in ONNX Runtime, which only predicts."""
    import onnxruntime

    from pellucid.errors import PellucidError

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        try:
            model.export(file, "onnx")
        except PellucidError as error:
            raise ModelError(f"it cannot be exported: {error}") from error
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        yield Peer(
            f"ONNX Runtime {onnxruntime.__version__}",
            lambda inputs: session.run(None, dict(zip(names, inputs, strict=True)))[0],
        )


def check_trainable(model: Model) -> None:
    """Raise for a model without a loss, which the other frameworks need to build the network."""
    if not has_loss(model):
        raise ModelError("the model has no loss")


MAKERS: dict[str, Callable[[Model], Any]] = {
    "torch": make_torch_peer,
    "keras": make_keras_peer,
    "tensorflow": make_tensorflow_peer,
    "onnxruntime": make_onnx_peer,
}
"""How the network is built in each framework, by the name of its package."""
