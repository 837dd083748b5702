"""Mistakes that show when a network is held against its data, before training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.rewriter import simplify_all
from pellucid.graph.traversal import topological
from pellucid.graph.types import shape_text
from pellucid.nn.lint.findings import Finding
from pellucid.nn.lint.graph_queries import Array, Crossentropy, Graph, Values, through
from pellucid.nn.lint.structure_checks import BYTES, meets, unscaled

LARGE = 10.0
"""Inputs whose root mean square is more than this are held to be unscaled."""

FIRST_LOSS = "first loss far from log(classes)"

MOST_SAMPLES = 512
"""How many samples are looked at."""


def check_data(graph: Graph) -> Iterator[Finding]:
    """Hold inputs, labels and the first loss against what they should be."""
    for source, value in graph.values.items():
        if value.dtype.kind in "uif" and value.size and isinstance(source, Input) and source.dtype != "uint8":
            yield from scale(source, value, graph)
    for site in graph.crossentropies:
        found = list(labels(site, graph.values))
        yield from found
        if not found:
            yield from first_loss(site, graph.values)


def scale(source: Input, value: Array, graph: Graph) -> Iterator[Finding]:
    """Find an input of large numbers that goes into a product as it is."""
    size = np.sqrt(np.mean(np.square(value.astype(np.float64))))
    if not size > LARGE:
        return
    images = value.min() >= 0 and 100 < value.max() <= 255
    fix = BYTES if images else "put nn.Normalization() first, or subtract its mean and divide by its deviation"
    for product in meets(graph, source):
        yield unscaled(source, product, f"numbers from {value.min():g} to {value.max():g}", fix)


def labels(site: Crossentropy, values: Values) -> Iterator[Finding]:
    """Find labels that do not belong to the loss."""
    source = through(site.labels)
    given = values.get(source)
    if given is None or not given.size:
        return
    classes = site.p.shape[-1] if site.p.ndim else 1
    problem, fix = (by_number if site.kind == "sparse" else by_column)(given, source, site, classes)
    if problem:
        yield Finding(
            "labels that do not fit the loss",
            site.log,
            f"the labels {source} do not fit: {problem}",
            "the loss compares with classes that do not exist, or weighs samples as it should not; it may become "
            "negative or nan",
            fix,
        )


def by_number(given: Array, source: Expr, site: Crossentropy, classes: Any) -> tuple[str, str]:
    """Say what is wrong with labels that should be numbers of classes, and what to do about it."""
    columns = given.ndim == site.p.ndim and given.shape[-1] == classes != 1
    if given.ndim != source.ndim or columns:
        return (
            f"they have shape {shape_text(given.shape)}, and should be numbers of classes of shape "
            f"{shape_text(source.shape)}",
            "take y.argmax(-1) of one-hot columns, or use categorical_crossentropy, which takes them",
        )
    if given.dtype.kind == "f" and (given != np.round(given)).any():
        return "they are no integers", "use a loss of numbers, such as mean_squared_error, or number the classes from 0"
    if isinstance(classes, int) and (given.min() < 0 or given.max() >= classes):
        return (
            f"they go from {given.min():g} to {given.max():g}, and the network has {classes} classes, from 0",
            "number the classes from 0, as np.unique(y, return_inverse=True)[1] does, and end the network with as many "
            "units as there are classes",
        )
    return "", ""


def by_column(given: Array, source: Expr, site: Crossentropy, classes: Any) -> tuple[str, str]:
    """Say what is wrong with labels that should be probabilities, and what to do about it."""
    if given.ndim != source.ndim:
        return (
            f"they have shape {shape_text(given.shape)}, and should be columns of shape {shape_text(source.shape)}",
            f"make columns of them, np.eye({classes}, dtype='float32')[y], or use sparse_categorical_crossentropy, "
            "which takes numbers of classes",
        )
    if given.min() < 0 or given.max() > 1:
        both = set(np.unique(given).tolist()) == {-1, 1}
        return (
            f"they go from {given.min():g} to {given.max():g}, and should be probabilities",
            "write (y + 1) / 2 for labels of -1 and 1, or use a hinge, which takes them"
            if both
            else f"make columns of them, np.eye({classes}, dtype='float32')[y], or divide them by their greatest",
        )
    if site.kind == "categorical" and not np.allclose(given.sum(axis=-1), 1, atol=1e-3):
        return (
            "their columns do not sum to 1",
            "use binary_crossentropy and sigmoids where several classes may be right at once, or divide each row by "
            "its sum",
        )
    return "", ""


def first_loss(site: Crossentropy, values: Values) -> Iterator[Finding]:
    """Find a first loss that is far above that of a network that knows nothing."""
    classes = site.p.shape[-1] if site.kind != "binary" and site.p.ndim else 2
    known: dict[Expr, Any] = dict(values)
    [simple, wanted_labels] = simplify_all([site.log, site.labels])
    for e in topological([simple, wanted_labels]):
        if isinstance(e, Shared):
            known[e] = e.get_value()
        elif isinstance(e, Input) and e not in known:
            return
    if not isinstance(classes, int) or classes < 2:
        return
    with np.errstate(all="ignore"):
        log, wanted = evaluate(np, [simple, wanted_labels], known)
        # Of a binary one the mean over what is a yes, so that it counts nothing how many are.
        loss = -log if site.kind == "sparse" else -(log * wanted).sum(-1)
        found = float(-(log * wanted).sum() / wanted.sum() if site.kind == "binary" else np.mean(loss))
    expected = np.log(classes)
    told = f"the crossentropy begins at {found:.3g}"
    if not np.isfinite(found):
        yield Finding(
            FIRST_LOSS,
            site.log,
            told,
            "nothing is learned from it: an input or a first weight is no number, or the logarithm is of what is not "
            "above 0",
            "look for nan in the data; pel.function(inputs, loss, mode='guard') names the expression where it begins",
        )
    elif found > 2 * expected + 1:
        yield Finding(
            FIRST_LOSS,
            site.log,
            f"{told}; a network that knows nothing has log({classes}) = {expected:.3g}",
            "the network begins sure of what is wrong: inputs or first weights are too large, and the first steps are "
            "spent on unlearning",
            "scale the inputs to about 1, use the initializers of the layers, or begin the last layer near 0",
        )
