"""Runner for a model built from Keras layers, a Keras loss and a Keras optimizer, on any Keras backend."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.expr import Shared
from pellucid.inspect.cross_framework.unsupported import UnsupportedFeatures, is_random
from pellucid.inspect.equivalence.program_worker import Tensors
from pellucid.inspect.equivalence.runners import cast_batch
from pellucid.inspect.layer_trace import apply_layers, trace_training
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike
from pellucid.model.object_config import compile_to_config, get_module, layer_to_config, to_plain_value
from pellucid.nn import layers
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.typing import Array

if TYPE_CHECKING:
    import keras

PELLUCID_ONLY = {"checkpoint", "zero_output_for_mask"}
"""Arguments that Keras layers do not take; they do not change the values of a layer."""


class KerasRunner:
    """A Keras model with the same weights. Its gradients are computed explicitly, to compare them."""

    def __init__(self, model: ModelLike, optimizer: Optimizer) -> None:
        import keras

        self.keras = keras
        self.title: str = f"Keras {keras.__version__} on {keras.backend.backend()}"
        self.dtypes = [i.dtype for i in trace_training(model).batch_inputs]
        unsupported = UnsupportedFeatures(self.title, model)
        built = {
            layer: unsupported.try_build(layer.name, layer, self.build_layer)
            for layer in model.layers
            if not is_random(layer)
        }
        optimizer_config: Any = to_plain_value(optimizer, "optimizer", model.name)
        self.loss: Any = unsupported.try_build("its loss", compile_to_config(model)["loss"], self.build_loss)
        self.optimizer: Any = unsupported.try_build("its optimizer", optimizer_config, self.build)
        unsupported.raise_if_any()
        inputs = [
            keras.Input([n if isinstance(n, int) else None for n in i.shape[1:]], dtype=i.dtype.name)
            for i in model.inputs
        ]
        output = apply_layers(model, inputs, lambda layer, x: built[layer](x) if layer in built else x)
        self.keras_model: Any = keras.Model(inputs if len(inputs) > 1 else inputs[0], output)
        self.variables: dict[str, Any] = {
            str(p.name): v for layer, keras_layer in built.items() for p, v in self.pair_weights(layer, keras_layer)
        }
        without_decay = [self.variables[str(p.name)] for p in model.parameters if p.trainable and not p.regularizable]
        if without_decay and self.optimizer.weight_decay:
            self.optimizer.exclude_from_weight_decay(var_list=without_decay)
        trainable = {str(p.name): p.trainable for p in model.parameters}
        for name, variable in self.variables.items():
            variable.trainable = trainable[name]
        self.set_tensors({str(p.name): p.get_value() for p in model.parameters})

    def build_layer(self, layer: Layer) -> keras.Layer:
        config = layer_to_config(layer)
        kind, dtype = config.pop("kind"), str(layer.parameters[0].dtype) if layer.parameters else "float32"
        cls = self.get_class(self.keras.layers, kind)
        # The config omits default arguments, but Keras's defaults can differ.
        defaults = {n: to_plain_value(layer.config[n], n, layer.name) for n in layer.config if n not in config}
        known = inspect.signature(cls.__init__).parameters
        config |= {name: value for name, value in defaults.items() if name in known and name != "name"}
        arguments = {
            name: self.build_argument(value, name)
            for name, value in config.items()
            if not name.endswith("initializer") and name not in PELLUCID_ONLY
        }
        arguments["name"] = arguments["name"].replace("/", "_")
        return cls(**arguments, dtype=dtype)

    def build_argument(self, value: Any, argument: str) -> Any:
        if isinstance(value, dict):
            return self.build(value, argument)
        return tuple(None if v == "?" else v for v in value) if isinstance(value, list) else value

    def build(self, config: dict[str, Any], argument: str = "optimizer") -> Any:
        """Build the Keras object that a config describes, for an argument of this name."""
        module = get_module(argument)
        name = module.__name__.rsplit(".", maxsplit=1)[-1]
        keras_module = self.keras.optimizers.schedules if name == "schedules" else getattr(self.keras, name)
        arguments = {key: self.build_argument(v, key) for key, v in config.items() if key not in ("kind", "name")}
        cls = self.get_class(keras_module, config["kind"])
        return cls(**arguments, dtype="float32") if module is layers else cls(**arguments)

    def get_class(self, module: ModuleType, kind: str) -> Any:
        if not hasattr(module, kind):
            raise ModelError(f"Keras has no {kind}")
        return getattr(module, kind)

    def build_loss(self, config: Any) -> Any:
        return self.build(config, "loss") if isinstance(config, dict) else self.keras.losses.get(config)

    def pair_weights(self, layer: Layer, keras_layer: keras.Layer) -> list[tuple[Shared, keras.Variable]]:
        """Pair the parameters of a layer with the Keras variables, which have the same order."""
        variables = [v for v in keras_layer.weights if "seed" not in v.path and not v.path.endswith("/count")]
        shapes, keras_shapes = [p.shape for p in layer.parameters], [tuple(v.shape) for v in variables]
        if shapes != keras_shapes:
            raise ModelError(f"{layer.name} has weights of shapes {shapes}, and in Keras {keras_shapes}")
        return list(zip(layer.parameters, variables, strict=True))

    def set_tensors(self, tensors: Tensors) -> None:
        for name, value in tensors.items():
            self.variables[name].assign(value)
        for layer in self.keras_model.layers:
            if isinstance(layer, self.keras.layers.Normalization):
                layer.finalize_state()  # it computes with a copy of its variables

    def get_tensors(self) -> Tensors:
        return self.to_arrays(self.variables)

    def to_arrays(self, values: dict[str, Any]) -> Tensors:
        return {name: np.array(self.keras.ops.convert_to_numpy(v)) for name, v in values.items()}

    def run_step(self, tensors: Tensors, batch: Sequence[Array]) -> tuple[Tensors, Tensors]:
        self.set_tensors(tensors)
        *inputs, y = cast_batch(batch, self.dtypes, self.title)
        x = inputs if len(inputs) > 1 else inputs[0]
        compute = {
            "jax": self.compute_gradients_jax,
            "tensorflow": self.compute_gradients_tensorflow,
            "torch": self.compute_gradients_torch,
        }[self.keras.backend.backend()]
        output, loss, gradients = compute(x, y)
        trainable = self.keras_model.trainable_variables
        self.optimizer.apply(gradients, trainable)
        names = {id(v): name for name, v in self.variables.items()}
        outputs = {"output": output, "loss": loss}
        outputs |= {f"gradient of {names[id(v)]}": g for v, g in zip(trainable, gradients, strict=True)}
        return self.to_arrays(outputs), self.get_tensors()

    def compute_loss(
        self, y: keras.KerasTensor, output: keras.KerasTensor, penalties: Sequence[keras.KerasTensor]
    ) -> keras.KerasTensor:
        """Return the mean loss of a batch plus the regularization penalties."""
        mean = self.keras.ops.mean(self.loss(y, output))
        return mean + sum(penalties) if penalties else mean

    def compute_gradients_jax(self, x: keras.KerasTensor, y: keras.KerasTensor) -> tuple[Any, Any, Any]:
        """Return output, loss and gradients, and update the non-trainable variables."""
        import jax

        trainable = [v.value for v in self.keras_model.trainable_variables]
        state = [v.value for v in self.keras_model.non_trainable_variables]

        def forward(values: Any) -> Any:
            output, new_state, penalties = self.keras_model.stateless_call(
                values, state, x, training=True, return_losses=True
            )
            return self.compute_loss(y, output, penalties), (output, new_state)

        (loss, (output, new_state)), gradients = jax.value_and_grad(forward, has_aux=True)(trainable)
        for variable, value in zip(self.keras_model.non_trainable_variables, new_state, strict=True):
            variable.assign(value)
        return output, loss, gradients

    def compute_gradients_tensorflow(self, x: keras.KerasTensor, y: keras.KerasTensor) -> tuple[Any, Any, Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            output = self.keras_model(x, training=True)
            loss = self.compute_loss(y, output, self.keras_model.losses)
        return output, loss, tape.gradient(loss, [v.value for v in self.keras_model.trainable_variables])

    def compute_gradients_torch(self, x: keras.KerasTensor, y: keras.KerasTensor) -> tuple[Any, Any, Any]:
        self.keras_model.zero_grad()
        output = self.keras_model(x, training=True)
        loss = self.compute_loss(self.keras.ops.convert_to_tensor(y), output, self.keras_model.losses)
        loss.backward()
        gradients = [v.value.grad.detach().clone() for v in self.keras_model.trainable_variables]
        return output.detach(), loss.detach(), gradients
