"""A model's twin in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pellucid.inspect.cross_framework.functional_backend import NativeTwin
from pellucid.inspect.equivalence.runners import Array
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.optimizers import Optimizer


class Twin(NativeTwin):
    """The network in PyTorch's functions."""

    def __init__(self, model: Model, optimizer: Optimizer) -> None:
        super().__init__(Torch(), model, optimizer)


class Torch:
    """PyTorch, with the batch first and the channels last."""

    def __init__(self) -> None:
        import torch
        from torch.nn import functional

        self.torch, self.functional = torch, functional
        self.title = f"PyTorch {torch.__version__.split('+')[0]}"
        self.activations: dict[str, Callable[[Any], Any]] = {
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
        self.losses: dict[str, Callable[[Any, Any], Any]] = {
            "binary_crossentropy": lambda y, p: functional.binary_cross_entropy(p, y.reshape(p.shape).to(p.dtype)),
            "categorical_crossentropy": lambda y, p: -(y * torch.log(p)).sum(-1).mean(),
            "mean_absolute_error": lambda y, p: functional.l1_loss(p, y.reshape(p.shape)),
            "mean_squared_error": lambda y, p: functional.mse_loss(p, y.reshape(p.shape)),
            "sparse_categorical_crossentropy": lambda y, p: functional.nll_loss(
                torch.log(p).reshape(-1, p.shape[-1]), y.reshape(-1).long()
            ),
        }

    def array(self, value: Array, learns: bool = False) -> Any:
        """Return a tensor."""
        made = self.torch.from_numpy(np.array(value))
        return made.requires_grad_() if learns else made

    def numpy(self, value: Any) -> Array:
        """Return an array of NumPy's."""
        return np.array(value.detach().numpy())

    def gradients(self, loss: Callable[[], Any], parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Return what a loss is and its gradients."""
        made = loss()
        return made, list(self.torch.autograd.grad(made[0], list(parameters)))

    def loss(self, table: dict[str, Any]) -> Callable[[Any, Any], Any]:
        """Return a mean loss of targets and predictions."""
        if set(table) != {"kind"} or table["kind"] not in self.losses:
            raise ModelError(f"{table['kind']} is none of {', '.join(self.losses)}")
        return self.losses[table["kind"]]

    def optimizer(self, table: dict[str, Any]) -> Callable[[Sequence[Any], Sequence[Any]], None]:
        """Return one of PyTorch's optimizers at work, with the same formula."""
        settings = {key: value for key, value in table.items() if key != "kind"}
        rate = settings.pop("learning_rate", {"SGD": 0.01, "Adam": 0.001}.get(table["kind"], 0.001))
        if isinstance(rate, dict) or table["kind"] not in ("SGD", "Adam"):
            raise ModelError(f"{table['kind']} with {settings} and the rate {rate} is no SGD or Adam at one rate")
        return (Descent if table["kind"] == "SGD" else Moments)(self.torch, rate, settings)

    def total(self, value: Any) -> Any:
        """Return the sum of all elements."""
        return value.sum()

    def softmax(self, x: Any) -> Any:
        """Return the softmax along the last axis."""
        return self.functional.softmax(x, -1)

    def convolve(self, x: Any, kernel: Any, strides: Any, dilation: Any, groups: int) -> Any:
        """Return a convolution without padding."""
        axes = len(strides)
        across = self.functional.conv1d if axes == 1 else self.functional.conv2d
        filters = kernel.permute(axes + 1, axes, *range(axes))
        return self.last(across(self.first(x), filters, None, strides, 0, dilation, groups))

    def pool(self, x: Any, size: Any, strides: Any, greatest: bool) -> Any:
        """Return maxima or means of windows."""
        name = f"{'max' if greatest else 'avg'}_pool{len(size)}d"
        return self.last(getattr(self.functional, name)(self.first(x), size, strides))

    def first(self, x: Any) -> Any:
        """Put the channels first."""
        return x.movedim(-1, 1)

    def last(self, x: Any) -> Any:
        """Put the channels last."""
        return x.movedim(1, -1)

    def pad(self, x: Any, pads: Sequence[tuple[int, int]], value: float) -> Any:
        """Pad the places of an image."""
        flat = [0, 0, *(side for pair in reversed(pads) for side in pair)]
        return self.functional.pad(x, flat, value=value)

    def mean(self, x: Any, axes: Any, keepdims: bool) -> Any:
        """Return means along axes."""
        return x.mean(axes, keepdim=keepdims)

    def largest(self, x: Any, axes: Any, keepdims: bool) -> Any:
        """Return maxima along axes."""
        return x.amax(axes, keepdim=keepdims)

    def root(self, x: Any) -> Any:
        """Return square roots."""
        return x.sqrt()

    def constant(self, x: Any) -> Any:
        """Return a value that nothing is differentiated through."""
        return x.detach()

    def take(self, rows: Any, index: Any) -> Any:
        """Return rows by their numbers."""
        return rows[index.long()]

    def stack(self, values: Sequence[Any]) -> Any:
        """Stack steps behind the batch."""
        return self.torch.stack(list(values), 1)

    def concatenate(self, values: Sequence[Any], axis: int) -> Any:
        """Put values behind one another."""
        return self.torch.cat(list(values), axis)

    def reshape(self, x: Any, shape: Any) -> Any:
        """Return the same numbers in another shape."""
        return x.reshape(shape)

    def dtype_of(self, x: Any) -> Any:
        """Return the dtype as NumPy has it."""
        return self.numpy(x[:0]).dtype


class Descent:
    """`torch.optim.SGD`, which keeps its velocities from step to step while the parameters are given anew."""

    def __init__(self, torch: Any, rate: float, settings: dict[str, Any]) -> None:
        allowed = {"momentum", "nesterov"}
        if set(settings) - allowed:
            raise ModelError(f"SGD is compared with {', '.join(sorted(allowed))} alone, and it has {settings}")
        self.torch, self.made = torch, {"lr": rate, **settings}
        self.state: Any = None

    def build(self, parameters: Sequence[Any]) -> Any:
        """Return the optimizer of these parameters."""
        return self.torch.optim.SGD(list(parameters), **self.made)

    def __call__(self, parameters: Sequence[Any], gradients: Sequence[Any]) -> None:
        """Make a step."""
        optimizer = self.build(parameters)
        if self.state is not None:
            optimizer.load_state_dict(self.state)
        self.adjust(optimizer)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
        self.state = optimizer.state_dict()

    def adjust(self, optimizer: Any) -> None:
        """Change what differs from step to step; nothing does."""


class Moments(Descent):
    """`torch.optim.Adam`. Its epsilon stands behind the correction of the moments, so it is given the one that comes to
    the same: epsilon divided by the root of that correction.
    """

    def __init__(self, torch: Any, rate: float, settings: dict[str, Any]) -> None:
        allowed = {"beta_1", "beta_2", "epsilon", "amsgrad"}
        if set(settings) - allowed or settings.get("amsgrad"):
            raise ModelError(f"Adam is compared with beta_1, beta_2 and epsilon alone, and it has {settings}")
        self.torch, self.rate, self.state, self.steps = torch, rate, None, 0
        self.betas = (settings.get("beta_1", 0.9), settings.get("beta_2", 0.999))
        self.epsilon = settings.get("epsilon", 1e-7)

    def build(self, parameters: Sequence[Any]) -> Any:
        """Return the optimizer of these parameters."""
        return self.torch.optim.Adam(list(parameters), lr=self.rate, betas=self.betas)

    def adjust(self, optimizer: Any) -> None:
        """Give it the epsilon of this step."""
        self.steps += 1
        optimizer.param_groups[0]["eps"] = self.epsilon / (1 - self.betas[1] ** self.steps) ** 0.5
