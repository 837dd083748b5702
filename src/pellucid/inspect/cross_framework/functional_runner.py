"""Runner for a network built from the functions of PyTorch or TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.inspect.cross_framework.backend import Backend, Tensor, check_optimizer, get_loss
from pellucid.inspect.cross_framework.layer_formulas import FORMULAS, Output
from pellucid.inspect.cross_framework.unsupported import UnsupportedFeatures, is_random
from pellucid.inspect.equivalence.program_worker import Tensors
from pellucid.inspect.equivalence.runners import cast_batch
from pellucid.inspect.layer_trace import apply_layers, trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.model.object_config import compile_to_config
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.regularizers import Penalty
from pellucid.typing import Array


class FunctionalRunner:
    """A network with the same weights, built from the functions of a framework."""

    backend: Backend
    model: ModelLike
    title: str

    def __init__(self, backend: Backend, model: ModelLike, optimizer: Optimizer) -> None:
        self.backend, self.model, self.title = backend, model, backend.title
        self.dtypes = [i.dtype for i in trace_training(model).batch_inputs]
        unsupported = UnsupportedFeatures(backend.title, model)
        layers = [layer for layer in model.layers if not is_random(layer)]
        self.formulas = {layer: unsupported.try_build(layer.name, layer, self.get_formula) for layer in layers}
        self.penalties = [
            unsupported.try_build(f"a regularizer of {pair[0].name}", pair, get_penalty)
            for layer in layers
            for pair in layer._penalties
        ]
        loss = compile_to_config(model)["loss"]
        loss_config = loss if isinstance(loss, dict) else {"kind": loss}
        self.loss = unsupported.try_build("its loss", loss_config, lambda config: get_loss(backend, config))
        self.optimize = unsupported.try_build(
            "its optimizer", optimizer, lambda optimizer: backend.make_optimizer(check_optimizer(optimizer))
        )
        unsupported.raise_if_any()
        self.trainable: dict[str, bool] = {str(p.name): p.trainable for p in model.parameters}
        self.values = {str(p.name): p.get_value() for p in model.parameters}

    def get_formula(self, layer: Layer) -> Callable[[dict[str, Tensor], Tensor], Output]:
        """Return the function from weights and input to output of a layer."""
        kind = type(layer).__name__
        if kind not in FORMULAS:
            raise ModelError("this layer is not supported")
        return lambda weights, x: FORMULAS[kind](self.backend, layer, weights, x)

    def get_tensors(self) -> Tensors:
        return {name: np.array(value) for name, value in self.values.items()}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        backend = self.backend
        weights = self.to_weights(tensors)
        *inputs, y = self.to_batch(batch)
        names = [name for name, trainable in self.trainable.items() if trainable]
        parameters = [weights[name] for name in names]
        new_state: dict[str, Tensor] = {}
        (loss, output), gradients = backend.compute_gradients(
            lambda: self.compute_loss(weights, inputs, y, new_state), parameters
        )
        outputs = {"output": backend.to_numpy(output), "loss": backend.to_numpy(loss)}
        outputs |= {f"gradient of {name}": backend.to_numpy(g) for name, g in zip(names, gradients, strict=True)}
        self.optimize(parameters, gradients)
        self.values = {name: backend.to_numpy(new_state.get(name, value)) for name, value in weights.items()}
        return outputs, self.get_tensors()

    def to_weights(self, tensors: Tensors) -> dict[str, Tensor]:
        values = self.values | tensors
        return {name: self.backend.to_tensor(values[name], trainable) for name, trainable in self.trainable.items()}

    def to_batch(self, batch: Sequence[Array]) -> list[Tensor]:
        return [self.backend.to_tensor(part) for part in cast_batch(batch, self.dtypes[: len(batch)], self.title)]

    def compute_output(
        self, weights: dict[str, Tensor], inputs: Sequence[Tensor], new_state: dict[str, Tensor]
    ) -> Tensor:
        """Return the output in training mode, and put the moving averages of batch normalization into a mapping."""

        def apply(layer: Layer, x: Tensor) -> Tensor:
            if layer not in self.formulas:
                return x
            own = {str(p.name).removeprefix(f"{layer.name}/"): weights[str(p.name)] for p in layer.parameters}
            output = self.formulas[layer](own, x)
            if isinstance(output, tuple):  # batch normalization also returns its moving averages
                output, state = output
                new_state.update({f"{layer.name}/{name}": value for name, value in state.items()})
            result: Tensor = output
            return result

        found: Tensor = apply_layers(self.model, inputs, apply)
        return found

    def compute_loss(
        self, weights: dict[str, Tensor], inputs: Sequence[Tensor], y: Tensor, new_state: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the loss with the penalties of regularizers, and the output."""
        output = self.compute_output(weights, inputs, new_state)
        loss = self.loss(y, output)
        for name, l1, l2 in self.penalties:
            loss = loss + l1 * self.backend.sum(abs(weights[name])) + l2 * self.backend.sum(weights[name] ** 2)
        return loss, output


def get_penalty(pair: tuple[Shared, Penalty]) -> tuple[str, float, float]:
    """Return the parameter name and the L1 and L2 strengths of a regularizer."""
    parameter, regularizer = pair
    if not (hasattr(regularizer, "l1") and hasattr(regularizer, "l2")):
        raise ModelError(f"only L1 and L2 penalties are supported, not {regularizer!r}")
    return str(parameter.name), float(regularizer.l1), float(regularizer.l2)
