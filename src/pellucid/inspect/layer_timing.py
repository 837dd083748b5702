"""Time of each layer of a model, forward and backward, and of the whole training step."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.gradient import grad
from pellucid.graph.printing import format_duration
from pellucid.graph.traversal import replace_all, topological
from pellucid.graph.types import format_shape, is_float
from pellucid.inspect.equivalence.check import draw_batch
from pellucid.inspect.layer_roofline import LayerRoofline, make_roofline
from pellucid.inspect.layer_trace import LayerCall, SymbolicTraining, trace_layers, trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.model.summary import count_parameters, describe_size, summarize_layers
from pellucid.nn.random_seed import validate_seed
from pellucid.run.backends import is_c_loop, record_backends
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.run.jax_runtime import x64
from pellucid.run.profile import PreparedProgram, measure_median, measure_run, prepare_empty_xla
from pellucid.show.costs.costs import count_program_cost
from pellucid.show.costs.roofline import Machine, Work, this_machine
from pellucid.show.pages.text_table import align_cells
from pellucid.typing import Array

MINIMUM_SECONDS = 0.0005
"""Shorter runs are repeated within one measurement, because single ones scatter widely."""

MAXIMUM_REPETITIONS = 4096

Advance = Callable[[str], None]
"""Called with the name of each part before it is measured."""


class TimeSpread(NamedTuple):
    """Median and quartiles of measured times, in seconds."""

    median: float
    lower: float
    upper: float

    @property
    def text(self) -> str:
        """The median, and half the distance of the quartiles relative to it."""
        if self.lower <= 0:  # of a difference
            return "below noise"
        deviation = (self.upper - self.lower) / 2 / self.median
        return f"{format_duration(self.median)} ± {deviation:.0%}"


@dataclass(frozen=True)
class LayerTime:
    """Time of one layer for a batch, with its parameters, its operations per sample, and the work of both passes.

    ``backward`` is None for a layer through which no gradient flows.
    """

    layer: str
    forward: TimeSpread
    backward: TimeSpread | None
    parameters: int
    operations: int | None
    work: Work

    @property
    def seconds(self) -> float:
        """Median of forward and backward together."""
        return self.forward.median + (max(self.backward.median, 0.0) if self.backward else 0.0)


@dataclass(frozen=True)
class ModelTime:
    """Times of a model for one batch.

    Attributes
    ----------
    title : str
        Class and name of the model.
    size : str
        Parameters, bytes and operations.
    batch_size, iterations : int
        Samples of the batch, and number of measurements.
    layers : list of LayerTime
        Each layer as a separate program.
    forward, backward : TimeSpread
        The whole network as one program. ``backward`` has the loss; None if no gradient flows.
    step : TimeSpread or None
        A whole training step as `fit` runs it; None for a model without a loss.
    layer_backends, step_backends : list of str
        What computed the layers and the step.
    overhead : float
        Seconds of a call that computes nothing, which are part of the time of every layer.
    whole_work : Work
        Operations and bytes of the training step; without a loss, of both passes of the whole network.
    machine : Machine
        Peak rates of this machine.
    """

    title: str
    size: str
    batch_size: int
    iterations: int
    layers: list[LayerTime]
    forward: TimeSpread
    backward: TimeSpread | None
    step: TimeSpread | None
    layer_backends: list[str]
    step_backends: list[str]
    overhead: float
    whole_work: Work
    machine: Machine

    @property
    def layer_seconds(self) -> float:
        """Sum of the medians of all layers."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def whole_seconds(self) -> float:
        """Median of forward and backward of the whole network as one program."""
        return self.forward.median + (max(self.backward.median, 0.0) if self.backward else 0.0)

    @property
    def roofline(self) -> LayerRoofline:
        """Operations and bytes of each layer and of the step, and the shares of the machine's peaks reached."""
        layers = [(each.layer, each.seconds, each.work) for each in self.layers]
        name, seconds = ("training step", self.step.median) if self.step else ("whole network", self.whole_seconds)
        one_core = self.step is not None and all(map(is_c_loop, self.step_backends))
        return make_roofline(layers, (name, seconds, self.whole_work), self.machine, self.overhead, one_core)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers; times are in seconds."""
        total = self.layer_seconds or 1.0
        return {
            "model": self.title,
            "batch_size": self.batch_size,
            "iterations": self.iterations,
            "layers": [
                {
                    "layer": each.layer,
                    "forward": each.forward._asdict(),
                    "backward": each.backward._asdict() if each.backward else None,
                    "share": each.seconds / total,
                    "parameters": each.parameters,
                    "operations": each.operations,
                }
                for each in self.layers
            ],
            "sum_of_layers": self.layer_seconds,
            "whole_network": {
                "forward": self.forward._asdict(),
                "backward": self.backward._asdict() if self.backward else None,
            },
            "training_step": self.step._asdict() if self.step else None,
            "empty_call": self.overhead,
            "backends": {"layers": self.layer_backends, "training_step": self.step_backends},
            "roofline": self.roofline.to_json(),
        }

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.title}: {self.size}",
                f"A batch of {self.batch_size} samples. Medians of {self.iterations} measurements ± half the distance "
                "of the quartiles.",
                "",
                *self.format_table(),
                "",
                *self.format_whole(),
                "",
                *self.roofline.format_lines(),
                "",
                *(f"layers run by  {name}" for name in self.layer_backends),
                *(f"step run by    {name}" for name in self.step_backends),
            ]
        )

    def format_table(self) -> list[str]:
        """Return a line for each layer, with a header and a sum."""
        total = self.layer_seconds or 1.0
        cells = [["layer", "forward", "backward", "share", "parameters", "operations"]]
        for each in self.layers:
            backward = each.backward.text if each.backward else "-"
            operations = "?" if each.operations is None else f"{each.operations:,}"
            share = f"{each.seconds / total:.1%}"
            cells.append([each.layer, each.forward.text, backward, share, f"{each.parameters:,}", operations])
        forward = sum(each.forward.median for each in self.layers)
        cells.append(
            ["sum of the layers", format_duration(forward), format_duration(self.layer_seconds - forward), "100.0%"]
        )
        return align_cells(cells)

    def format_whole(self) -> list[str]:
        """Return the times of the whole network and of a step, and how the sum of the layers compares."""
        backward = f", backward {self.backward.text}" if self.backward else ""
        lines = [f"whole network as one program: forward {self.forward.text}{backward}"]
        if self.step:
            rate = self.batch_size / self.step.median
            lines.append(f"training step with the update: {self.step.text}, {rate:,.0f} samples per second")
        else:
            lines.append("no training step: the model has no loss or no trainable parameters")
        ratio = self.layer_seconds / self.whole_seconds
        layers, whole = format_duration(self.layer_seconds), format_duration(self.whole_seconds)
        return [
            *lines,
            "Each layer is a separate program here, and XLA fuses the layers of the whole network.",
            f"Added up, the layers take {layers}, {ratio:.2f} times the {whole} of the whole.",
            f"Every time of a layer includes {format_duration(self.overhead)} of an empty call.",
            "Backward is the time of both passes minus that of the forward pass. Operations are per sample, forward.",
        ]


def time_model(
    model: ModelLike, batch_size: int = 32, iterations: int = 50, *, seed: int = 0, advance: Advance = lambda part: None
) -> ModelTime:
    """Measure each layer of a model on a random batch, and the whole training step, whose updates change the model.

    Each layer is compiled as a separate program. Its backward time is the median difference between a program with
    forward and backward pass and one with the forward pass alone, which run in turn. XLA fuses layers of the whole
    network, so that the layers together take another time than the whole.

    Parameters
    ----------
    model : Model
        A built model. With a loss, the whole step is measured too.
    batch_size, iterations : int
        Samples of the batch, and number of measurements after one that is not counted.
    seed : int
        Seed of the batch.
    advance : function
        Called with the name of each part before it is measured.

    Returns
    -------
    ModelTime
        Medians and quartiles.

    Raises
    ------
    ModelError
        If the model is not built, or an input has an unknown size.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(3, name="hidden")])
    >>> times = time_model(model, batch_size=8, iterations=3)
    >>> [layer.layer for layer in times.layers], times.step
    (['hidden (Dense)'], None)
    """
    _ = model.functional_graph  # raises an error if the model is not built
    check_sizes(model)
    training = trace_training(model) if has_loss(model) else None
    rng = np.random.default_rng(validate_seed(seed))
    targets = training.targets if training else []
    batch = draw_batch(model.inputs, targets, model.outputs, rng, batch_size)
    layer_backends: list[str] = []
    step_backends: list[str] = []
    machine = this_machine()
    with record_backends(layer_backends):
        layers = time_layers(model, batch[: len(model.inputs)], iterations, advance)
        advance("whole network")
        forward, backward, work = time_network(model, training, batch, iterations)
        with x64():
            overhead = measure_median(prepare_empty_xla(), iterations)
    with record_backends(step_backends):
        advance("training step")
        step = time_step(training, batch, iterations) if training else None
    if step is not None and training is not None:
        work = count_program_cost(make_step(training).program, [a.shape for a in batch]).work
    return ModelTime(
        f"{type(model).__name__} {model.name}",
        describe_size(model),
        batch_size,
        iterations,
        layers,
        forward,
        backward,
        step,
        layer_backends,
        step_backends,
        overhead,
        work,
        machine,
    )


def check_sizes(model: ModelLike) -> None:
    """Raise if a size of an input besides the batch is unknown."""
    for e in model.inputs:
        if not all(isinstance(size, int) for size in e.shape[1:]):
            raise ModelError(
                f"{model.name}: expected inputs of known sizes. Received: {e} of shape {format_shape(e.shape)}. "
                "Write the sizes into the input layer, such as nn.Input((100, 8))"
            )


def has_loss(model: ModelLike) -> bool:
    return model.is_compiled and any(c.loss is not None for c in model.compile_config.for_outputs(model.output_names))


def time_layers(model: ModelLike, batch: Sequence[Array], iterations: int, advance: Advance) -> list[LayerTime]:
    """Measure each layer on the values that it receives for a batch."""
    calls, summaries = trace_layers(model), summarize_layers(model)
    edges = list(dict.fromkeys(e for call in calls for e in (*call.inputs, *call.outputs)))
    compute = function([e for e in model.inputs if isinstance(e, Input)], edges, on_unused_input="ignore")
    values = dict(zip(edges, (np.asarray(value) for value in compute(*batch)), strict=True))
    trainable = set(model.trainable_parameters)
    trained = find_dependents(model.outputs, trainable)
    found = []
    for call, summary in zip(calls, summaries, strict=True):
        advance(summary.layer)
        forward, both = compile_layer(call, values, trained, trainable)
        times = time_pair(forward, both, iterations)
        parameters = count_parameters(call.layer.parameters)
        found.append(LayerTime(summary.layer, *times, parameters, summary.operations, count_work(both or forward)))
    return found


def find_dependents(outputs: Sequence[Expr], leaves: set[Shared]) -> set[Expr]:
    """Return the expressions that depend on some of the leaves."""
    found: set[Expr] = set()
    for e in topological(list(outputs)):
        if e in leaves or any(i in found for i in e.inputs):
            found.add(e)
    return found


def compile_layer(
    call: LayerCall, values: dict[Expr, Array], trained: set[Expr], trainable: set[Shared]
) -> tuple[PreparedProgram, PreparedProgram | None]:
    """Compile the forward pass of a layer, and forward and backward pass together if a gradient flows through it."""
    operands = list(dict.fromkeys(call.inputs))
    symbols = [Input(f"x{number}", e.shape, e.dtype) for number, e in enumerate(operands)]
    replacements: dict[Expr, Expr] = dict(zip(operands, symbols, strict=True))
    outputs = replace_all(list(call.outputs), replacements)
    arguments = [values[e] for e in operands]
    forward = compile_program(symbols, outputs, arguments)
    wanted: list[Expr] = [s for e, s in replacements.items() if e in trained and is_float(e.dtype)]
    wanted += [p for p in call.layer.parameters if p in trainable]
    results = [(e, out) for e, out in zip(call.outputs, outputs, strict=True) if is_float(e.dtype) and e in trained]
    if not wanted or not results:
        return forward, None
    cotangents = {out: Input(f"g{number}", e.shape, e.dtype) for number, (e, out) in enumerate(results)}
    gradients = grad(None, wanted, known_grads=cotangents, disconnected="zero")
    ones = [np.ones_like(values[e]) for e, _ in results]
    both = compile_program([*symbols, *cotangents.values()], [*outputs, *gradients], [*arguments, *ones])
    return forward, both


def compile_program(inputs: Sequence[Input], outputs: Sequence[Expr], arguments: Sequence[Array]) -> PreparedProgram:
    f = function(list(inputs), list(outputs), on_unused_input="ignore")
    return prepare(f, arguments)


def prepare(f: Function, arguments: Sequence[Array]) -> PreparedProgram:
    with x64():
        return PreparedProgram(f.program, f.bind_arguments(arguments, {}))


def count_work(prepared: PreparedProgram) -> Work:
    """Return the operations and bytes of a program, for its arguments."""
    return count_program_cost(prepared.backend.program, [np.shape(a) for a in prepared.args]).work


def time_pair(
    forward: PreparedProgram, both: PreparedProgram | None, iterations: int
) -> tuple[TimeSpread, TimeSpread | None]:
    """Measure a forward pass, and the difference to forward and backward pass together; the two run in turn."""
    forward_seconds: list[float] = []
    differences: list[float] = []
    with x64():
        measure_forward = make_measurement(forward.run)
        measure_both = make_measurement(both.run) if both else None
        for _ in range(iterations):
            seconds = measure_forward()
            forward_seconds.append(seconds)
            if measure_both is not None:
                differences.append(measure_both() - seconds)
    return summarize(forward_seconds), summarize(differences) if both else None


def make_measurement(run: Callable[[], object], minimum_seconds: float = MINIMUM_SECONDS) -> Callable[[], float]:
    """Return a function that measures the seconds of a run."""

    def repeat(repetitions: int) -> None:
        for _ in range(repetitions):
            run()

    return make_repeated_measurement(repeat, minimum_seconds)


def make_repeated_measurement(
    repeat: Callable[[int], object], minimum_seconds: float = MINIMUM_SECONDS
) -> Callable[[], float]:
    """Return a function that measures the seconds per repetition, with enough repetitions for a precise result."""
    repeat(1)  # the first is slower

    def measure(repetitions: int) -> float:
        return measure_run(lambda: repeat(repetitions))

    repetitions = 1
    while repetitions < MAXIMUM_REPETITIONS and measure(repetitions) < minimum_seconds:
        repetitions *= 2
    return lambda: measure(repetitions) / repetitions


def summarize(seconds: Sequence[float]) -> TimeSpread:
    """Return median and quartiles.

    Examples
    --------
    >>> summarize([3.0, 1.0, 2.0])
    TimeSpread(median=2.0, lower=1.5, upper=2.5)
    """
    lower, upper = np.quantile(seconds, [0.25, 0.75])
    return TimeSpread(statistics.median(seconds), float(lower), float(upper))


def time_network(
    model: ModelLike, training: SymbolicTraining | None, batch: Sequence[Array], iterations: int
) -> tuple[TimeSpread, TimeSpread | None, Work]:
    """Measure forward and backward pass of the whole network, and count their work.

    Without a loss, the outputs are summed for a gradient.
    """
    inputs = [e for e in model.inputs if isinstance(e, Input)]
    forward = compile_program(inputs, list(model.outputs), batch[: len(inputs)])
    trainable = set(model.trainable_parameters)
    if training:
        cost: Any = training.loss
    else:
        floats = [e.sum() for e in model.outputs if is_float(e.dtype)]
        cost = sum(floats[1:], floats[0]) if floats else None
    wanted = [] if cost is None else [e for e in topological([cost]) if isinstance(e, Shared) and e in trainable]
    if not wanted:
        return *time_pair(forward, None, iterations), count_work(forward)
    batch_inputs = training.batch_inputs if training else inputs
    both = compile_program(batch_inputs, [cost, *model.outputs, *grad(cost, wanted)], batch)
    return *time_pair(forward, both, iterations), count_work(both)


def time_step(training: SymbolicTraining, batch: Sequence[Array], iterations: int) -> TimeSpread | None:
    """Measure training steps as `fit` runs them: many in one call."""
    if not training.parameters:
        return None
    step = make_step(training)
    measure = make_repeated_measurement(lambda repetitions: step.repeat(repetitions, *batch))
    return summarize([measure() for _ in range(iterations)])


def make_step(training: SymbolicTraining) -> Function:
    """Return the training step as a function of a batch."""
    return function(training.batch_inputs, training.loss, updates=training.optimizer.updates(training.loss))
