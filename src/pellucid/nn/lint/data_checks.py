"""Checks of a network against its data: input scales, labels, initial loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.finding import Finding
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.graph.types import Dim, format_shape
from pellucid.nn.lint.graph_queries import CrossEntropyCall, LintGraph, Values, skip_pass_through
from pellucid.nn.lint.structure_checks import RESCALE_BYTES_FIX, find_products, make_unscaled_finding
from pellucid.typing import Array

LARGE_RMS = 10.0
"""An input with a larger root mean square counts as unscaled."""

MAX_SAMPLES = 512
"""Number of samples that are checked."""


def check_data(graph: LintGraph) -> Iterator[Finding]:
    for source, value in graph.values.items():
        if value.dtype.kind in "uif" and value.size and isinstance(source, Input) and source.dtype != "uint8":
            yield from check_scale(source, value, graph)
    for call in graph.cross_entropies:
        found = list(check_labels(call, graph.values))
        yield from found
        if not found:
            yield from check_initial_loss(call, graph.values)


def check_scale(source: Input, value: Array, graph: LintGraph) -> Iterator[Finding]:
    rms = np.sqrt(np.mean(np.square(value.astype(np.float64))))
    if not rms > LARGE_RMS:
        return
    are_images = value.min() >= 0 and 100 < value.max() <= 255
    fix = "Put nn.Normalization() first, or subtract the mean and divide by the standard deviation."
    for product in find_products(graph, source):
        values = f"numbers from {value.min():g} to {value.max():g}"
        yield make_unscaled_finding(source, product, values, RESCALE_BYTES_FIX if are_images else fix)


def check_labels(call: CrossEntropyCall, values: Values) -> Iterator[Finding]:
    source = skip_pass_through(call.labels)
    given = values.get(source)
    if given is None or not given.size:
        return
    classes = call.p.shape[-1] if call.p.ndim else 1
    check = check_integer_labels if call.kind == "sparse" else check_probability_labels
    problem, fix = check(given, source, call, classes)
    if problem:
        yield Finding(
            "labels do not fit the loss",
            call.log,
            f"Labels {source}: {problem}.",
            "The loss compares predictions with classes that do not exist, or weights samples wrongly. It can become "
            "negative or NaN.",
            fix,
        )


def check_integer_labels(given: Array, source: Expr, call: CrossEntropyCall, classes: Dim | None) -> tuple[str, str]:
    """Return problem and fix for labels that should be class indices, or two empty strings."""
    is_one_hot = given.ndim == call.p.ndim and given.shape[-1] == classes != 1
    if given.ndim != source.ndim or is_one_hot:
        return (
            f"expected class indices of shape {format_shape(source.shape)}, received shape {format_shape(given.shape)}",
            "Convert one-hot labels by y.argmax(-1), or use categorical_crossentropy, which takes them.",
        )
    if given.dtype.kind == "f" and (given != np.round(given)).any():
        return (
            "expected class indices, received numbers that are not integers",
            "Use a regression loss such as mean_squared_error, or number the classes from 0.",
        )
    if isinstance(classes, int) and (given.min() < 0 or given.max() >= classes):
        return (
            f"expected class indices from 0 to {classes - 1}, received {given.min():g} to {given.max():g}",
            "Number the classes from 0, as np.unique(y, return_inverse=True)[1] does, and end the network with one "
            "unit per class.",
        )
    return "", ""


def check_probability_labels(
    given: Array, source: Expr, call: CrossEntropyCall, classes: Dim | None
) -> tuple[str, str]:
    """Return problem and fix for labels that should be probabilities, or two empty strings."""
    one_hot = f"np.eye({classes}, dtype='float32')[y]"
    if given.ndim != source.ndim:
        return (
            f"expected one-hot labels of shape {format_shape(source.shape)}, received shape "
            f"{format_shape(given.shape)}",
            f"Convert them by {one_hot}, or use sparse_categorical_crossentropy, which takes class indices.",
        )
    if given.min() < 0 or given.max() > 1:
        are_signs = set(np.unique(given).tolist()) == {-1, 1}
        return (
            f"expected probabilities from 0 to 1, received {given.min():g} to {given.max():g}",
            "Map labels -1 and 1 to 0 and 1 by (y + 1) / 2, or use a hinge loss, which takes -1 and 1."
            if are_signs
            else f"Convert class indices by {one_hot}, or divide the labels by their maximum.",
        )
    if call.kind == "categorical" and not np.allclose(given.sum(axis=-1), 1, atol=1e-3):
        return (
            "the probabilities of a sample do not sum to 1",
            "For multi-label targets, use sigmoids and binary_crossentropy. Otherwise divide each row by its sum.",
        )
    return "", ""


def check_initial_loss(call: CrossEntropyCall, values: Values) -> Iterator[Finding]:
    """Find a loss far above that of uniform predictions, log(classes)."""
    classes = call.p.shape[-1] if call.kind != "binary" and call.p.ndim else 2
    known: dict[Expr, Array] = dict(values)
    [log, labels] = simplify_all([call.log, call.labels])
    for e in topological([log, labels]):
        if isinstance(e, Shared):
            known[e] = e.get_value()
        elif isinstance(e, Input) and e not in known:
            return
    if not isinstance(classes, int) or classes < 2:
        return
    with np.errstate(all="ignore"):
        log_value, target = evaluate(np, [log, labels], known)
        if call.kind == "binary":
            if not target.any():
                return
            # Mean over the positive labels only, so that it does not depend on how many there are.
            loss = float(-(log_value * target).sum() / target.sum())
        else:
            loss = float(np.mean(-log_value if call.kind == "sparse" else -(log_value * target).sum(-1)))
    uniform_loss = np.log(classes)
    if not np.isfinite(loss):
        yield Finding(
            "non-finite initial loss",
            call.log,
            f"The initial cross-entropy is {loss:.3g}.",
            "Training cannot start: an input or an initial weight is not finite, or a logarithm gets a number of 0 or "
            "less.",
            "Check the data for NaN. pel.function(inputs, loss, mode='guard') names the expression where it starts.",
        )
    elif loss > 2 * uniform_loss + 1:
        yield Finding(
            "high initial loss",
            call.log,
            f"The initial cross-entropy is {loss:.3g}; uniform predictions give log({classes}) = {uniform_loss:.3g}.",
            "The untrained network is confident and wrong because inputs or initial weights are too large. The first "
            "steps only undo this.",
            "Scale the inputs to about [-1, 1], use the default initializers, or initialize the last layer near 0.",
        )
