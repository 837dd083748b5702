"""Compile configurations of Keras 3: optimizer, losses and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pellucid.graph.errors import StorageError
from pellucid.interop.keras_files.config_writer import convert_value
from pellucid.interop.keras_files.optimizer_state import has_known_state
from pellucid.model.compile_config import OutputConfig
from pellucid.model.errors import ModelError
from pellucid.model.object_config import to_plain_value
from pellucid.nn import metrics, optimizers, schedules
from pellucid.untrusted_files.reading import quote

if TYPE_CHECKING:
    from pellucid.interop.keras_files.config_reader import ConfigReader

Config = dict[str, Any]

SCHEDULES_NOT_IN_KERAS = {
    "ConstantSchedule", "InverseDecay", "MultiStepDecay", "OneCycle", "SigmoidDecay", "StepDecay", "WarmUp",
}  # fmt: skip
"""Schedules that Keras does not have."""

WRAPPERS = ("LossFunctionWrapper", "MeanMetricWrapper")
"""Classes in which Keras stores functions."""

NOT_IN_KERAS = {
    *("ConfusionMatrix", "Optax", "Sparse", "binary_hinge", "multiclass_hinge", "scaled_tanh"),
    *SCHEDULES_NOT_IN_KERAS,
}
"""Metrics, losses, optimizers and the like that Keras does not have."""


def write_compile_config(model: Any) -> Config:
    """Return the compile configuration of a model as Keras writes it.

    Raises
    ------
    ModelError
        If Keras does not have a part, or the part is custom code.
    """
    outputs: list[OutputConfig] = model.compile_config.for_outputs(model.output_names)

    def to_keras(value: Any, argument: str) -> Any:
        plain = to_plain_value(value, argument, model.name)
        check_in_keras(plain, argument)
        return convert_value(plain, argument)

    def write_metric(name: str, metric: Any) -> Any:
        config = name if metrics.NAMED.get(name) is metric else to_keras(metric, "metrics")
        if isinstance(config, dict):
            config["config"]["name"] = metric.name
        return config

    def write_metrics(attribute: str) -> list[Any]:
        return [[write_metric(*item) for item in getattr(o, attribute).items()] or None for o in outputs]

    parts = {
        "optimizer": write_optimizer(model.compile_config.optimizer, to_keras),
        "loss": [None if o.loss is None else to_keras(o.loss, "loss") for o in outputs],
        "loss_weights": [o.loss_weight for o in outputs],
        "metrics": write_metrics("metrics"),
        "weighted_metrics": write_metrics("weighted_metrics"),
    }
    config = {key: arrange(value, model) for key, value in parts.items()}
    if len(outputs) == 1:
        config["loss_weights"] = None
    return {**config, "run_eagerly": False, "steps_per_execution": 1, "jit_compile": "auto"}


def arrange(value: Any, model: Any) -> Any:
    """Return the parts of several outputs as Keras expects them: one, a list, or a dict by output."""
    if not isinstance(value, list):
        return value
    if all(part is None for part in value):
        return None
    if isinstance(model._output_structure, tuple):
        return dict(zip(map(str, model._output_structure), value, strict=True))
    return value[0] if len(value) == 1 else value


def write_optimizer(optimizer: optimizers.Optimizer, to_keras: Callable[[Any, str], Any]) -> Any:
    if optimizer.options["multipliers"]:
        raise ModelError(f"Keras's {type(optimizer).__name__} has no multipliers")
    check_in_keras(type(optimizer).__name__, "optimizer")
    config = to_keras(optimizer, "optimizer")
    if isinstance(config, str):
        raise ModelError(f"{config} is a custom optimizer, which Keras does not have")
    if not has_known_state(optimizer):
        raise ModelError(f"The state of {config['class_name']} cannot be written, and Keras opens no file without it")
    rate = optimizer.config["learning_rate"]
    if not isinstance(rate, schedules.Schedule):  # its present value
        config["config"]["learning_rate"] = to_plain_value(optimizer.learning_rate, "learning_rate", "the optimizer")
    return config


def check_in_keras(plain: Any, argument: str) -> None:
    """Raise an error for a plain value that Keras does not have."""
    pending = [plain]
    while pending:
        value = pending.pop()
        name = value.get("kind") if isinstance(value, dict) else value
        if isinstance(name, str) and name in NOT_IN_KERAS:
            raise ModelError(f"Keras has no {name}, the {argument} of the model")
        pending += value.values() if isinstance(value, dict) else []


def read_compile_config(config: Config, reader: ConfigReader) -> dict[str, Any]:
    """Return the arguments of `Model.compile` in a compile configuration that Keras wrote.

    Raises
    ------
    StorageError
        If pellucid does not have a part.
    """
    found = {
        "optimizer": reader.read_value(config.get("optimizer"), "optimizer"),
        "loss": read_nested(config.get("loss"), "loss", reader),
        "loss_weights": read_nested(config.get("loss_weights"), "loss_weights", reader),
        "metrics": read_nested(config.get("metrics"), "metrics", reader),
        "weighted_metrics": read_nested(config.get("weighted_metrics"), "weighted_metrics", reader),
    }
    for key in ("metrics", "weighted_metrics"):
        if isinstance(found[key], str):
            found[key] = [found[key]]
    return found


def read_nested(value: Any, argument: str, reader: ConfigReader) -> Any:
    """Return objects in lists, or in dicts by output."""
    if isinstance(value, list):
        return [read_nested(part, argument, reader) for part in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {str(key): read_nested(part, argument, reader) for key, part in value.items()}
    if isinstance(value, dict) and value["class_name"] in WRAPPERS:
        inner = value.get("config")
        if not isinstance(inner, dict):
            raise StorageError(f"expected the config of {argument}. Received: {quote(inner)}")
        return reader.read_value(inner.get("fn"), argument)
    return reader.read_value(value, argument)
