"""The networks as PyTorch modules, and their training.

Images and kernels are mirrored: with stride 2, PyTorch's ``padding=1`` shifts the window by a pixel against ``"same"``
of the other libraries, and on the mirror image both compute the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from networks.catalog import EPSILON, RATE, Array, Layers, Network
from networks.layer_builder import Weights, compute_divergence

MIRRORED = (slice(None, None, -1), slice(None, None, -1))


class Residual(nn.Module):  # type: ignore[misc]
    """Adds the input, or the result of other layers, to the result of layers."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, h: Any) -> Any:
        return self.body(h) + self.shortcut(h)


class Skip(nn.Module):  # type: ignore[misc]
    """Appends the result of layers to the channels of the input."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, h: Any) -> Any:
        return torch.cat([h, self.body(h)], 1)


class LastOutput(nn.Module):  # type: ignore[misc]
    """The last output of a recurrent layer."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.recurrent = recurrent

    def forward(self, h: Any) -> Any:
        return self.recurrent(h)[0][:, -1]


class Mean(nn.Module):  # type: ignore[misc]
    """The mean along axes."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, h: Any) -> Any:
        return h.mean(self.axes)


class SelfAttention(nn.Module):  # type: ignore[misc]
    """Multi-head attention of a sequence to itself."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)

    def forward(self, h: Any) -> Any:
        return self.attention(h, h, h, need_weights=False)[0]


class Crop(nn.Module):  # type: ignore[misc]
    """All but the first row and column, so that a window of one pixel with stride 2 sees those of the mirror image."""

    def forward(self, h: Any) -> Any:
        return h[:, :, 1:, 1:]


class Sampling(nn.Module):  # type: ignore[misc]
    """Draws from normal distributions, and keeps their parameters."""

    def forward(self, statistics: Any) -> Any:
        self.statistics = statistics
        mean, log_variance = statistics.chunk(2, dim=-1)
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "sigmoid": nn.Sigmoid}


