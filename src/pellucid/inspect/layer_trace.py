"""Layer calls and training expressions of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input, Shared, as_expr
from pellucid.graph.passes import inference
from pellucid.graph.traversal import rebuild, topological
from pellucid.model.interfaces import ModelLike
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.training.data_adapter import convert_target
from pellucid.training.target_checks import get_target_dtype, takes_labels
from pellucid.training.train_step import SampleSpec, TrainStep
from pellucid.typing import Array


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer: the expressions it receives and those it returns."""

    layer: Layer
    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]


def trace_layers(model: ModelLike) -> list[LayerCall]:
    """Return the layer calls of a built model, in order of computation."""
    return [LayerCall(p.layer, tuple(p.call.get_operands()), tuple(p.outputs)) for p in model.functional_graph.nodes]


def apply_layers(model: ModelLike, inputs: Sequence[Any], apply: Callable[[Layer, Any], Any]) -> Any:
    """Evaluate the layer graph of a model with one output, with ``apply(layer, x)`` in place of each layer call."""
    values = dict(zip(model.inputs, inputs, strict=True))
    for node in model.functional_graph.nodes:
        x = node.call.inputs
        arguments = [values[e] for e in x] if isinstance(x, (list, tuple)) else values[x]
        values[node.results[0]] = apply(node.layer, arguments)
    return values[model.outputs[0]]


@dataclass(frozen=True)
class SymbolicTraining:
    """Training of a compiled model as expressions; inputs and targets are placeholders for a batch."""

    inputs: list[Input]
    targets: list[Input]
    loss: Expr  # mean over the batch, plus regularization penalties
    outputs: list[Expr]  # in training mode
    predictions: list[Expr]  # in inference mode
    optimizer: Optimizer

    @property
    def batch_inputs(self) -> list[Input]:
        """Placeholders for a batch: inputs, then targets."""
        return [*self.inputs, *self.targets]

    @property
    def parameters(self) -> list[Shared]:
        """Trainable parameters that the loss depends on."""
        return [e for e in topological([self.loss]) if isinstance(e, Shared) and e.trainable]


def trace_training(model: ModelLike, y: Array | None = None) -> SymbolicTraining:
    """Return the training of a compiled model as expressions.

    The target placeholder has the shape and dtype of ``y``, or else those that the loss expects.
    """
    inputs = [e for e in model.inputs if isinstance(e, Input)]
    loss = build_loss(model, y)
    targets = [e for e in topological([loss]) if isinstance(e, Input) and e not in set(inputs)]
    outputs = list(model.outputs)
    return SymbolicTraining(inputs, targets, loss, outputs, inference(outputs), model.compile_config.optimizer)


def build_loss(model: ModelLike, y: Array | None) -> Expr:
    """Return the mean training loss of a batch plus the regularization penalties."""
    config = model.compile_config
    if y is None:
        default_loss: Expr = get_symbolic_loss(model)
        return default_loss
    [output] = model.outputs
    array = convert_target(y, output, config.loss, "y")
    target = Input("y", (model.inputs[0].shape[0], *array.shape[1:]), get_target_dtype(array, output))
    loss: Expr = as_expr(config.loss(target, output)).mean() + model.regularization()
    return loss


def get_symbolic_loss(model: ModelLike) -> Any:
    """Return the training loss for targets of the shape that the loss expects; see `Model.symbolic_loss`."""
    if not model.is_compiled:
        return list(model.outputs)
    specs: list[SampleSpec] = []
    for config, output in zip(model.compile_config.for_outputs(model.output_names), model.outputs, strict=True):
        label = takes_labels(config.loss)
        spec = ((), np.dtype(np.int32)) if label else (output.shape[1:], output.dtype)
        specs.append(spec if config.needs_targets else None)
    return TrainStep(model, specs, [None] * len(specs)).loss


def disable_randomness(outputs: Sequence[Expr]) -> list[Expr]:
    """Return expressions with dropout and noise in inference mode, and everything else in training mode.

    Examples
    --------
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> disable_randomness([pel.tanh(rng.dropout(x, 0.5))])
    [tanh(x)]
    """
    done: dict[Expr, Expr] = {}
    random: set[Expr] = set()
    for node in topological(list(outputs)):
        new = [done[i] for i in node.inputs]
        if isinstance(node, Shared) and node.default_update is not None:
            random.add(node)
        is_random = any(i in random for i in new)
        if is_random and node.op is not None and node.op.inference is not None:
            replacement = node.op.inference(*new, **node.settings)
            done[node] = replacement
            is_random = replacement in random
        else:
            done[node] = rebuild(node, new)
        if is_random:
            random.add(done[node])
    return [done[output] for output in outputs]
