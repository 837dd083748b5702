"""Mistakes between the scores of a network and its loss, which the graph alone shows."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.nn.lint.findings import Finding
from pellucid.nn.lint.graph_queries import (
    LINEAR,
    Crossentropy,
    Graph,
    is_complement,
    is_op,
    is_probability,
    probabilities,
    through,
)

SQUASHES = ("softmax", "sigmoid")


def squashed_twice(graph: Graph) -> Iterator[Finding]:
    """Find a softmax or sigmoid of what is one already."""
    for e in graph.ops("softmax", "log_softmax", "sigmoid", "log_sigmoid"):
        inner, outer = through(e.inputs[0], LINEAR - {"slice"}), str(e.op and e.op.name).removeprefix("log_")
        if not is_op(inner, *SQUASHES):
            continue
        within = str(inner.op and inner.op.name)
        yield Finding(
            f"{outer} twice" if outer == within else f"{outer} of a {within}",
            e,
            f"a {outer} is taken of what is a {within} already",
            f"probabilities taken for scores lie between 0 and 1, so the {outer} is nearly even whatever the network "
            f"says{best(e, outer)}",
            "take one of them away: leave the activation of the last layer out, or pass from_logits=False",
        )


def best(e: Expr, outer: str) -> str:
    """Say what the best probability is that scores between 0 and 1 can make, and what that does to the loss."""
    classes = e.shape[-1] if e.ndim else None
    if outer == "sigmoid":
        return ": it goes from 0.5 to 0.73 and no further. Its gradient is small, and the loss cannot come near 0"
    if not isinstance(classes, int):
        return ". Its gradient is small, and the loss cannot come near 0"
    top = math.e / (math.e + classes - 1)
    return (
        f": of {classes} classes none gets more than {top:.2f}. Its gradient is small, and the loss of a sample stays "
        f"above {-math.log(top):.2f}"
    )


def binary_loss_of_softmax(graph: Graph) -> Iterator[Finding]:
    """Find a binary crossentropy of a softmax."""
    for site in graph.crossentropies:
        if site.kind == "binary" and is_op(through(site.p), "softmax"):
            yield Finding(
                "binary crossentropy of a softmax",
                site.log,
                "a binary crossentropy takes the columns of a softmax one by one",
                "the columns of a softmax are not independent yes-or-no answers: each class is counted once for itself "
                "and once against the others, and the accuracy that goes with it is that of columns, not of samples",
                "use categorical_crossentropy with the softmax, or a sigmoid of one unit with binary_crossentropy",
            )


def not_probabilities(graph: Graph) -> Iterator[Finding]:
    """Find a crossentropy of something that need not lie between 0 and 1, or not sum to 1 over the classes."""
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
        elif columns_apart(site, graph):
            yield Finding(
                "crossentropy of what is no probability",
                site.log,
                "a crossentropy of classes takes the columns of a sigmoid, which need not sum to 1",
                "only the column of the right class is in such a loss: every column may go to 1 at once, the loss "
                "falls to 0, and nothing was learned",
                "end the network with a softmax over the classes; where several may be right at once, or there is one "
                "column, use binary_crossentropy with the sigmoid",
            )


def columns_apart(site: Crossentropy, graph: Graph) -> bool:
    """Tell whether a crossentropy of classes has columns that know nothing of each other."""
    squashed = is_op(through(site.p), "sigmoid", "hard_sigmoid")
    no_counts = any(is_complement(e, site.labels) for e in graph.ops("subtract"))
    return site.kind != "binary" and squashed and not no_counts


def squared_error_of_sigmoid(graph: Graph) -> Iterator[Finding]:
    """Find a squared error of a sigmoid and labels; what a network gives back of its own input is no label."""
    for e in graph.ops("square", "power", "multiply"):
        difference = squared(e)
        if difference is None or not is_op(difference, "subtract"):
            continue
        sides = [probabilities(i) for i in difference.inputs]
        squashed = [s for s in sides if is_op(s, "sigmoid") and s in graph.learned]
        wanted = [through(s) for s in sides if s not in graph.learned]
        if len(squashed) == len(wanted) == 1 and are_labels(wanted[0], squashed[0], graph):
            yield Finding(
                "squared error of a sigmoid",
                e,
                "a sigmoid is held against labels by a squared error",
                "where the sigmoid is sure and wrong its slope is nearly 0, and so is the gradient: the worst samples "
                "teach least",
                "use binary_crossentropy, whose gradient by the score is the difference itself",
            )


def squared(e: Expr) -> Expr | None:
    """Return what an expression is the square of, if it is one."""
    if is_op(e, "power"):
        two = isinstance(e.inputs[1], Constant) and bool((e.inputs[1].value == 2).all())
        return through(e.inputs[0]) if two else None
    if is_op(e, "multiply"):
        return through(e.inputs[0]) if e.inputs[0] is e.inputs[1] else None
    return through(e.inputs[0])


def are_labels(wanted: Expr, predicted: Expr, graph: Graph) -> bool:
    """Tell whether what is wanted may be labels: no input of the network itself, and no other numbers than 0 and 1."""
    value = graph.values.get(wanted)
    between = value is not None and bool(((value > 0) & (value < 1)).any())
    return not between and (not isinstance(wanted, Input) or wanted not in set(topological([predicted])))


def rectifier_before_softmax(graph: Graph) -> Iterator[Finding]:
    """Find scores that are rectified before they become probabilities."""
    for e in graph.ops("softmax", "log_softmax"):
        scores = through(e.inputs[0], LINEAR - {"transpose", "slice"})
        at_zero = is_op(scores, "maximum") and any(
            isinstance(i, Constant) and bool((i.value == 0).all()) for i in scores.inputs
        )
        if is_op(scores, "relu", "relu6") or at_zero:
            yield Finding(
                "rectifier before a softmax",
                e,
                "scores are rectified before the softmax",
                "no class can be made less probable than by a score of 0, and where all scores are below 0 the classes "
                "are equally probable and nothing is learned",
                "leave the activation of the last layer before the softmax out",
            )
