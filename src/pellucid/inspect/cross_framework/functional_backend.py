"""A twin made of a framework's own functions: what the twins of PyTorch and TensorFlow share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from pellucid.inspect.cross_framework.formulas import FORMULAS
from pellucid.inspect.cross_framework.graph_evaluation import walked
from pellucid.inspect.cross_framework.unsupported import Lacking, is_random
from pellucid.inspect.equivalence.runners import Array, Tensors, cast
from pellucid.inspect.layer_trace import training_of
from pellucid.inspect.source_export.config import plain
from pellucid.inspect.source_export.layers import goal_table
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer

Written = Callable[[Any, dict[str, Any], Any], Any]


class Framework(Protocol):
    """What a framework must be able to do; arrays have their batch first and their channels last."""

    title: str

    def array(self, value: Array, learns: bool = False) -> Any:
        """Return an array of the framework's."""

    def numpy(self, value: Any) -> Array:
        """Return an array of NumPy's."""

    def gradients(self, loss: Callable[[], Any], parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Return what a loss is and its gradients."""

    def loss(self, table: dict[str, Any]) -> Callable[[Any, Any], Any]:
        """Return a mean loss of targets and predictions."""

    def optimizer(self, table: dict[str, Any]) -> Callable[[Sequence[Any], Sequence[Any]], None]:
        """Return what changes parameters by their gradients, in place."""

    def total(self, value: Any) -> Any:
        """Return the sum of all elements."""


class NativeTwin:
    """A network of a framework's own functions with the same weights.

    Parameters
    ----------
    framework : Framework
        Which.
    model : Model
        Whose twin it is.
    optimizer : Optimizer
        By what it is trained.
    """

    def __init__(self, framework: Framework, model: Model, optimizer: Optimizer) -> None:
        self.framework, self.model, self.title = framework, model, framework.title
        self.inputs = [i.dtype for i in training_of(model).given]
        self.layers = [layer for layer in model.layers if not is_random(layer)]
        lacking = Lacking(framework.title, model)
        self.formulas = [lacking.trying(layer.name, layer, self.formula) for layer in self.layers]
        self.penalties = [lacking.trying(f"a regularizer of {p.name}", (p, r), strengths) for p, r in self.penalized()]
        loss = goal_table(model)["loss"]
        table = loss if isinstance(loss, dict) else {"kind": loss}
        self.loss = lacking.trying("its loss", table, framework.loss)
        self.update = lacking.trying("its optimizer", plain(optimizer, "optimizer", model.name), framework.optimizer)
        lacking.complain()
        self.learns = {str(p.name): p.trainable for p in model.parameters}
        self.values = {str(p.name): p.get_value() for p in model.parameters}

    def formula(self, layer: Layer) -> Written:
        """Return what a layer computes, written in the framework's functions."""
        kind = type(layer).__name__
        if kind not in FORMULAS:
            raise ModelError("no formula is known for it")
        return lambda framework, weights, x: FORMULAS[kind](framework, layer, weights, x)

    def penalized(self) -> list[tuple[Any, Any]]:
        """Return the parameters that are regularized, and by what."""
        return [pair for layer in self.layers for pair in layer._penalties]

    def tensors(self) -> Tensors:
        """Return copies of all parameters."""
        return {name: np.array(value) for name, value in self.values.items()}

    def advance(self, tensors: Tensors, batch: Sequence[Any]) -> tuple[Tensors, Tensors]:
        """Make a step from given tensors, and return what it puts out and the tensors after it."""
        framework = self.framework
        held = {name: framework.array(tensors[name], learns) for name, learns in self.learns.items()}
        moved: dict[str, Any] = {}
        *given, y = (framework.array(part) for part in cast(batch, self.inputs, self.title))
        formulas = dict(zip(self.layers, self.formulas, strict=True))

        def apply(layer: Layer, x: Any) -> Any:
            if layer not in formulas:
                return x
            own = {str(p.name).removeprefix(f"{layer.name}/"): held[str(p.name)] for p in layer.parameters}
            output = formulas[layer](framework, own, x)
            if isinstance(output, tuple):
                output, news = output
                moved.update({f"{layer.name}/{name}": value for name, value in news.items()})
            return output

        def forward() -> tuple[Any, Any]:
            output = walked(self.model, given, apply)
            loss = self.loss(y, output)
            for name, l1, l2 in self.penalties:
                loss = loss + l1 * framework.total(abs(held[name])) + l2 * framework.total(held[name] ** 2)
            return loss, output

        names = [name for name, learns in self.learns.items() if learns]
        (loss, output), gradients = framework.gradients(forward, [held[name] for name in names])
        told = {f"gradient of {name}": framework.numpy(g) for name, g in zip(names, gradients, strict=True)}
        ready = {"output": framework.numpy(output), "loss": framework.numpy(loss), **told}
        self.update([held[name] for name in names], gradients)
        self.values = {name: framework.numpy(moved.get(name, value)) for name, value in held.items()}
        return ready, self.tensors()


def strengths(pair: tuple[Any, Any]) -> tuple[str, float, float]:
    """Return the name of a regularized parameter, and the strengths of both penalties."""
    parameter, penalty = pair
    if not (hasattr(penalty, "l1") and hasattr(penalty, "l2")):
        raise ModelError(f"{penalty!r} is no L1 or L2")
    return parameter.name, float(penalty.l1), float(penalty.l2)
