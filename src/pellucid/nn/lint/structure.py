"""Mistakes that the graph alone shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.text import text
from pellucid.nn.lint.findings import Finding
from pellucid.nn.lint.graph import Graph, before_linear, is_op, is_probability, probabilities, through

Check = Callable[[Graph], Iterator[Finding]]


def softmax_twice(graph: Graph) -> Iterator[Finding]:
    """Find a softmax of a softmax."""
    for e in graph.ops("softmax", "log_softmax"):
        inner = through(e.inputs[0])
        if is_op(inner, "softmax"):
            yield Finding(
                "softmax twice",
                e,
                "a softmax is taken of what is a softmax already",
                "probabilities taken for scores lie between 0 and 1, so the second softmax is nearly even whatever the "
                "network says; its gradient is small and the loss cannot come near 0",
                "take one of them away: leave the activation of the last layer out, or pass from_logits=False",
            )


def binary_loss_of_softmax(graph: Graph) -> Iterator[Finding]:
    """Find a binary crossentropy of a softmax."""
    for site in graph.crossentropies:
        if site.kind == "binary" and is_op(through(site.p), "softmax"):
            yield Finding(
                "binary crossentropy of a softmax",
                site.log,
                "a binary crossentropy takes the columns of a softmax one by one",
                "the columns of a softmax are not independent yes-or-no answers; each class is counted once for itself "
                "and once against the others, and the accuracy that goes with it is that of columns, not of samples",
                "use categorical_crossentropy with the softmax, or a sigmoid of one unit with binary_crossentropy",
            )


def not_probabilities(graph: Graph) -> Iterator[Finding]:
    """Find a crossentropy of something that need not lie between 0 and 1."""
    for site in graph.crossentropies:
        if not is_probability(site.p):
            wanted = "sigmoid" if site.kind == "binary" else "softmax"
            yield Finding(
                "crossentropy of what is no probability",
                site.log,
                f"a crossentropy takes {text(site.p, 40)} for probabilities, and it may be negative or more than 1",
                "the logarithm of a negative number is nan, and that of a number above 1 rewards what is wrong",
                f"end the network with a {wanted}, or pass from_logits=True",
            )


def squared_error_of_sigmoid(graph: Graph) -> Iterator[Finding]:
    """Find a squared error of a sigmoid."""
    for e in graph.ops("square", "power"):
        if is_op(e, "power") and not (isinstance(e.inputs[1], Constant) and e.inputs[1].value.ravel()[:1] == 2):
            continue
        difference = through(e.inputs[0])
        if not is_op(difference, "subtract"):
            continue
        sides = [probabilities(i) for i in difference.inputs]
        squashed = [s for s in sides if is_op(s, "sigmoid") and s in graph.learned]
        if len(squashed) == 1 and any(s not in graph.learned for s in sides):
            yield Finding(
                "squared error of a sigmoid",
                e,
                "a sigmoid is held against labels by a squared error",
                "where the sigmoid is sure and wrong its slope is nearly 0, and so is the gradient: the worst samples "
                "teach least",
                "use binary_crossentropy, whose gradient is the difference itself",
            )


def linear_after_linear(graph: Graph) -> Iterator[Finding]:
    """Find two products with parameters and no nonlinearity between."""
    for e in graph.ops("matmul"):
        if not isinstance(through(e.inputs[1]), Shared):
            continue
        inner = before_linear(e.inputs[0])
        if inner is not None and through(inner.inputs[1]) is not through(e.inputs[1]):
            yield Finding(
                "two linear layers",
                e,
                f"the product with {through(e.inputs[1])} follows the product with {through(inner.inputs[1])}, and "
                "nothing between them is nonlinear",
                "two linear maps in a row are one linear map: the first layer adds parameters and no power",
                "give the first layer an activation, such as activation='relu', or leave one of the two out",
            )


def bias_before_normalization(graph: Graph) -> Iterator[Finding]:
    """Find a bias that a batch normalization takes away again."""
    for e in graph.ops("batch_normalization"):
        inner = through(e.inputs[0])
        biases = [through(i) for i in inner.inputs if isinstance(through(i), Shared)] if is_op(inner, "add") else []
        if biases and biases[0].ndim <= 1:
            yield Finding(
                "bias before a normalization",
                e,
                f"{biases[0]} is added, and the normalization subtracts the mean",
                "whatever the bias is, it is gone after the mean is subtracted: its gradient is 0",
                "make the layer before with use_bias=False; the normalization has a shift of its own",
            )


def rectifier_before_softmax(graph: Graph) -> Iterator[Finding]:
    """Find scores that are rectified before they become probabilities."""
    for e in graph.ops("softmax", "log_softmax"):
        if is_op(through(e.inputs[0], frozenset(["cast", "masked", "reshape"])), "relu", "relu6"):
            yield Finding(
                "rectifier before a softmax",
                e,
                "scores are rectified before the softmax",
                "no class can be made less probable than by a score of 0, and where all scores are below 0 the classes "
                "are equally probable and nothing is learned",
                "leave the activation of the last layer before the softmax out",
            )


def bytes_unscaled(graph: Graph) -> Iterator[Finding]:
    """Find bytes that go into a product as they are."""
    for e in graph.order:
        if isinstance(e, Input) and e.dtype == "uint8":
            for product in meets(graph, e):
                yield unscaled(e, product, "its bytes, from 0 to 255,")


def meets(graph: Graph, source: Expr) -> list[Expr]:
    """Return the products and convolutions that something goes into as it is."""
    found, waiting, seen = [], [source], {source}
    while waiting:
        for user in graph.users.get(waiting.pop(), []):
            if is_op(user, "matmul", "conv") and user.inputs[0] in seen:
                found.append(user)
            elif user not in seen and user.op is not None and user.op.name in LOOKS:
                seen.add(user)
                waiting.append(user)
    return found


LOOKS = frozenset(["cast", "reshape", "reshape_like", "expand_dims", "squeeze", "transpose", "dropout", "flip", "pad"])
"""What leaves the scale of numbers as it is."""


def unscaled(source: Expr, product: Expr, told: str) -> Finding:
    """Return the finding about an input that is too large."""
    return Finding(
        "unscaled input",
        product,
        f"{source} goes into a product as it is, with {told}",
        "first weights are made for inputs of about 1: sums a hundred times as large saturate what follows, and the "
        "learning rate that fits them fits nothing else",
        "divide it by 255, or put nn.Rescaling(1 / 255) or nn.Normalization() first",
    )


STRUCTURE: list[Check] = [
    softmax_twice,
    binary_loss_of_softmax,
    not_probabilities,
    squared_error_of_sigmoid,
    linear_after_linear,
    bias_before_normalization,
    rectifier_before_softmax,
    bytes_unscaled,
]
"""Every check of the graph alone."""
