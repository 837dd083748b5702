"""Entry point of the linter: resolves what to check, selects data and runs all checks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from pellucid.graph.errors import InputError, TrainingWarning, UseError, near_miss
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.finding import Finding, Findings
from pellucid.graph.naming import strip_calls
from pellucid.graph.passes import inference
from pellucid.graph.range_checks import check_ranges
from pellucid.graph.source_location import get_user_stacklevel
from pellucid.graph.traversal import topological
from pellucid.graph.types import format_shape, is_float
from pellucid.graph.value_ranges import Ranges
from pellucid.nn.lint.data_checks import MAX_SAMPLES, check_data
from pellucid.nn.lint.graph_queries import LintGraph, is_op, skip_pass_through
from pellucid.nn.lint.loss_checks import check_certain_probabilities, check_repeated_activation, check_swapped_arguments
from pellucid.nn.lint.structure_checks import STRUCTURE_CHECKS, check_channels_first
from pellucid.typing import Array, ArrayLike

if TYPE_CHECKING:
    from pellucid.run.function import Function


Data = ArrayLike | Sequence[ArrayLike]
"""Values of an input; several if a model has several inputs."""


class TrainableModel(Protocol):
    """What `lint` uses of a model."""

    @property
    def inputs(self) -> Sequence[Expr]: ...
    @property
    def parameters(self) -> list[Shared]: ...

    def symbolic_loss(self) -> Expr | list[Expr]: ...


def is_function(what: object) -> TypeGuard[Function]:
    return hasattr(what, "program")


def is_model(what: object) -> TypeGuard[TrainableModel]:
    return hasattr(what, "symbolic_loss")


def lint(
    what: Expr | Sequence[Expr] | Function | TrainableModel,
    values: Mapping[Any, Data] | None = None,
    *,
    parameters: Sequence[Shared] | None = None,
    training: bool = True,
    ranges: Ranges | None = None,
) -> Findings:
    """Check the graph of a network for mistakes before training.

    Without data, nothing is computed; the network is never trained.

    Parameters
    ----------
    what : Expr, sequence of Expr, Function or model
        A loss or predictions. For a function, its outputs; one without updates of parameters counts as inference. For
        a compiled model, its loss; for another model, its predictions.
    values : mapping from Input or name to array, optional
        Data for the inputs, of which up to 512 samples are used to check input scales, labels and the initial loss. For
        a model, ``{"x": x_train, "y": y_train}``, with a list for ``x`` if it has several inputs.
    parameters : sequence of Shared, optional
        Parameters that should be trained; those the loss does not depend on are reported. By default, the trainable
        parameters of a model.
    training : bool
        Whether the graph is for training. If False, ops in training mode are reported.
    ranges : mapping from Expr or name to (low, high), optional
        Intervals of inputs and shared variables, at times empty. With it, ops that may overflow, divide by 0 or take
        the logarithm of 0 are reported too; see `check_ranges`. Networks that train well may have such ops.

    Returns
    -------
    Findings
        Sequence of findings, empty if there are none. Each names the problem, its expression, the line that created it,
        why it matters and how to fix it.

    Raises
    ------
    InputError
        If a value or range does not belong to exactly one input, or a value has the wrong shape.
    UseError
        If ``what`` cannot be checked.

    Examples
    --------
    >>> x, y = pel.matrix("x", shape=("n", 4)), pel.ivector("y", shape=("n",))
    >>> p = pel.nn.Dense(3, activation="softmax")(x)
    >>> pel.lint(pel.losses.sparse_categorical_crossentropy(y, p).mean())
    No problems found.
    >>> [f.name for f in pel.lint(pel.losses.sparse_categorical_crossentropy(y, pel.softmax(p)).mean())]
    ['softmax twice']
    """
    written, own_parameters = resolve_target(what)
    outputs, _ = strip_calls(written)
    if is_function(what):
        training = training and any(s.trainable for s in what.program.updates)
    graph = LintGraph(outputs)
    if values is not None:
        data = map_model_data(what, values) if is_model(what) else values
        graph = LintGraph(outputs, select_samples(graph, data))
    found = [f for check in STRUCTURE_CHECKS for f in check(graph)]
    found += check_unused_parameters(graph, own_parameters if parameters is None else parameters)
    if not training:
        found += check_training_ops(graph)
    if ranges is not None:
        found += check_ranges(outputs, ranges)
    return Findings(deduplicate([*found, *check_data(graph)]))


Check = Callable[[LintGraph], Iterator[Finding]]

CERTAIN_CHECKS: list[Check] = [
    check_repeated_activation,
    check_certain_probabilities,
    check_swapped_arguments,
    check_channels_first,
]
"""Checks that run whenever the updates for a loss are built: training cannot succeed with what they find."""


def find_certain_mistakes(loss: Expr, checks: Sequence[Check] = CERTAIN_CHECKS) -> list[Finding]:
    """Return the mistakes of a network with which training cannot succeed."""
    graph = LintGraph(strip_calls([loss])[0])
    return deduplicate([f for check in checks for f in check(graph)])


def warn_about_mistakes(loss: Expr, checks: Sequence[Check] = CERTAIN_CHECKS) -> None:
    """Warn of mistakes with which training cannot succeed; `lint` explains them, and finds others."""
    for f in find_certain_mistakes(loss, checks):
        warnings.warn(str(f), TrainingWarning, stacklevel=get_user_stacklevel())


def resolve_target(what: Expr | Sequence[Expr] | Function | TrainableModel) -> tuple[list[Expr], Sequence[Shared]]:
    """Return the expressions to check, and the parameters that should be trained."""
    if isinstance(what, Expr):
        return [what], ()
    if is_function(what):
        if not what.program.original_outputs:
            raise UseError(
                "lint checks the outputs of a function, and this one has none. Let it return the loss, or pass the "
                "loss to lint."
            )
        return what.program.original_outputs, ()
    if is_model(what):
        found = what.symbolic_loss()
        return found if isinstance(found, list) else [found], [p for p in what.parameters if p.trainable]
    if isinstance(what, (list, tuple)) and what and all(isinstance(e, Expr) for e in what):
        return list(what), ()
    raise UseError(f"lint expects a loss, predictions, a function or a model. Received: {what!r}")


def map_model_data(model: TrainableModel, values: Mapping[Any, Data]) -> dict[Any, Data]:
    """Replace the key ``"x"`` by the inputs of the model."""
    found = dict(values)
    if "x" in found:
        data = found.pop("x")
        found |= {model.inputs[0]: data} if len(model.inputs) == 1 else dict(zip(model.inputs, data, strict=True))
    return found


def select_samples(graph: LintGraph, values: Mapping[Any, Any]) -> dict[Expr, Array]:
    """Return the first samples of the data by input, in the input's dtype.

    Labels of a wrong shape or dtype stay as they are: the data checks report them as findings.
    """
    inputs = [e for e in graph.order if isinstance(e, Input)]
    labels = {skip_pass_through(call.labels) for call in graph.cross_entropies}
    found: dict[Expr, Array] = {}
    for key, value in values.items():
        matches = [i for i in inputs if i is key or (isinstance(key, str) and i.name == key)]
        if len(matches) != 1:
            names = [i.name or "" for i in inputs]
            problem = f"{len(matches)} inputs are named {key!r}" if matches else f"there is no input {key!r}"
            hint = "" if matches else near_miss(str(key), names)
            raise InputError(f"lint: {problem}.{hint} Inputs: {', '.join(names)}")
        [source], array = matches, np.asarray(value)[:MAX_SAMPLES] if np.ndim(value) else np.asarray(value)
        if source in labels and (array.ndim != source.ndim or array.dtype.kind == "f"):
            found[source] = array
            continue
        if array.ndim != source.ndim:
            raise InputError(
                f"lint: {source} has shape {format_shape(source.shape)}. Received: a value of shape "
                f"{format_shape(array.shape)}"
            )
        found[source] = array.astype(source.dtype)
    return found


def check_unused_parameters(graph: LintGraph, parameters: Sequence[Shared]) -> Iterator[Finding]:
    """Find parameters that the loss does not depend on, or only through ops without a gradient."""
    nodes = set(graph.order)
    without_gradient = {
        e for e in graph.order if is_op(e, "stop_gradient") or not any(is_float(t.dtype) for t in e.types)
    }
    differentiable = set(topological(graph.outputs, stop=without_gradient))
    blocked: dict[Expr, list[Shared]] = {}
    for p in parameters:
        if p not in nodes:
            yield Finding(
                "unused parameter",
                p,
                f"The loss does not depend on {p}.",
                "Training never changes it: a part of the network has no effect.",
                "Use the output of its layer, or remove the layer.",
            )
        elif p not in differentiable:
            blocker = next(e for e in graph.order if e in without_gradient and p in set(topological([e])))
            blocked.setdefault(blocker, []).append(p)
    for blocker, hidden in blocked.items():
        yield Finding(
            "unused parameter",
            blocker,
            f"The loss depends on {', '.join(map(str, hidden))} only through {blocker.op and blocker.op.name}, which "
            "has no gradient.",
            "No gradient reaches these parameters, so training never changes them.",
            "Train with a differentiable loss, such as a cross-entropy, and use accuracy and counts as metrics only.",
        )


def check_training_ops(graph: LintGraph) -> Iterator[Finding]:
    for e in graph.order:
        # `inference` is applied separately to the graph inside an op such as scan.
        has_subgraph = any(hasattr(value, "outputs") for value in e.settings.values())
        if e.op is not None and e.op.inference is not None and not has_subgraph and inference(e) is not e:
            yield Finding(
                f"{e.op.name} left in an inference graph",
                e,
                f"{e.op.name} is in training mode.",
                "A prediction depends on the other samples of its batch."
                if is_op(e, "batch_normalization")
                else "Predictions are random: the same sample gets a different one each time.",
                "Compile pel.inference(predictions) instead.",
            )


def deduplicate(found: Sequence[Finding]) -> list[Finding]:
    """Return each finding once, in the order of the graph."""
    first: dict[tuple[str, Expr | str, str], Finding] = {}
    for f in found:
        first.setdefault((f.name, f.where, f.what), f)
    nodes = topological([f.where for f in found if isinstance(f.where, Expr)])
    order: dict[Expr | str, int] = {e: number for number, e in enumerate(nodes)}
    return sorted(first.values(), key=lambda f: order[f.where])
