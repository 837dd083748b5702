"""Interface of the frameworks whose functions a network is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pellucid.model.errors import ModelError
from pellucid.model.object_config import get_parameters
from pellucid.nn.optimizers import SGD, Adam, Optimizer
from pellucid.typing import Array

Optimize = Callable[[Sequence[Any], Sequence[Any]], None]
"""Updates parameters in place, given their gradients."""


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
    def make_optimizer(self, settings: SGD | Adam) -> Optimize: ...

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


def check_optimizer(optimizer: Optimizer) -> SGD | Adam:
    """Return an optimizer if it is SGD or Adam with a constant learning rate and no options; refuse others."""
    if type(optimizer) not in (SGD, Adam) or not isinstance(optimizer.learning_rate, float):
        raise ModelError(f"only SGD and Adam with a constant learning rate are supported, not {optimizer!r}")
    assert isinstance(optimizer, (SGD, Adam))
    allowed = [name for name in get_parameters(type(optimizer)) if name not in ("amsgrad", "options")]
    if set(optimizer.config) - {*allowed, "amsgrad"} or getattr(optimizer, "amsgrad", False):
        raise ModelError(f"{type(optimizer).__name__} is supported with {', '.join(allowed)} only, not {optimizer!r}")
    return optimizer
