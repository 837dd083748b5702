"""Checks that the output activation fits the loss, on the graph alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pellucid.graph.expr import Constant, Expr, Input
from pellucid.graph.finding import Finding
from pellucid.graph.printing import text
from pellucid.graph.traversal import topological
from pellucid.nn.lint.graph_queries import (
    LINEAR_OPS,
    CrossEntropyCall,
    LintGraph,
    is_complement,
    is_layer_output,
    is_op,
    is_probability,
    skip_clipping,
    skip_pass_through,
)


def check_repeated_activation(graph: LintGraph) -> Iterator[Finding]:
    """Find a softmax or sigmoid of a softmax or sigmoid."""
    for e in graph.find_ops("softmax", "log_softmax", "sigmoid"):
        inner = skip_pass_through(e.inputs[0], LINEAR_OPS - {"slice"})
        if not is_op(inner, "softmax", "sigmoid"):
            continue
        outer_name, inner_name = str(e.op and e.op.name).removeprefix("log_"), str(inner.op and inner.op.name)
        yield Finding(
            f"{outer_name} twice" if outer_name == inner_name else f"{outer_name} of a {inner_name}",
            e,
            f"A {outer_name} is applied to the output of a {inner_name}.",
            f"The inner {inner_name} returns values between 0 and 1, so the {outer_name} of them is almost uniform "
            f"whatever the network computes{describe_output_limits(e, outer_name)}",
            "Remove one of the two: leave out the activation of the last layer, or pass from_logits=False to the loss.",
        )


def describe_output_limits(e: Expr, outer_name: str) -> str:
    """Describe the most confident output that is possible for inputs between 0 and 1, and the loss it gives."""
    classes = e.shape[-1] if e.ndim else None
    if outer_name == "sigmoid":
        return ": it is between 0.5 and 0.73. Its gradient is small, and the loss cannot approach 0."
    if not isinstance(classes, int):
        return ". Its gradient is small, and the loss cannot approach 0."
    largest = math.e / (math.e + classes - 1)
    return (
        f": with {classes} classes, no probability exceeds {largest:.2f}. Its gradient is small, and the loss of a "
        f"sample stays above {-math.log(largest):.2f}."
    )


def check_binary_loss_on_softmax(graph: LintGraph) -> Iterator[Finding]:
    for call in graph.cross_entropies:
        if call.kind == "binary" and is_op(skip_pass_through(call.p), "softmax"):
            yield Finding(
                "binary cross-entropy of a softmax",
                call.log,
                "A binary cross-entropy is applied to the columns of a softmax.",
                "It treats the columns as independent yes-or-no answers, but those of a softmax sum to 1. Each sample "
                "is counted once per class, and binary accuracy is the accuracy of columns, not of samples.",
                "Use categorical_crossentropy with the softmax, or one sigmoid unit with binary_crossentropy.",
            )


def check_certain_probabilities(graph: LintGraph) -> Iterator[Finding]:
    """Find cross-entropies of values that are certainly no probabilities, as `check_probabilities` may only suspect."""
    found = {
        call.log
        for call in graph.cross_entropies
        if graph.sums_over_classes(call) and (is_probability(call.p) or is_layer_output(call.p))
    }
    return (f for f in check_probabilities(graph) if f.where in found)


def check_probabilities(graph: LintGraph) -> Iterator[Finding]:
    """Find a cross-entropy of values that may be outside [0, 1], or need not sum to 1 over the classes."""
    for call in graph.cross_entropies:
        if not is_probability(call.p):
            activation = "sigmoid" if call.kind == "binary" else "softmax"
            yield Finding(
                "cross-entropy of non-probabilities",
                call.log,
                f"A cross-entropy takes {text(call.p, 40)} as probabilities, but it can be negative or above 1.",
                "The logarithm of a negative number is NaN, and that of a number above 1 rewards wrong predictions.",
                f"End the network with a {activation}, or pass from_logits=True to the loss.",
            )
        elif has_independent_columns(call, graph) and call.p.shape[-1] == 1:
            yield Finding(
                "cross-entropy of one column",
                call.log,
                "A categorical cross-entropy is applied to a single sigmoid unit.",
                "It needs one column per class. With a single column, the loss of a sample with target 0 is 0 whatever "
                "the network predicts, so the network learns to predict 1 always.",
                "Use binary_crossentropy with the sigmoid unit, or end the network with a softmax over the classes.",
            )
        elif has_independent_columns(call, graph):
            yield Finding(
                "cross-entropy of non-probabilities",
                call.log,
                "A categorical cross-entropy is applied to a sigmoid, whose columns need not sum to 1.",
                "This loss only depends on the column of the true class. If all columns go to 1, the loss is 0 "
                "although the network has learned nothing.",
                "End the network with a softmax over the classes. For multi-label targets or a single column, use "
                "binary_crossentropy with the sigmoid.",
            )


def has_independent_columns(call: CrossEntropyCall, graph: LintGraph) -> bool:
    """Return whether a categorical cross-entropy is of a sigmoid and ignores the columns of the other classes."""
    is_sigmoid = is_op(skip_pass_through(call.p), "sigmoid")
    penalizes_others = any(is_complement(e, call.labels) for e in graph.find_ops("subtract"))
    return call.kind != "binary" and is_sigmoid and not penalizes_others


def check_squared_error_on_sigmoid(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.find_ops("square", "power", "multiply"):
        difference = get_squared_operand(e)
        if difference is None or not is_op(difference, "subtract"):
            continue
        operands = [skip_clipping(i) for i in difference.inputs]
        predictions = [s for s in operands if is_op(s, "sigmoid") and s in graph.trainable]
        targets = [skip_pass_through(s) for s in operands if s not in graph.trainable]
        if len(predictions) == len(targets) == 1 and may_be_labels(targets[0], predictions[0], graph):
            yield Finding(
                "squared error of a sigmoid",
                e,
                "A squared error compares a sigmoid with labels.",
                "Where the sigmoid is confident and wrong, its slope and therefore the gradient are almost 0: the "
                "worst predictions are corrected least.",
                "Use binary_crossentropy. Its gradient with respect to the logits is the error itself.",
            )


def get_squared_operand(e: Expr) -> Expr | None:
    """Return the operand of a square, x * x or x ** 2, or None."""
    if is_op(e, "power"):
        is_square = isinstance(e.inputs[1], Constant) and bool((e.inputs[1].value == 2).all())
        return skip_pass_through(e.inputs[0]) if is_square else None
    if is_op(e, "multiply"):
        return skip_pass_through(e.inputs[0]) if e.inputs[0] is e.inputs[1] else None
    return skip_pass_through(e.inputs[0])


def may_be_labels(target: Expr, prediction: Expr, graph: LintGraph) -> bool:
    """Return whether targets may be labels: known values are 0 or 1, and they are not the network's input.

    An autoencoder's target is its input, and a squared error is right for it.
    """
    value = graph.values.get(target)
    has_fractions = value is not None and bool(((value > 0) & (value < 1)).any())
    return not has_fractions and (not isinstance(target, Input) or target not in set(topological([prediction])))


def check_swapped_arguments(graph: LintGraph) -> Iterator[Finding]:
    """Find a cross-entropy with the predictions as labels: the logarithm is of an input, the factor a softmax."""
    if any(e in graph.trainable for e in graph.find_ops("log", "log_softmax")):
        return
    for log in graph.find_ops("log"):
        labels = skip_clipping(log.inputs[0])
        for product in graph.users.get(log, []):
            factors = (
                [skip_pass_through(i) for i in product.inputs if i is not log] if is_op(product, "multiply") else []
            )
            if isinstance(labels, Input) and any(
                is_op(p, "softmax", "sigmoid") and p in graph.trainable for p in factors
            ):
                yield Finding(
                    "swapped loss arguments",
                    log,
                    f"The loss takes the logarithm of the input {labels}, and the predictions as its weights.",
                    "A label of 0 makes the loss infinite, and otherwise the network learns nothing.",
                    "The arguments of a loss are (y_true, y_pred), in this order.",
                )


def check_relu_before_softmax(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.find_ops("softmax", "log_softmax"):
        logits = skip_pass_through(e.inputs[0], LINEAR_OPS - {"transpose", "slice"})
        is_max_with_0 = is_op(logits, "maximum") and any(
            isinstance(i, Constant) and bool((i.value == 0).all()) for i in logits.inputs
        )
        if is_op(logits, "relu") or is_max_with_0:
            yield Finding(
                "ReLU before a softmax",
                e,
                "The logits pass through a ReLU before the softmax.",
                "No class can get a logit below 0, so none can become very improbable. If all logits are below 0, all "
                "classes are equally probable and the gradient is 0.",
                "Leave out the activation of the last layer before the softmax.",
            )