class ModuleBuilder:
    """Builds modules with given weights, one method per kind of layer."""

    def __init__(self, net: Network, weights: Weights) -> None:
        self.net = net
        self.weights: Iterator[list[Any]] = iter(weights)

    def build(self, layers: Layers) -> nn.Sequential:
        """Return the modules of layers."""
        modules: list[nn.Module] = []
        for kind, *options in layers:
            module = getattr(self, kind)(*options)
            modules += module if isinstance(module, list) else [module]
        return nn.Sequential(*modules)

    def load(self, module: nn.Module, **values: Array) -> nn.Module:
        """Set the parameters and buffers of a module."""
        state = {name: torch.from_numpy(np.array(value, order="C")) for name, value in values.items()}
        missing = module.load_state_dict(state, strict=False)
        assert not missing.unexpected_keys
        assert set(missing.missing_keys) <= {"num_batches_tracked"}
        return module

    def load_kernel(self, module: nn.Module, kernel: Array, bias: list[Array], activation: Any) -> list[nn.Module]:
        """Set a kernel and a bias, if there is one, and append the activation."""
        self.load(module, weight=kernel, **({"bias": bias[0]} if bias else {}))
        return [module, ACTIVATIONS[activation]()] if activation else [module]

    def dense(self, units: int, activation: str | None = None) -> list[nn.Module]:
        kernel, bias = next(self.weights)
        return self.load_kernel(nn.Linear(*kernel.shape), kernel.T, [bias], activation)

    def conv(self, channels: int, window: int, stride: int, activation: Any = False) -> list[nn.Module]:
        kernel, *bias = next(self.weights)
        module = nn.Conv2d(kernel.shape[2], channels, window, stride, window // 2, bias=bool(bias))
        modules = self.load_kernel(module, kernel[MIRRORED].transpose(3, 2, 0, 1), bias, activation)
        return [Crop(), *modules] if window == 1 and stride == 2 else modules

    def depthwise(self, window: int, stride: int) -> nn.Module:
        [kernel] = next(self.weights)
        channels = kernel.shape[2]
        module = nn.Conv2d(channels, channels, window, stride, window // 2, groups=channels, bias=False)
        return self.load(module, weight=kernel[MIRRORED].transpose(2, 3, 0, 1))

    def transposed(self, channels: int) -> nn.Module:
        kernel, bias = next(self.weights)
        module = nn.ConvTranspose2d(kernel.shape[3], channels, 2, 2)
        return self.load(module, weight=kernel[MIRRORED].transpose(3, 2, 0, 1), bias=bias)

    def conv1d(self, channels: int, window: int, activation: str) -> list[nn.Module]:
        kernel, bias = next(self.weights)
        module = nn.Conv1d(kernel.shape[1], channels, window, padding=window // 2)
        return self.load_kernel(module, kernel.transpose(2, 1, 0), [bias], activation)

    def batch_norm(self) -> nn.Module:
        gamma, beta, mean, variance = next(self.weights)
        make = nn.BatchNorm2d if self.net.is_convolutional else nn.BatchNorm1d
        module = make(len(gamma), eps=1e-3, momentum=0.01)
        return self.load(module, weight=gamma, bias=beta, running_mean=mean, running_var=variance)

    def layer_norm(self) -> nn.Module:
        gamma, beta = next(self.weights)
        return self.load(nn.LayerNorm(len(gamma), eps=1e-3), weight=gamma, bias=beta)

    def activation(self, name: str) -> nn.Module:
        return ACTIVATIONS[name]()

    def pool(self) -> nn.Module:
        return nn.MaxPool2d(2)

    def pool1d(self) -> nn.Module:
        return nn.MaxPool1d(2)

    def global_pool(self) -> nn.Module:
        return Mean(2, 3) if self.net.is_convolutional else Mean(2)

    def mean_time(self) -> nn.Module:
        return Mean(1)

    def embedding(self, words: int, features: int) -> nn.Module:
        [table] = next(self.weights)
        return self.load(nn.Embedding(words, features), weight=table)

    def lstm(self, units: int) -> nn.Module:
        kernel, recurrent, bias = next(self.weights)
        return self.load_one_bias(nn.LSTM(len(kernel), units, batch_first=True), kernel, recurrent, bias)

    def gru(self, units: int) -> nn.Module:
        kernel, recurrent, bias = next(self.weights)
        order = np.r_[units : 2 * units, :units, 2 * units : 3 * units]  # PyTorch's first gate is the reset gate
        module = nn.GRU(len(kernel), units, batch_first=True)
        return LastOutput(self.load_recurrent(module, kernel[:, order], recurrent[:, order], *bias[:, order]))

    def rnn(self, units: int) -> nn.Module:
        kernel, recurrent, bias = next(self.weights)
        return self.load_one_bias(nn.RNN(len(kernel), units, batch_first=True), kernel, recurrent, bias)

    def load_one_bias(self, module: nn.Module, kernel: Array, recurrent: Array, bias: Array) -> nn.Module:
        """Load a layer without training its second bias, which the other libraries do not have."""
        module.bias_hh_l0.requires_grad_(False)
        return LastOutput(self.load_recurrent(module, kernel, recurrent, bias, np.zeros_like(bias)))

    def load_recurrent(
        self, module: nn.Module, kernel: Array, recurrent: Array, bias: Array, recurrent_bias: Array
    ) -> nn.Module:
        values = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T}
        return self.load(module, **values, bias_ih_l0=bias, bias_hh_l0=recurrent_bias)

    def attention(self, heads: int) -> nn.Module:
        *projections, kernel, bias = next(self.weights)
        features = len(bias)
        kernels = [projections[k].reshape(features, features).T for k in (0, 2, 4)]
        biases = [projections[k].reshape(features) for k in (1, 3, 5)]
        module = SelfAttention(features, heads)
        self.load(
            module.attention,
            in_proj_weight=np.concatenate(kernels),
            in_proj_bias=np.concatenate(biases),
            **{"out_proj.weight": kernel.reshape(features, features).T, "out_proj.bias": bias},
        )
        return module

    def residual(self, body: Layers, shortcut: Layers) -> nn.Module:
        return Residual(self.build(body), self.build(shortcut))

    def skip(self, body: Layers) -> nn.Module:
        return Skip(self.build(body))

    def sample(self) -> nn.Module:
        return Sampling()


def compute_loss(net: Network, output: Any, y: Any, module: nn.Module) -> Any:
    """Return the loss of a batch."""
    if net.loss == "classes":
        return F.cross_entropy(output, y)
    if net.loss == "image":
        return F.mse_loss(output, y)
    loss = F.binary_cross_entropy_with_logits(output, y)
    for sampling in module.modules() if net.is_random else ():
        if isinstance(sampling, Sampling):
            loss = loss + compute_divergence(torch, sampling.statistics, net.shape[0]).mean()
    return loss


def to_tensor(net: Network, values: Array, channels_last: bool) -> Any:
    """Convert samples or targets, with channels first."""
    if values.ndim == 4:
        mirrored = np.ascontiguousarray(values[:, *MIRRORED].transpose(0, 3, 1, 2))
        tensor = torch.from_numpy(mirrored)
        return tensor.to(memory_format=torch.channels_last) if channels_last else tensor
    if values.ndim == 3 and "conv1d" in net.kinds:
        values = np.ascontiguousarray(values.transpose(0, 2, 1))
    tensor = torch.from_numpy(values)
    return tensor if tensor.is_floating_point() else tensor.long()


def train_modules(
    net: Network, x: Array, y: Array, weights: Weights, phase: Any, channels_last: bool, wrap: Any
) -> Any:
    """Return the training of modules."""
    with phase("build"):
        torch.manual_seed(0)
        module = ModuleBuilder(net, weights).build(net.layers)
        if channels_last:
            module = module.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(module.parameters(), RATE, eps=EPSILON, fused=True)
        samples, targets = to_tensor(net, x, channels_last), to_tensor(net, y, channels_last)

    @wrap
    def forward(x: Any, y: Any) -> Any:
        return compute_loss(net, module(x), y, module)

    def step(batch: Any) -> Any:
        loss = forward(samples[batch], targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    def train(first: int, last: int) -> list[float]:
        orders = [torch.from_numpy(net.get_order(epoch).astype("int64")) for epoch in range(first, last)]
        return [float(torch.stack([step(batch) for batch in order]).mean()) for order in orders]

    return train
