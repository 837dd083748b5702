"""Mistakes that the graph alone shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.nn.lint.findings import Finding
from pellucid.nn.lint.graph_queries import Graph, is_op, kernel, linear_chain, through
from pellucid.nn.lint.loss_checks import (
    binary_loss_of_softmax,
    not_probabilities,
    rectifier_before_softmax,
    squared_error_of_sigmoid,
    squashed_twice,
)

Check = Callable[[Graph], Iterator[Finding]]


def linear_after_linear(graph: Graph) -> Iterator[Finding]:
    """Find two products with parameters and nothing but sums between."""
    for e in graph.ops("matmul"):
        chain = linear_chain(e.inputs[0]) if kernel(e) is not None else []
        if chain and is_redundant(graph, e, chain):
            first, second = kernel(chain[-1]), kernel(e)
            yield Finding(
                "two linear layers",
                e,
                f"the product with {second} follows the product with {first}, and nothing between them is nonlinear",
                "two linear maps in a row are one linear map: (x A) B = x (A B), so the first layer adds parameters "
                "and no power",
                "give the first layer an activation, such as activation='relu', or leave one of the two out",
            )


def is_redundant(graph: Graph, e: Expr, chain: Sequence[Expr]) -> bool:
    """Tell whether a linear map in front of another is no use.

    It is some where it is the same map again, where it squeezes what passes through into fewer numbers than come in or
    go out, as the code of an autoencoder does, where its result is used by itself, or where the second map is used on
    something else too, as a discriminator is.
    """
    first, second = kernel(chain[-1]), kernel(e)
    if first is None or second is None or first is second:
        return False
    if any(user is not e and user not in set(chain) for i in chain for user in graph.users[i]):
        return False
    [enters, width], [again, leaves] = sizes(first), sizes(second)
    if width == again and width < min(enters, leaves):
        return False
    products = [p for p in graph.ops("matmul") if kernel(p) is second]
    return all(linear_chain(p.inputs[0]) for p in products)


def sizes(parameter: Shared) -> tuple[int, ...]:
    """Return the shape of a parameter, in integers."""
    return tuple(int(size) for size in parameter.shape)


def bias_before_normalization(graph: Graph) -> Iterator[Finding]:
    """Find a bias that a normalization takes away again."""
    for e in graph.ops("batch_normalization", "standardize"):
        inner = through(e.inputs[0])
        biases = [through(i) for i in inner.inputs if isinstance(through(i), Shared)] if is_op(inner, "add") else []
        if biases and biases[0].ndim <= 1 and keeps_features(e) and graph.only_for(inner, e):
            yield Finding(
                "bias before a normalization",
                e,
                f"{biases[0]} is added, and the normalization subtracts the mean",
                "whatever the bias is, it is gone after the mean is subtracted: its gradient is 0",
                "make the layer before with use_bias=False; the normalization has a shift of its own",
            )


def keeps_features(e: Expr) -> bool:
    """Tell whether a normalization goes over all that one feature is, and over no other feature."""
    last = e.inputs[0].ndim - 1
    axis = e.settings["axis"]
    if is_op(e, "batch_normalization"):
        return bool(axis in (-1, last))
    over = axis if isinstance(axis, tuple) else (axis,)
    return last > 0 and all(k % (last + 1) != last for k in over)


def bytes_unscaled(graph: Graph) -> Iterator[Finding]:
    """Find bytes that go into a product as they are, or moved only."""
    for e in graph.order:
        if isinstance(e, Input) and e.dtype == "uint8":
            for product in meets(graph, e, moved=True):
                yield unscaled(e, product, "its bytes, from 0 to 255,")


def meets(graph: Graph, source: Expr, moved: bool = False) -> list[Expr]:
    """Return the products and convolutions that something goes into as it is, or if it may be moved, less a number."""
    found, waiting, seen = [], [source], {source}
    while waiting:
        for user in graph.users.get(waiting.pop(), []):
            if is_op(user, "matmul", "conv") and user.inputs[0] in seen:
                found.append(user)
            elif user not in seen and (is_op(user, *LOOKS) or (moved and is_move(user))):
                seen.add(user)
                waiting.append(user)
    return found


def is_move(e: Expr) -> bool:
    """Tell whether an expression is another and a number that is added or subtracted."""
    return is_op(e, "add", "subtract") and any(isinstance(i, Constant) for i in e.inputs)


BYTES = "divide it by 255, or put nn.Rescaling(1 / 255) first"

LOOKS = (
    *(
        "cast",
        "reshape",
        "reshape_like",
        "expand_dims",
        "squeeze",
        "transpose",
        "slice",
        "join",
        "pad",
        "flip",
        "where",
    ),
    *("masked", "dropout", "training_only", "max_pool"),
)
"""What leaves the scale of numbers as it is."""


def unscaled(source: Expr, product: Expr, told: str, fix: str = BYTES) -> Finding:
    """Return the finding about an input that is too large."""
    return Finding(
        "unscaled input",
        product,
        f"{source} goes into a product as it is, with {told}",
        "first weights are made for inputs of about 1: larger ones make sums so large that they saturate what follows, "
        "and the learning rate that fits them fits nothing else",
        fix,
    )


STRUCTURE: list[Check] = [
    squashed_twice,
    binary_loss_of_softmax,
    not_probabilities,
    squared_error_of_sigmoid,
    linear_after_linear,
    bias_before_normalization,
    rectifier_before_softmax,
    bytes_unscaled,
]
"""Every check of the graph alone."""
