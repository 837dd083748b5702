"""Mistakes that show when a network is held against its data, before training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pellucid.graph.evaluate import evaluate
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.rewrite import simplify_all
from pellucid.graph.walk import topological
from pellucid.nn.lint.findings import Finding
from pellucid.nn.lint.graph import Crossentropy, Graph, through
from pellucid.nn.lint.structure import meets, unscaled

LARGE = 30.0
"""Inputs whose greatest number is more than this are held to be unscaled, if they are all of one sign."""

MOST_SAMPLES = 512
"""How many samples are looked at."""

Values = Mapping[Expr, np.ndarray[Any, Any]]


def check_data(graph: Graph, values: Values) -> Iterator[Finding]:
    """Hold inputs, labels and the first loss against what they should be."""
    for source, value in values.items():
        large = value.size and value.min() >= 0 and value.max() > LARGE and value.dtype.kind in "uif"
        if large and isinstance(source, Input) and source.dtype != "uint8":
            for product in meets(graph, source):
                yield unscaled(source, product, f"numbers from {value.min():g} to {value.max():g}")
    for site in graph.crossentropies:
        found = list(labels(site, values))
        yield from found
        if not found:
            yield from first_loss(site, graph, values)


def labels(site: Crossentropy, values: Values) -> Iterator[Finding]:
    """Find labels that do not belong to the loss."""
    source = through(site.labels)
    given = values.get(source)
    if given is None or not given.size:
        return
    classes = site.p.shape[-1] if site.p.ndim else 1
    problem = ""
    if site.kind == "sparse" and isinstance(classes, int) and (given.min() < 0 or given.max() >= classes):
        problem = f"they go from {given.min()} to {given.max()}, and the network has {classes} classes, from 0"
    elif site.kind == "categorical" and not np.allclose(given.sum(axis=-1), 1, atol=1e-3):
        problem = "their columns do not sum to 1"
    elif site.kind != "sparse" and (given.min() < 0 or given.max() > 1):
        problem = f"they go from {given.min():g} to {given.max():g}, and should be probabilities"
    if problem:
        yield Finding(
            "labels that do not fit the loss",
            site.log,
            f"the labels {source} do not fit: {problem}",
            "the loss compares with classes that do not exist, or weighs samples as it should not; it may become "
            "negative or nan",
            "count classes from 0 for a sparse crossentropy, or make columns of them: pel.one_hot(y, classes)",
        )


def first_loss(site: Crossentropy, graph: Graph, values: Values) -> Iterator[Finding]:
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
    loss = (
        -log if site.kind == "sparse" else -(log * wanted).sum(-1) / (wanted.mean() * 2 if site.kind == "binary" else 1)
    )
    expected = np.log(classes)
    found = float(np.mean(loss))
    if not found <= 1.6 * expected + 0.5:
        yield Finding(
            "first loss far from log(classes)",
            site.log,
            f"the crossentropy begins at {found:.3g}; a network that knows nothing has log({classes}) = {expected:.3g}",
            "the network begins sure of what is wrong: inputs or first weights are too large, and the first steps are "
            "spent on unlearning",
            "scale the inputs to about 1, use the initializers of the layers, or begin the last layer near 0",
        )
