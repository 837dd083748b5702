"""PyTorch functions for networks with the channel axis last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.inspect.cross_framework.backend import Backend, Optimize
from pellucid.nn.optimizers import SGD, Adam
from pellucid.typing import Array, DTypeLike

if TYPE_CHECKING:
    import torch


class TorchBackend(Backend):
    """PyTorch. Convolution and pooling move the channel axis to the front and back."""

    def __init__(self) -> None:
        import torch
        from torch.nn import functional

        self.torch, self.functional = torch, functional
        self.title: str = f"PyTorch {torch.__version__.split('+')[0]}"
        self.sum, self.sqrt, self.einsum = torch.sum, torch.sqrt, torch.einsum
        self.mean = lambda x, axes, keepdims: x.mean(axes, keepdim=keepdims)
        self.max = lambda x, axes, keepdims: x.amax(axes, keepdim=keepdims)
        self.maximum = lambda x, least: x.clamp(min=least)
        self.softmax = lambda x: functional.softmax(x, -1)
        self.stop_gradient = lambda x: x.detach()
        self.gather = lambda rows, index: rows[index.long()]
        self.stack_steps = lambda values: torch.stack(list(values), 1)
        self.concatenate = lambda values, axis: torch.cat(list(values), axis)
        self.reshape = lambda x, shape: x.reshape(shape)
        self.activations = {
            "elu": functional.elu,
            "exponential": torch.exp,
            "gelu": functional.gelu,
            "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
            "log_softmax": lambda x: functional.log_softmax(x, -1),
            "relu": functional.relu,
            "selu": functional.selu,
            "sigmoid": torch.sigmoid,
            "silu": functional.silu,
            "softplus": functional.softplus,
            "softsign": functional.softsign,
            "tanh": torch.tanh,
        }
        self.losses = {
            "binary_crossentropy": lambda y, p: functional.binary_cross_entropy(p, y.reshape(p.shape).to(p.dtype)),
            "categorical_crossentropy": lambda y, p: -(y * torch.log(p)).sum(-1).mean(),
            "mean_absolute_error": lambda y, p: functional.l1_loss(p, y.reshape(p.shape)),
            "mean_squared_error": lambda y, p: functional.mse_loss(p, y.reshape(p.shape)),
            "sparse_categorical_crossentropy": lambda y, p: functional.nll_loss(
                torch.log(p).reshape(-1, p.shape[-1]), y.reshape(-1).long()
            ),
        }

    def to_tensor(self, value: Array, trainable: bool = False) -> torch.Tensor:
        tensor = self.torch.from_numpy(np.array(value))
        return tensor.requires_grad_() if trainable else tensor

    def to_numpy(self, value: torch.Tensor) -> Array:
        return np.array(value.detach().numpy())

    def get_dtype(self, x: torch.Tensor) -> DTypeLike:
        return self.to_numpy(x[:0]).dtype

    def compute_gradients(
        self, forward: Callable[[], tuple[torch.Tensor, ...]], parameters: Sequence[torch.Tensor]
    ) -> tuple[tuple[torch.Tensor, ...], list[torch.Tensor]]:
        result = forward()
        return result, list(self.torch.autograd.grad(result[0], list(parameters)))

    def make_optimizer(self, settings: SGD | Adam) -> Optimize:
        return TorchOptimizer(self.torch, settings)

    def convolve(
        self, x: torch.Tensor, kernel: torch.Tensor, strides: Sequence[int], dilation: Sequence[int], groups: int
    ) -> torch.Tensor:
        axes = len(strides)
        convolution = self.functional.conv1d if axes == 1 else self.functional.conv2d
        filters = kernel.permute(axes + 1, axes, *range(axes))
        return convolution(x.movedim(-1, 1), filters, None, strides, 0, dilation, groups).movedim(1, -1)

    def pool(self, x: torch.Tensor, size: Sequence[int], strides: Sequence[int], is_max: bool) -> torch.Tensor:
        pooling = getattr(self.functional, f"{'max' if is_max else 'avg'}_pool{len(size)}d")
        return pooling(x.movedim(-1, 1), size, strides).movedim(1, -1)

    def pad(self, x: torch.Tensor, pads: Sequence[tuple[int, int]], value: float) -> torch.Tensor:
        flat = [0, 0, *(side for pair in reversed(pads) for side in pair)]  # PyTorch pads the last axis first
        return self.functional.pad(x, flat, value=value)


class TorchOptimizer:
    """`torch.optim.SGD` or `torch.optim.Adam`. Its state carries over from step to step, to new parameter tensors."""

    def __init__(self, torch: ModuleType, settings: SGD | Adam) -> None:
        self.torch, self.settings = torch, settings
        self.state: dict[str, Any] | None = None
        self.steps = 0

    def build(self, parameters: Sequence[torch.Tensor]) -> torch.optim.Optimizer:
        s = self.settings
        if isinstance(s, Adam):
            return self.torch.optim.Adam(list(parameters), lr=s.learning_rate, betas=(s.beta_1, s.beta_2))
        return self.torch.optim.SGD(list(parameters), lr=s.learning_rate, momentum=s.momentum, nesterov=s.nesterov)

    def __call__(self, parameters: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]) -> None:
        optimizer = self.build(parameters)
        if self.state is not None:
            optimizer.load_state_dict(self.state)
        self.steps += 1
        if isinstance(self.settings, Adam):
            # PyTorch adds epsilon after the bias correction, Keras and pellucid before it. Dividing it by the root of
            # the correction makes both equal.
            correction = (1 - self.settings.beta_2**self.steps) ** 0.5
            optimizer.param_groups[0]["eps"] = self.settings.epsilon / correction
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        self.state = optimizer.state_dict()
