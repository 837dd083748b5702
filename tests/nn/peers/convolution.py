"""Convolution layers of every kind, with odd and even sizes."""

from __future__ import annotations

from tests.nn.peers import single
from tests.nn.peers.single import Case
from tests.nn.peers.store import Values

LINE, IMAGE, VOLUME = (2, 11, 4), (2, 7, 6, 4), (2, 4, 5, 3, 2)

CASES: dict[str, Case] = {
    "line": Case("Conv1D", LINE, {"filters": 3, "kernel_size": 3, "activation": "tanh"}),
    "line, same, strides": Case("Conv1D", LINE, {"filters": 3, "kernel_size": 4, "padding": "same", "strides": 2}),
    "line, causal, dilated": Case(
        "Conv1D", LINE, {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "use_bias": False}
    ),
    "line, groups": Case("Conv1D", LINE, {"filters": 6, "kernel_size": 2, "groups": 2}),
    "image": Case("Conv2D", IMAGE, {"filters": 3, "kernel_size": (3, 2), "activation": "relu"}),
    "image, same, strides": Case(
        "Conv2D", IMAGE, {"filters": 2, "kernel_size": 3, "padding": "same", "strides": (2, 3)}
    ),
    "image, dilated": Case("Conv2D", IMAGE, {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 3)}),
    "image, groups, same": Case("Conv2D", IMAGE, {"filters": 4, "kernel_size": 3, "groups": 4, "padding": "same"}),
    "volume": Case("Conv3D", VOLUME, {"filters": 2, "kernel_size": (2, 3, 1), "activation": "sigmoid"}),
    "volume, same, strides": Case(
        "Conv3D", VOLUME, {"filters": 2, "kernel_size": 2, "padding": "same", "strides": (1, 2, 2)}
    ),
    "line, transposed": Case("Conv1DTranspose", LINE, {"filters": 3, "kernel_size": 3, "strides": 2}),
    "line, transposed, same": Case(
        "Conv1DTranspose", LINE, {"filters": 2, "kernel_size": 2, "strides": 3, "padding": "same"}
    ),
    "image, transposed": Case("Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 3, "activation": "tanh"}),
    "image, transposed, same": Case(
        "Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": (3, 4), "strides": 2, "padding": "same"}
    ),
    "image, transposed, more": Case(
        "Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1, "padding": "same"}
    ),
    "image, transposed, dilated": Case(
        "Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False}
    ),
    "volume, transposed": Case("Conv3DTranspose", VOLUME, {"filters": 2, "kernel_size": 2, "strides": (1, 2, 1)}),
    "line, depthwise": Case("DepthwiseConv1D", LINE, {"kernel_size": 3, "padding": "same", "activation": "tanh"}),
    "line, depthwise, many": Case("DepthwiseConv1D", LINE, {"kernel_size": 2, "depth_multiplier": 2, "strides": 2}),
    "image, depthwise": Case("DepthwiseConv2D", IMAGE, {"kernel_size": (3, 2), "strides": 2, "padding": "same"}),
    "image, depthwise, many": Case(
        "DepthwiseConv2D", IMAGE, {"kernel_size": 2, "depth_multiplier": 3, "dilation_rate": 2, "use_bias": False}
    ),
    "line, separable": Case("SeparableConv1D", LINE, {"filters": 3, "kernel_size": 3, "padding": "same"}),
    "image, separable": Case(
        "SeparableConv2D", IMAGE, {"filters": 3, "kernel_size": 3, "strides": 2, "depth_multiplier": 2}
    ),
    "image, separable, dilated": Case(
        "SeparableConv2D", IMAGE, {"filters": 5, "kernel_size": 2, "dilation_rate": 2, "activation": "tanh"}
    ),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras."""
    return single.by_keras(key, CASES[key])


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return single.by_pellucid(key, CASES[key])
