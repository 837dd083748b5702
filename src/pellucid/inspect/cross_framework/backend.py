"""Interface of the frameworks whose functions a network is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pellucid.model.errors import ModelError
from pellucid.model.object_config import get_parameters
from pellucid.nn.optimizers import SGD, Adam, Optimizer
from pellucid.typing import Array, DTypeLike


class Tensor(Protocol):
    """What the formulas use of a framework's arrays."""

    @property
    def shape(self) -> Sequence[int]: ...
    def __getitem__(self, index: object, /) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __pow__(self, other: float, /) -> Tensor: ...
    def __add__(self, other: Tensor | float, /) -> Tensor: ...
    def __sub__(self, other: Tensor | float, /) -> Tensor: ...
    def __rsub__(self, other: float, /) -> Tensor: ...
    def __mul__(self, other: Tensor | float, /) -> Tensor: ...
    def __rmul__(self, other: float, /) -> Tensor: ...
    def __truediv__(self, other: Tensor | float, /) -> Tensor: ...
    def __matmul__(self, other: Tensor, /) -> Tensor: ...


Optimize = Callable[[Sequence[Tensor], Sequence[Tensor]], None]
"""Updates parameters in place, given their gradients."""


class Backend(Protocol):
    """Functions of a framework. Arrays have the batch axis first and the channel axis last."""

    title: str
    activations: dict[str, Callable[..., Tensor]]
    losses: dict[str, Callable[..., Tensor]]  # mean losses of targets and predictions
    sum: Callable[..., Tensor]
    mean: Callable[..., Tensor]  # of an array over axes, with keepdims
    max: Callable[..., Tensor]
    maximum: Callable[..., Tensor]  # of an array and a number
    sqrt: Callable[..., Tensor]
    einsum: Callable[..., Tensor]
    softmax: Callable[..., Tensor]
    stop_gradient: Callable[..., Tensor]
    gather: Callable[..., Tensor]
    stack_steps: Callable[..., Tensor]
    concatenate: Callable[..., Tensor]
    reshape: Callable[..., Tensor]

    def to_tensor(self, value: Array, trainable: bool = False) -> Tensor: ...
    def to_numpy(self, value: Tensor) -> Array: ...
    def get_dtype(self, x: Tensor) -> DTypeLike: ...
    def make_optimizer(self, settings: SGD | Adam) -> Optimize: ...

    def compute_gradients(
        self, forward: Callable[[], tuple[Tensor, ...]], parameters: Sequence[Tensor]
    ) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Return the result of ``forward()``, whose first element is the loss, and the gradients of the loss."""

    def convolve(
        self, x: Tensor, kernel: Tensor, strides: Sequence[int], dilation: Sequence[int], groups: int
    ) -> Tensor:
        """Return a convolution without padding."""

    def pool(self, x: Tensor, size: Sequence[int], strides: Sequence[int], is_max: bool) -> Tensor:
        """Return max or average pooling without padding."""

    def pad(self, x: Tensor, pads: Sequence[tuple[int, int]], value: float) -> Tensor:
        """Pad the spatial axes."""


def get_loss(backend: Backend, config: Mapping[str, Any]) -> Callable[[Tensor, Tensor], Tensor]:
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
