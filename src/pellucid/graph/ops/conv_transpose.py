r"""Transposed convolution: the gradient of a convolution with respect to its input, as a function of its own.

It makes arrays larger where a convolution with strides makes them smaller. It shares the convolution's code, and its
gradients are convolutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import ShapeError
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.ops.convolution import conv, kernel_window
from pellucid.graph.ops.convolution_gradients import conv_kernel_gradient, spread_back
from pellucid.graph.ops.sliding_windows import WORDS, Pairs, as_tuple, explicit_pairs, no_padding, told
from pellucid.graph.printing import MULTIPLY
from pellucid.graph.types import Dim, Type, Unknown, shape_text, unify

Extents = tuple[int, ...]


def _settings(
    x: Expr, kernel: Expr, strides: Any, padding: Any, output_padding: Any, dilation: Any, groups: Any
) -> dict[str, Any]:
    axes = x.ndim - 2
    if axes < 1 or kernel.ndim != x.ndim:
        raise ShapeError(
            "conv_transpose: expected an input (batch, ..., channels) and a kernel (..., channels out, channels in) of "
            f"as many axes. Received: {x} of shape {shape_text(x.shape)} and {kernel} of shape "
            f"{shape_text(kernel.shape)}"
        )
    if unify(x.shape[-1], kernel.shape[-1]) is None:
        raise ShapeError(
            f"conv_transpose: the kernel {kernel}, of shape {shape_text(kernel.shape)}, is for {kernel.shape[-1]} "
            f"channels. Received: {x}, of shape {shape_text(x.shape)}, which has {x.shape[-1]}"
        )
    if not isinstance(groups, (int, np.integer)) or groups < 1 or _remainder(x.shape[-1], int(groups)):
        raise ShapeError(
            f"conv_transpose: expected groups into which {x.shape[-1]} channels divide. Received: groups={groups!r}"
        )
    window = kernel_window(kernel)
    strides, dilation = as_tuple(strides, axes, "strides"), as_tuple(dilation, axes, "dilation")
    reaches = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    extra = None if output_padding is None else as_tuple(output_padding, axes, "output_padding", 0)
    pairs, more = _taken_and_added(padding, reaches, strides, extra)
    return {
        "strides": strides,
        "padding": pairs,
        "output_padding": more,
        "dilation": dilation,
        "groups": int(groups),
    }


def _remainder(channels: Dim, groups: int) -> bool:
    return isinstance(channels, int) and channels % groups != 0


def _taken_and_added(
    padding: Any, reaches: Sequence[int], strides: Extents, output_padding: Extents | None
) -> tuple[Pairs, Extents]:
    """Return how much of what all windows cover is taken away before and after, and what is added after it, as Keras
    works it out: without ``output_padding`` the result of ``"same"`` is the strides times as large as the input.
    """
    if not isinstance(padding, str):
        return explicit_pairs(padding, len(reaches)), output_padding or (0,) * len(reaches)
    if padding not in WORDS:
        raise no_padding(padding, WORDS)
    pairs, added = [], []
    for axis, (reach, stride) in enumerate(zip(reaches, strides, strict=True)):
        asked = None if output_padding is None else output_padding[axis]
        if padding == "valid":
            before, after = 0, -(max(stride - reach, 0) if asked is None else asked)
        else:
            total = stride + reach - 2 if asked is None else reach + reach % 2 - 2 + asked
            left = min((total + 1) // 2, reach - 1)
            before, after = reach - 1 - left, reach - 1 - (total - left)
        if -after >= stride and after < 0:
            raise ShapeError(
                f"conv_transpose: output_padding={output_padding} adds {-after} beyond the last window in axis {axis}, "
                f"where only less than its stride of {stride} makes sense"
            )
        pairs.append((before, max(after, 0)))
        added.append(max(-after, 0))
    return tuple(pairs), tuple(added)


def _size(n: int, window: int, stride: int, pad: tuple[int, int], added: int, dilation: int) -> int:
    """Return how large an axis becomes."""
    return (n - 1) * stride + (window - 1) * dilation + 1 - pad[0] - pad[1] + added


def _type(
    x: Expr, kernel: Expr, strides: Extents, padding: Pairs, output_padding: Extents, dilation: Extents, groups: int
) -> Type:
    spatial: list[Dim] = []
    per_axis = zip(x.shape[1:-1], kernel_window(kernel), strides, padding, output_padding, dilation, strict=True)
    for n, k, s, p, added, d in per_axis:
        size = _size(n if isinstance(n, int) else 1, k, s, p, added, d)
        if isinstance(n, int) and size < 0:
            raise ShapeError(f"conv_transpose of {x} with {kernel}: padding={p} takes away more than there is")
        spatial.append(size if isinstance(n, int) else n if s == 1 == size else Unknown())
    channels = kernel.shape[-2]
    out = channels if groups == 1 else channels * groups if isinstance(channels, int) else Unknown()
    return Type((x.shape[0], *spatial, out), x.dtype)


def _grad(g: Any, y: Any, x: Any, kernel: Any, output_padding: Any, **settings: Any) -> tuple[Any, Any]:
    return conv(g, kernel, **settings), conv_kernel_gradient(g, x, kernel, **settings)


def _examples(rng: np.random.Generator) -> list[Any]:
    x, kernel = rng.normal(size=(2, 3, 4, 3)), rng.normal(size=(3, 4, 2, 3))
    return [
        ((x, kernel), {}),
        ((x, kernel), {"strides": 2, "padding": "same"}),
        ((x, kernel), {"strides": (1, 3), "dilation": (2, 1), "output_padding": (0, 1)}),
        ((rng.normal(size=(2, 4, 4)), rng.normal(size=(3, 2, 4))), {"strides": 4, "groups": 2}),
        ((rng.normal(size=(2, 4, 2)), rng.normal(size=(3, 1, 2))), {"padding": ((1, 0),), "groups": 2}),
    ]


@op(
    text=told("conv_transpose", strides=1, padding=0, output_padding=0, dilation=1, groups=1),
    tex=r"{1:>} \ast^\top {0:>}",
    tex_precedence=MULTIPLY,
    promotes=True,
    floats=True,
    infer=_type,
    normalize=_settings,
    grad=_grad,
    examples=_examples,
    cost=lambda node, size: 2 * size(node.inputs[0]) * size(node.inputs[1]) / size(node.inputs[1], -1),
)
def conv_transpose(
    xp: Any,
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    dilation: Any = 1,
    groups: Any = 1,
) -> Any:
    r"""Transposed convolution, channels last, in which every element spreads the kernel around itself:
    :math:`y_{n,\, s i + r k,\, d} = \sum_c x_{n,i,c} \; w_{k,d,c}`, summed over all :math:`i, k` that meet there.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        What is spread.
    kernel : Expr or array, shape (..., channels out / groups, channels in)
        With what: the kernel of the convolution that this is the transpose of.
    strides, dilation : int or tuple of int
        The step :math:`s` between neighbours and the step :math:`r` inside the window.
    padding : {"valid", "same"} or pairs of int
        All that windows cover; what makes the result the strides times as large as the input; or so much taken away
        before and after each axis.
    output_padding : int or tuple of int, optional
        How much is added behind each axis; less than the strides. What it means beside ``"same"`` is Keras's: the
        size is :math:`(n - 1) s + k \bmod 2` and this much.
    groups : int
        Into how many groups the channels are divided, each of which makes only its own.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        With :math:`(n - 1) s + \max(k, s)` elements along an axis for ``"valid"``, :math:`n s` for ``"same"``.

    Raises
    ------
    ShapeError
        If channels disagree, or nothing would be left.

    Examples
    --------
    >>> import pellucid as pel
    >>> x, w = pel.tensor4("x", shape=("n", 7, 7, 32)), pel.tensor4("w", shape=(3, 3, 16, 32))
    >>> pel.conv_transpose(x, w, strides=2, padding="same").shape
    ('n', 14, 14, 16)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """
    per_axis = zip(x.shape[1:-1], kernel.shape[:-2], strides, padding, output_padding, dilation, strict=True)
    sizes = [_size(*each) for each in per_axis]
    return spread_back(xp, x, kernel, sizes, strides, padding, dilation, groups)
