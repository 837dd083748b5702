"""Checks of the network structure, on the graph alone: stacked linear layers, redundant biases, unscaled bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.finding import Finding
from pellucid.graph.paired_broadcast import find_paired_broadcasts
from pellucid.graph.types import format_shape
from pellucid.nn.lint.graph_queries import LintGraph, find_linear_chain, get_kernel, is_op, skip_pass_through
from pellucid.nn.lint.initial_weights import check_symmetric_weights
from pellucid.nn.lint.loss_checks import (
    check_binary_loss_on_softmax,
    check_probabilities,
    check_relu_before_softmax,
    check_repeated_activation,
    check_squared_error_on_sigmoid,
    check_swapped_arguments,
)


def check_stacked_linear_layers(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.find_ops("matmul"):
        chain = find_linear_chain(e.inputs[0]) if get_kernel(e) is not None else []
        if chain and is_redundant(graph, e, chain):
            first, second = get_kernel(chain[-1]), get_kernel(e)
            yield Finding(
                "stacked linear layers",
                e,
                f"The product with {second} follows the product with {first}, without a nonlinear function in between.",
                "Two linear layers in a row compute one linear function, (x A) B = x (A B). The first adds parameters "
                "but lets the network represent nothing more.",
                "Give the first layer an activation, such as activation='relu', or remove one of the two layers.",
            )


def is_redundant(graph: LintGraph, e: Expr, chain: Sequence[Expr]) -> bool:
    """Return whether a linear layer before another linear layer can be removed.

    It cannot if both share their kernel; if it is a bottleneck, as in an autoencoder; if its output is used
    elsewhere; or if the second layer is also applied to another input, as a discriminator is.
    """
    first, second = get_kernel(chain[-1]), get_kernel(e)
    if first is None or second is None or first is second:
        return False
    if any(user is not e and user not in set(chain) for i in chain for user in graph.users[i]):
        return False
    [inputs, width], [second_inputs, outputs] = (tuple(int(size) for size in p.shape) for p in (first, second))
    if width == second_inputs and width < min(inputs, outputs):
        return False
    products = [p for p in graph.find_ops("matmul") if get_kernel(p) is second]
    return all(find_linear_chain(p.inputs[0]) for p in products)


def check_bias_before_normalization(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.find_ops("batch_normalization", "standardize"):
        total = skip_pass_through(e.inputs[0])
        terms = [skip_pass_through(i) for i in total.inputs] if is_op(total, "add") else []
        biases = [term for term in terms if isinstance(term, Shared)]
        if biases and biases[0].ndim <= 1 and normalizes_each_feature(e) and graph.is_used_only_by(total, e):
            yield Finding(
                "bias before a normalization",
                e,
                f"{biases[0]} is added, and the normalization then subtracts the mean.",
                "Subtracting the mean removes any bias: it has no effect, and its gradient is 0.",
                "Pass use_bias=False to the layer before. The normalization has its own bias (beta).",
            )


def normalizes_each_feature(e: Expr) -> bool:
    """Return whether a normalization computes the mean of each feature separately."""
    last = e.inputs[0].ndim - 1
    axis = e.settings["axis"]
    if is_op(e, "batch_normalization"):
        return bool(axis in (-1, last))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return last > 0 and all(k % (last + 1) != last for k in axes)


def check_unscaled_bytes(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.order:
        if isinstance(e, Input) and e.dtype == "uint8":
            for product in find_products(graph, e, allow_shift=True):
                yield make_unscaled_finding(e, product, "bytes from 0 to 255", RESCALE_BYTES_FIX)


def find_products(graph: LintGraph, source: Expr, allow_shift: bool = False) -> list[Expr]:
    """Return the matrix products and convolutions whose left operand has the scale of an input.

    With ``allow_shift``, constants may be added in between.
    """
    products, stack, seen = [], [source], {source}
    while stack:
        for user in graph.users.get(stack.pop(), []):
            if is_op(user, "matmul", "conv") and user.inputs[0] in seen:
                products.append(user)
            elif user not in seen and (is_op(user, *SCALE_PRESERVING_OPS) or (allow_shift and is_shift(user))):
                seen.add(user)
                stack.append(user)
    return products


def is_shift(e: Expr) -> bool:
    """Return whether an expression adds or subtracts a constant."""
    return is_op(e, "add", "subtract") and any(isinstance(i, Constant) for i in e.inputs)


RESCALE_BYTES_FIX = "Divide it by 255, or put nn.Rescaling(1 / 255) first."

SCALE_PRESERVING_OPS = (
    *("cast", "reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "slice", "join", "pad", "flip"),
    *("where", "attach_mask", "dropout", "variable_dropout", "training_only", "max_pool"),
)


def make_unscaled_finding(source: Expr, product: Expr, values: str, fix: str) -> Finding:
    return Finding(
        "unscaled input",
        product,
        f"{source} is multiplied by weights without scaling; it has {values}.",
        "Initializers assume inputs of about 1. Larger inputs saturate the activations, and no learning rate fits all "
        "layers.",
        fix,
    )


def check_paired_broadcast(graph: LintGraph) -> Iterator[Finding]:
    variables = [e for e in graph.order if isinstance(e, Shared) and e.trainable]
    yield from find_paired_broadcasts(graph.outputs, variables)


def check_channels_first(graph: LintGraph) -> Iterator[Finding]:
    """Find square images whose first axis has the length of color channels, in a convolution over the last axis."""
    for e in graph.find_ops("conv"):
        image = skip_pass_through(e.inputs[0], frozenset(["cast", "multiply", "subtract", "true_divide"]))
        if not isinstance(image, Input) or image.ndim != 4:
            continue
        _, first, height, width = image.shape
        if first in (1, 3) and height == width and isinstance(height, int) and height >= MIN_IMAGE_SIZE:
            yield Finding(
                "channels first",
                e,
                f"{image}, of shape {format_shape(image.shape)}, has its channels first.",
                f"A convolution takes the last axis as channels: it sees images of {first} x {height} pixels with "
                f"{width} channels.",
                f"Declare ({height}, {width}, {first}), and bring the data into this order by "
                "x.transpose(0, 2, 3, 1). A reshape would scramble the pixels.",
            )


MIN_IMAGE_SIZE = 8
"""Smallest height and width of images that count as channels first."""


STRUCTURE_CHECKS: list[Callable[[LintGraph], Iterator[Finding]]] = [
    check_repeated_activation,
    check_binary_loss_on_softmax,
    check_probabilities,
    check_squared_error_on_sigmoid,
    check_swapped_arguments,
    check_stacked_linear_layers,
    check_bias_before_normalization,
    check_relu_before_softmax,
    check_unscaled_bytes,
    check_paired_broadcast,
    check_channels_first,
    check_symmetric_weights,
]
"""Checks that need no data."""
