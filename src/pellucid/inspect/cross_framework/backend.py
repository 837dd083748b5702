"""Interface of the frameworks whose functions a network is built from, and settings of their optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from pellucid.inspect.equivalence.runners import Array
from pellucid.model.errors import ModelError

Optimize = Callable[[Sequence[Any], Sequence[Any]], None]
"""Updates parameters in place, given their gradients."""


@dataclass(frozen=True)
class SGDSettings:
    """Settings of gradient descent with momentum."""

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class AdamSettings:
    """Settings of Adam."""

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


class Backend(Protocol):
    """Functions of a framework. Arrays have the batch axis first and the channel axis last."""

    title: str
    activations: dict[str, Callable[..., Any]]
    losses: dict[str, Callable[..., Any]]  # mean losses of targets and predictions
    sum: Callable[..., Any]
    mean: Callable[..., Any]  # of an array over axes, with keepdims
    max: Callable[..., Any]
    sqrt: Callable[..., Any]
    softmax: Callable[..., Any]
    stop_gradient: Callable[..., Any]
    gather: Callable[..., Any]
    stack_steps: Callable[..., Any]
    concatenate: Callable[..., Any]
    reshape: Callable[..., Any]

    def to_tensor(self, value: Array, trainable: bool = False) -> Any: ...
    def to_numpy(self, value: Any) -> Array: ...
    def get_dtype(self, x: Any) -> Any: ...
    def make_optimizer(self, settings: SGDSettings | AdamSettings) -> Optimize: ...

    def compute_gradients(self, forward: Callable[[], Any], parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Return the result of ``forward()``, whose first element is the loss, and the gradients of the loss."""

    def convolve(self, x: Any, kernel: Any, strides: Any, dilation: Any, groups: int) -> Any:
        """Return a convolution without padding."""

    def pool(self, x: Any, size: Any, strides: Any, is_max: bool) -> Any:
        """Return max or average pooling without padding."""

    def pad(self, x: Any, pads: Sequence[tuple[int, int]], value: float) -> Any:
        """Pad the spatial axes."""


def get_loss(backend: Backend, config: Mapping[str, Any]) -> Callable[[Any, Any], Any]:
    if set(config) != {"kind"} or config["kind"] not in backend.losses:
        raise ModelError(f"{config['kind']} is not one of {', '.join(backend.losses)} with default arguments")
    return backend.losses[config["kind"]]


def parse_optimizer(config: Mapping[str, Any]) -> SGDSettings | AdamSettings:
    """Return the settings of SGD or Adam with a constant learning rate; refuse other optimizers."""
    arguments = {name: value for name, value in config.items() if name != "kind"}
    if not arguments.get("amsgrad"):
        arguments.pop("amsgrad", None)
    classes: dict[str, type[SGDSettings] | type[AdamSettings]] = {"SGD": SGDSettings, "Adam": AdamSettings}
    cls = classes.get(config["kind"])
    if cls is None or isinstance(arguments.get("learning_rate"), dict):
        raise ModelError(f"only SGD and Adam with a constant learning rate are supported, not {dict(config)}")
    allowed = [field.name for field in fields(cls)]
    if not set(arguments) <= set(allowed):
        raise ModelError(f"{config['kind']} is supported with {', '.join(allowed)} only, not with {arguments}")
    return cls(**arguments)
