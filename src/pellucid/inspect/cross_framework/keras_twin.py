"""A model's twin in Keras: its own layers, loss and optimizer, on whatever backend it runs."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.inspect.cross_framework.graph_evaluation import walked
from pellucid.inspect.cross_framework.unsupported import Lacking, is_random
from pellucid.inspect.equivalence.runners import Tensors, cast
from pellucid.inspect.layer_trace import training_of
from pellucid.inspect.source_export.config import family, layer_table, plain
from pellucid.inspect.source_export.layers import goal_table
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn import layers
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer

OURS_ALONE = {"checkpoint", "zero_output_for_mask"}
"""Arguments that change how a layer is computed or what Keras does not have by default, and no value here."""


class Twin:
    """A Keras model with the same weights, trained by hand so that its gradients can be seen."""

    def __init__(self, model: Model, optimizer: Optimizer) -> None:
        import keras

        self.keras, self.model = keras, model
        self.title = f"Keras {keras.__version__} on {keras.backend.backend()}"
        self.inputs = [i.dtype for i in training_of(model).given]
        lacking = Lacking(self.title, model)
        kept = [layer for layer in model.layers if not is_random(layer)]
        made = [lacking.trying(layer.name, layer, self.layer) for layer in kept]
        self.loss = lacking.trying("its loss", goal_table(model)["loss"], self.loss_of)
        self.optimizer = lacking.trying("its optimizer", plain(optimizer, "optimizer", model.name), self.built)
        lacking.complain()
        given = [
            keras.Input([n if isinstance(n, int) else None for n in i.shape[1:]], dtype=i.dtype.name)
            for i in model.inputs
        ]
        twins = dict(zip(kept, made, strict=True))
        output = walked(model, given, lambda layer, x: twins[layer](x) if layer in twins else x)
        self.twin = keras.Model(given if len(given) > 1 else given[0], output)
        self.variables = {
            str(p.name): v for layer, twin in zip(kept, made, strict=True) for p, v in self.pairs(layer, twin)
        }
        spared = [self.variables[str(p.name)] for p in model.parameters if p.trainable and not p.regularizable]
        if spared and self.optimizer.weight_decay:
            self.optimizer.exclude_from_weight_decay(var_list=spared)
        for name, variable in self.variables.items():
            shared = next(p for p in model.parameters if p.name == name)
            variable.trainable = shared.trainable
        self.load({str(p.name): p.get_value() for p in model.parameters})

    def layer(self, layer: Layer) -> Any:
        """Build one layer of Keras's."""
        table = layer_table(layer)
        kind, dtype = table.pop("kind"), str(layer.parameters[0].dtype) if layer.parameters else "float32"
        cls = self.find(self.keras.layers, kind)
        # What is not told is what it is by default here, which need not be Keras's default.
        usual = {name: plain(layer.config[name], name, layer.name) for name in layer.config if name not in table}
        taken = inspect.signature(cls.__init__).parameters
        table |= {name: value for name, value in usual.items() if name in taken and name != "name"}
        arguments = {
            name: self.value(value, name)
            for name, value in table.items()
            if not name.endswith("initializer") and name not in OURS_ALONE
        }
        arguments["name"] = arguments["name"].replace("/", "_")
        return cls(**arguments, dtype=dtype)

    def value(self, value: Any, argument: str) -> Any:
        """Return an argument as Keras has it."""
        if isinstance(value, dict):
            return self.built(value, argument)
        return tuple(None if v == "?" else v for v in value) if isinstance(value, list) else value

    def built(self, table: dict[str, Any], argument: str = "optimizer") -> Any:
        """Build an object of a kind."""
        module = family(argument)
        name = module.__name__.rsplit(".", maxsplit=1)[-1]
        home = self.keras.optimizers.schedules if name == "schedules" else getattr(self.keras, name)
        inner = {key: self.value(v, key) for key, v in table.items() if key not in ("kind", "name")}
        made = self.find(home, table["kind"])
        return made(**inner, dtype="float32") if module is layers else made(**inner)

    def find(self, module: Any, kind: str) -> Any:
        """Return a class of Keras's, or say that it has none."""
        if not hasattr(module, kind):
            raise ModelError(f"Keras has no {kind}")
        return getattr(module, kind)

    def loss_of(self, given: Any) -> Any:
        """Return the loss as a function or an object of Keras's."""
        return self.built(given, "loss") if isinstance(given, dict) else self.keras.losses.get(given)

    def pairs(self, layer: Layer, twin: Any) -> list[tuple[Shared, Any]]:
        """Pair parameters with Keras's variables, of which each has the same shape."""
        variables = [v for v in twin.weights if "seed" not in v.path]
        if [p.shape for p in layer.parameters] != [tuple(v.shape) for v in variables]:
            raise ModelError(f"{layer.name} has other weights in Keras: {[tuple(v.shape) for v in variables]}")
        return list(zip(layer.parameters, variables, strict=True))

    def load(self, tensors: Tensors) -> None:
        """Put values in the place of all variables."""
        for name, variable in self.variables.items():
            variable.assign(tensors[name])

    def tensors(self) -> Tensors:
        """Return copies of all variables."""
        return {name: np.array(self.keras.ops.convert_to_numpy(v)) for name, v in self.variables.items()}

    def advance(self, tensors: Tensors, batch: Sequence[Any]) -> tuple[Tensors, Tensors]:
        """Make a step from given tensors, and return what it puts out and the tensors after it."""
        self.load(tensors)
        *given, y = cast(batch, self.inputs, self.title)
        x = given if len(given) > 1 else given[0]
        output, loss, gradients = getattr(self, f"by_{self.keras.backend.backend()}")(x, y)
        trainable = self.twin.trainable_variables
        self.optimizer.apply(gradients, trainable)
        names = {id(v): name for name, v in self.variables.items()}
        told = {f"gradient of {names[id(v)]}": g for v, g in zip(trainable, gradients, strict=True)}
        ready = {"output": output, "loss": loss, **told}
        return {name: np.array(self.keras.ops.convert_to_numpy(v)) for name, v in ready.items()}, self.tensors()

    def total(self, y: Any, output: Any, penalties: Any) -> Any:
        """Return the loss of a batch, with what the regularizers add."""
        mean = self.keras.ops.mean(self.loss(y, output))
        return mean + sum(penalties) if penalties else mean

    def by_jax(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """Return output, loss and gradients, and update what is not trained."""
        import jax

        trainable, rest = ([v.value for v in group] for group in self.groups())

        def total(values: Any) -> Any:
            output, others, penalties = self.twin.stateless_call(values, rest, x, training=True, return_losses=True)
            return self.total(y, output, penalties), (output, others)

        (loss, (output, others)), gradients = jax.value_and_grad(total, has_aux=True)(trainable)
        for variable, value in zip(self.groups()[1], others, strict=True):
            variable.assign(value)
        return output, loss, gradients

    def groups(self) -> tuple[list[Any], list[Any]]:
        """Return the variables that are trained, and the others."""
        return self.twin.trainable_variables, self.twin.non_trainable_variables

    def by_tensorflow(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """Return output, loss and gradients."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            output = self.twin(x, training=True)
            loss = self.total(y, output, self.twin.losses)
        return output, loss, tape.gradient(loss, [v.value for v in self.twin.trainable_variables])

    def by_torch(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """Return output, loss and gradients."""
        self.twin.zero_grad()
        output = self.twin(x, training=True)
        loss = self.total(self.keras.ops.convert_to_tensor(y), output, self.twin.losses)
        loss.backward()
        gradients = [v.value.grad.detach().clone() for v in self.twin.trainable_variables]
        return output.detach(), loss.detach(), gradients
