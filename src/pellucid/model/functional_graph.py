"""The layers of a graph, found by walking it; and the same graph written again, on other inputs or of other layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.traversal import collect_shared, copy_name, rebuild
from pellucid.nn.layers import Layer
from pellucid.nn.layers.call_tracking import CallRecord


@dataclass(eq=False)
class CallNode:
    """A call of a layer at its place in a model.

    Attributes
    ----------
    call : Call
        The layer, and what it is called on.
    results : dict from int to Expr
        Those of its results that the model uses, by their places among all.
    """

    call: CallRecord
    results: dict[int, Expr] = field(default_factory=dict)

    @property
    def layer(self) -> Layer:
        """The layer."""
        layer: Layer = self.call.layer
        return layer

    @property
    def outputs(self) -> list[Expr]:
        """What it puts out, as far as it is used."""
        return [self.results[place] for place in sorted(self.results)]


@dataclass(eq=False)
class FunctionalGraph:
    """A graph from some inputs to some outputs as calls of layers, and what stands in between.

    Attributes
    ----------
    inputs, outputs : list of Expr
        Where it begins and ends.
    nodes : list of CallNode
        The calls, each after those that it builds on.
    free_variables : list of Shared
        Variables that stand in the graph outside of layers, but for states of random streams.
    differing : list of Layer or None
        The layers, however deep, that are another formula while they are frozen, once somebody has looked for them.
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"met": lambda: None, "differing": lambda: None}
    """What a file leaves out, for the rest tells it."""

    inputs: list[Expr]
    outputs: list[Expr]
    nodes: list[CallNode]
    free_variables: list[Shared]
    met: list[Shared] | None = field(default=None, init=False)
    differing: list[Layer] | None = field(default=None, init=False)

    @property
    def variables(self) -> list[Shared]:
        """All variables that the outputs depend on, for which the graph is walked once."""
        if self.met is None:
            self.met = collect_shared(self.outputs)
        return self.met

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once."""
        return list(dict.fromkeys(place.layer for place in self.nodes))

    def producers(self) -> dict[Expr, list[tuple[CallNode, int]]]:
        """Return by which calls each expression was written: by a layer, and by those that let it pass as it is."""
        found: dict[Expr, list[tuple[CallNode, int]]] = {}
        for place in self.nodes:
            for number, e in place.results.items():
                found.setdefault(e, []).append((place, number))
        return found

    def rebuild_on(
        self,
        inputs: Sequence[Expr],
        layer_for: Callable[[Layer], Layer] = lambda layer: layer,
        leaf_for: Callable[[Expr], Expr] = lambda leaf: leaf,
    ) -> list[Expr]:
        """Write the graph again: call its layers, or others in their places, on other inputs.

        Parameters
        ----------
        inputs : sequence of Expr
            In the place of the model's own.
        layer_for : function
            Which layer is called in the place of which.
        leaf_for : function
            What stands in the place of a variable outside of layers.

        Returns
        -------
        list of Expr
            The outputs.
        """
        writers = self.producers()
        done: dict[Expr, Expr] = {}
        results: dict[CallNode, Any] = {}
        given = dict(zip(self.inputs, inputs, strict=True))

        def replaced(value: Any) -> Any:
            if isinstance(value, Expr):
                return done[value]
            if isinstance(value, dict):
                return {key: replaced(part) for key, part in value.items()}
            return type(value)(map(replaced, value)) if isinstance(value, (list, tuple)) else value

        for e in iterate_in_order(
            self.outputs, lambda e: [] if e in given else get_dependencies(e, writers.get(e, []))
        ):
            calls = writers.get(e, [])
            if e in given:
                done[e] = given[e]
            elif not calls or is_passthrough(calls[0][0].call, e):
                new = rebuild(e, [done[i] for i in e.inputs]) if e.op is not None else leaf_for(e)
                done[e] = copy_name(e, new)
            for place, number in calls:
                if place not in results:
                    results[place] = layer_for(place.layer)(
                        replaced(place.call.inputs), **replaced(place.call.keywords)
                    )
                result = results[place]
                done[e] = copy_name(e, result if isinstance(result, Expr) else result[number])
        return [done[output] for output in self.outputs]


def is_passthrough(call: CallRecord, e: Expr) -> bool:
    """Tell whether a call let an expression pass as it is, as a dropout of rate 0 does."""
    return any(given is e for given in call.get_operands())


def get_dependencies(e: Expr, writers: Sequence[tuple[CallNode, int]]) -> list[Expr]:
    """Return what an expression is made of, where what a layer wrote is made of what that was called on."""
    given = [i for place, _ in writers for i in place.call.get_operands() if i is not e]
    written = any(not is_passthrough(place.call, e) for place, _ in writers)
    return given if written else [*e.inputs, *given]


def iterate_in_order(outputs: Sequence[Expr], before: Callable[[Expr], list[Expr]]) -> Iterator[Expr]:
    """Go through expressions, each after those that are said to come before it, without recursion."""
    done: set[Expr] = set()
    stack = list(outputs)[::-1]
    while stack:
        e = stack[-1]
        pending = [] if e in done else [i for i in before(e) if i not in done]
        if pending:
            stack.extend(pending[::-1])
            continue
        stack.pop()
        if e not in done:
            done.add(e)
            yield e


def trace_functional_graph(inputs: Sequence[Expr], outputs: Sequence[Expr], name: str) -> FunctionalGraph:
    """Find the layers between inputs and outputs.

    Parameters
    ----------
    inputs, outputs : sequence of Expr
        Where it begins and ends.
    name : str
        The model's, for messages.

    Raises
    ------
    ShapeError
        If an output depends on an input that is not among those given.
    """
    given = set(inputs)
    known: dict[tuple[int, ...], CallNode] = {}

    def chosen(e: Expr) -> list[tuple[CallNode, int]]:
        if e.call is None or e in given:
            return []
        return [(known.setdefault(e.call.key, CallNode(e.call.call)), e.call.index)]

    places: dict[CallNode, None] = {}
    loose: list[Shared] = []
    for e in iterate_in_order(outputs, lambda e: get_dependencies(e, chosen(e)) if e not in given else []):
        writers = chosen(e)
        for place, number in writers:
            place.results[number] = e
            places.setdefault(place)
        if isinstance(e, Input) and e not in given:
            raise ShapeError(
                f"{name}: its outputs depend on {brief(e)}, which is none of its inputs, {', '.join(map(str, inputs))}"
            ).with_operands([e])
        if isinstance(e, Shared) and e.default_update is None and not writers:
            loose.append(e)
    return FunctionalGraph(list(inputs), list(outputs), list(places), loose)


def flatten_structure(value: Any, name: str, what: str) -> tuple[list[Expr], Any]:
    """Return one expression, or a list or dict of them, as a list, and the form in which they were given."""
    if isinstance(value, Expr):
        return [value], None
    found = list(value.values()) if isinstance(value, Mapping) else list(value) if is_sequence(value) else [value]
    wrong = next((e for e in found if not isinstance(e, Expr)), None)
    if wrong is not None or not found:
        raise UseError(
            f"{name}: expected {what} to be an expression, or a list or a dict of them. Received: "
            f"{wrong if found else value!r}"
        )
    return found, tuple(value) if isinstance(value, Mapping) else len(found)


def is_sequence(value: Any) -> bool:
    """Tell whether a value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def unflatten_structure(values: Sequence[Any], form: Any) -> Any:
    """Return values in the form in which expressions were given: alone, in a list, or in a dict."""
    if form is None:
        return values[0]
    return dict(zip(form, values, strict=True)) if isinstance(form, tuple) else list(values)
