"""What `Model.compile` was told, and what that is for each output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.graph.errors import near_miss
from pellucid.model.errors import ModelError
from pellucid.nn import losses, metrics, optimizers
from pellucid.nn.metrics import Metric


@dataclass(frozen=True)
class OutputGoal:
    """What one output is trained for.

    Attributes
    ----------
    name : str
        The output's.
    loss : function, Loss or None
        ``loss(y_true, y_pred)``, one value a sample; None for an output that nothing is wanted of.
    loss_weight : float
        What its loss is multiplied by in the sum of all.
    metrics, weighted_metrics : dict from str to function or Metric
        What else is measured, every sample alike or by its weight.
    """

    name: str
    loss: Any
    loss_weight: float
    metrics: Mapping[str, Any]
    weighted_metrics: Mapping[str, Any]

    @property
    def wants_targets(self) -> bool:
        """Whether anything is compared with this output."""
        return self.loss is not None or bool(self.metrics) or bool(self.weighted_metrics)


@dataclass(frozen=True)
class Goal:
    """What a model is trained for, with the names in it looked up.

    Attributes
    ----------
    optimizer : Optimizer
        What turns gradients into updates.
    loss, loss_weights, metrics, weighted_metrics
        For one output, or for several by position or by name.
    """

    optimizer: optimizers.Optimizer
    loss: Any
    loss_weights: Any
    metrics: Any
    weighted_metrics: Any

    def of(self, names: Sequence[str]) -> list[OutputGoal]:
        """Return the goal of each output.

        Raises
        ------
        ModelError
            If what was given does not fit the outputs.
        """
        loss = by_output("loss", self.loss, names, alike=True)
        weights = by_output("loss_weights", self.loss_weights, names, default=1.0)
        measured = [
            self.measured(what, given, names)
            for what, given in (("metrics", self.metrics), ("weighted_metrics", self.weighted_metrics))
        ]
        if all(each is None for each in loss):
            raise ModelError("Expected a loss for one output at least. Received: none")
        for plain, weighted in zip(*measured, strict=True):
            check_names([name for name, _ in (*plain, *weighted)])
        return [
            OutputGoal(name, each, 1.0 if weight is None else float(weight), dict(plain), dict(weighted))
            for name, each, weight, plain, weighted in zip(names, loss, weights, *measured, strict=True)
        ]

    def measured(self, what: str, given: Any, names: Sequence[str]) -> list[list[tuple[str, Any]]]:
        """Return the metrics of each output with their names."""
        if len(names) == 1 and not isinstance(given, Mapping):
            return [list(leaves(given))]
        return [list(leaves(each)) for each in by_output(what, given, names)]


def by_output(what: str, given: Any, names: Sequence[str], default: Any = None, alike: bool = False) -> list[Any]:
    """Deal out what was given for several outputs, by name or by position; one for all where ``alike``."""
    if given is None:
        return [default] * len(names)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise ModelError(
                    f"{what}: there is no output {name!r}.{near_miss(str(name), names)} Outputs: {', '.join(names)}"
                )
        return [given.get(name, default) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ModelError(
                f"{what}: expected one for each of the {len(names)} outputs, {', '.join(names)}. "
                f"Received: {len(given)}; a dict by the names of outputs may leave some out"
            )
        return list(given)
    if alike or len(names) == 1:
        return [given] * len(names)
    raise ModelError(f"{what}: expected a dict or a list with one for each of {', '.join(names)}. Received: {given!r}")


def leaves(given: Any) -> Iterator[tuple[str, Any]]:
    """Go through named metrics, however they are nested."""
    if isinstance(given, Named):
        yield given.name, given.what
    elif isinstance(given, Mapping):
        for each in given.values():
            yield from leaves(each)
    elif given is not None:
        for each in given:
            yield from leaves(each)


@dataclass(frozen=True)
class Named:
    """A metric and the name under which a history keeps it."""

    name: str
    what: Any


def make_goal(optimizer: Any, loss: Any, loss_weights: Any = None, measured: Any = (), weighted: Any = None) -> Goal:
    """Look up what is named, and refuse what is neither a name nor a function.

    A learning rate that is a number becomes a shared variable, so that it can be changed while a compiled program runs.
    """
    if loss is None:
        raise ModelError(
            f"compile needs a loss. Known: {', '.join(sorted(losses.NAMED))}; or a function of (y_true, y_pred)"
        )
    for what, given in (("metrics", measured), ("weighted_metrics", weighted)):
        if not isinstance(given, (list, tuple, Mapping)) and given is not None:
            raise ModelError(f"Expected {what} to be a list. Received: {what}={given!r}; write {what}=[{given!r}]")
    found = [each_leaf(given, named_metric) for given in (measured, weighted)]
    chosen = optimizers.get(optimizer)
    chosen.hold_rate()
    return Goal(chosen, each_leaf(loss, one_loss), loss_weights, *found)


def each_leaf(given: Any, change: Callable[[Any], Any]) -> Any:
    """Change what stands in lists and dicts, and keep None."""
    if isinstance(given, Mapping):
        return {name: each_leaf(value, change) for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [each_leaf(value, change) for value in given]
    return None if given is None else change(given)


def one_loss(given: Any) -> Any:
    """Return the loss of a name, or what was given; a class with its defaults."""
    found = losses.get(given)
    return found() if isinstance(found, type) else found


def named_metric(given: Any) -> Named:
    """Return a metric with the name under which it is kept: the name it was given by, or its own."""
    found = metrics.get(given)
    if isinstance(given, str):
        return Named(given, found)
    own = found.name if isinstance(found, Metric) else getattr(found, "__name__", type(found).__name__)
    return Named(str(own), found)


def check_names(names: Sequence[str]) -> None:
    """Refuse two measures of one name."""
    for number, name in enumerate(names):
        if name in names[:number] or name == "loss":
            raise ModelError(
                f"Two measures are named {name!r}; give the metric another name, or the function another __name__"
            )
