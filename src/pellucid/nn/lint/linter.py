"""`lint`: what to look at, and all checks on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.inference import inference
from pellucid.graph.traversal import topological
from pellucid.graph.types import is_float, shape_text
from pellucid.nn.lint.data_checks import MOST_SAMPLES, check_data
from pellucid.nn.lint.findings import Finding, Findings
from pellucid.nn.lint.graph_queries import Array, Graph, is_op, through
from pellucid.nn.lint.structure_checks import STRUCTURE

UNREACHED = "parameter that the loss does not reach"


def lint(
    what: Any,
    values: Mapping[Any, Any] | None = None,
    *,
    parameters: Sequence[Shared] | None = None,
    training: bool = True,
) -> Findings:
    """Look for mistakes in a network, on its graph: nothing is trained, and without values nothing is computed.

    Parameters
    ----------
    what : Expr, sequence of Expr, Function or model
        A loss, or predictions. Of a function, what it returns; one that updates no parameter is held to be for
        inference. Of a compiled model, its loss; of another, its predictions.
    values : mapping from Input or name to array, optional
        Data for the inputs, of which some samples are looked at: scales, labels and the first loss are checked too. For
        a model, ``{"x": x_train, "y": y_train}``, with a list for ``x`` if it has several inputs.
    parameters : sequence of Shared, optional
        What should be learned; one that the loss does not reach is a finding. A model knows its own.
    training : bool
        Whether it is what is trained; False for predictions, in which nothing may be random.

    Returns
    -------
    Findings
        A sequence, empty for a sound network. Each finding tells what is wrong, where it was written, why it hurts, and
        what to write instead.

    Raises
    ------
    InputError
        If a value belongs to no input.
    UseError
        If it is nothing that can be looked at.

    Examples
    --------
    >>> x, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
    >>> p = pel.nn.Dense(3, activation="softmax")(x)
    >>> pel.lint(pel.losses.sparse_categorical_crossentropy(y, p).mean())
    No mistake was found.
    >>> [f.name for f in pel.lint(pel.losses.sparse_categorical_crossentropy(y, pel.softmax(p)).mean())]
    ['softmax twice']
    """
    outputs, owned = target(what)
    if hasattr(what, "program"):
        training = training and any(s.trainable for s in what.program.updates)
    graph = Graph(outputs)
    if values is not None:
        graph = Graph(outputs, given(graph, by_input(what, values) if hasattr(what, "loss_to_lint") else values))
    found = [f for check in STRUCTURE for f in check(graph)]
    found += unreached(graph, owned if parameters is None else parameters)
    if not training:
        found += still_training(graph)
    return Findings(distinct([*found, *check_data(graph)]))


def target(what: Any) -> tuple[list[Expr], Sequence[Shared]]:
    """Return the graph that is looked at, and the parameters that should be learned."""
    if isinstance(what, Expr):
        return [what], ()
    if hasattr(what, "program"):
        if not what.program.written:
            raise UseError(
                "lint looks at what a function returns, and this one returns nothing: make it return the loss, or give "
                "the loss to lint"
            )
        return what.program.written, ()
    if hasattr(what, "loss_to_lint"):
        found = what.loss_to_lint()
        return found if isinstance(found, list) else [found], [p for p in what.parameters if p.trainable]
    if isinstance(what, (list, tuple)) and what and all(isinstance(e, Expr) for e in what):
        return list(what), ()
    raise UseError(f"lint looks at a loss, predictions, a function or a model. Received: {what!r}")


def by_input(model: Any, values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return data with the inputs of a model in the place of ``"x"``, which is a list where there are several."""
    found = dict(values)
    if "x" in found:
        data = found.pop("x")
        found |= {model.inputs[0]: data} if len(model.inputs) == 1 else dict(zip(model.inputs, data, strict=True))
    return found


def given(graph: Graph, values: Mapping[Any, Any]) -> dict[Expr, Array]:
    """Return some samples of the data, by input; labels of another shape are a mistake to be told of, no wrong use."""
    inputs = [e for e in graph.order if isinstance(e, Input)]
    wanted = {through(site.labels) for site in graph.crossentropies}
    found: dict[Expr, Array] = {}
    for key, value in values.items():
        alike = [i for i in inputs if i is key or (isinstance(key, str) and i.name == key)]
        if len(alike) != 1:
            names = [i.name or "" for i in inputs]
            told = f"{near_miss(str(key), names)} Inputs: {', '.join(names)}"
            raise InputError(f"lint: there is no one input {key!r}.{told}")
        [source], array = alike, np.asarray(value)[:MOST_SAMPLES] if np.ndim(value) else np.asarray(value)
        if source in wanted:
            found[source] = (
                array if array.ndim != source.ndim or array.dtype.kind == "f" else array.astype(source.dtype)
            )
        elif array.ndim != source.ndim:
            raise InputError(
                f"lint: {source} has shape {shape_text(source.shape)}. Received: a value of shape "
                f"{shape_text(array.shape)}"
            )
        else:
            found[source] = array.astype(source.dtype)
    return found


def unreached(graph: Graph, parameters: Sequence[Shared]) -> Iterator[Finding]:
    """Find parameters that the loss does not depend on, or only through what has no slope."""
    reached = set(graph.order)
    flat = {e for e in graph.order if is_op(e, "stop_gradient") or not any(is_float(t.dtype) for t in e.types)}
    sloped = set(topological(graph.outputs, stop=flat))
    behind: dict[Expr, list[Shared]] = {}
    for p in parameters:
        if p not in reached:
            yield Finding(
                UNREACHED,
                p,
                f"nothing in the loss depends on {p}",
                "it keeps its first value whatever the data are: part of the network does nothing",
                "use what the layer returns, or leave the layer out",
            )
        elif p not in sloped:
            behind.setdefault(next(e for e in graph.order if e in flat and p in set(topological([e]))), []).append(p)
    for where, hidden in behind.items():
        yield Finding(
            UNREACHED,
            where,
            f"the loss depends on {', '.join(map(str, hidden))} only through {where.op and where.op.name}, which has "
            "no slope",
            "a gradient does not pass it, so what is behind it keeps its first value",
            "train with a smooth loss, such as a crossentropy of probabilities, and keep counts of what is right as "
            "metrics",
        )


def still_training(graph: Graph) -> Iterator[Finding]:
    """Find what behaves as in training where nothing is trained."""
    for e in graph.order:
        if e.op is not None and e.op.inference is not None and inference(e) is not e and not has_loop(e):
            yield Finding(
                f"{e.op.name} left in an inference graph",
                e,
                f"{e.op.name} behaves as in training",
                "a prediction depends on the other samples of its batch"
                if is_op(e, "batch_normalization")
                else "predictions are random: the same sample is answered in another way each time",
                "compile pel.inference(predictions) instead",
            )


def has_loop(e: Expr) -> bool:
    """Tell whether an expression is a loop, which is turned to inference from inside."""
    return any(hasattr(value, "outputs") for value in e.settings.values())


def distinct(found: Sequence[Finding]) -> list[Finding]:
    """Return each mistake once, in the order of the graph."""
    first: dict[tuple[str, Expr, str], Finding] = {}
    for f in found:
        first.setdefault((f.name, f.where, f.what), f)
    place = {e: n for n, e in enumerate(topological([f.where for f in found]))}
    return sorted(first.values(), key=lambda f: place[f.where])
