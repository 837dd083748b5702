"""The layers of a graph, found by walking it; and the same graph written again, on other inputs or of other layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.traversal import named_like, rebuild, shared_of
from pellucid.nn.layers import Layer
from pellucid.nn.layers.call_tracking import Call


@dataclass(eq=False)
class Place:
    """A call of a layer at its place in a model.

    Attributes
    ----------
    call : Call
        The layer, and what it is called on.
    made : dict from int to Expr
        Those of its results that the model uses, by their places among all.
    """

    call: Call
    made: dict[int, Expr] = field(default_factory=dict)

    @property
    def layer(self) -> Layer:
        """The layer."""
        layer: Layer = self.call.layer
        return layer

    @property
    def outputs(self) -> list[Expr]:
        """What it puts out, as far as it is used."""
        return [self.made[place] for place in sorted(self.made)]


@dataclass(eq=False)
class Connections:
    """A graph from some inputs to some outputs as calls of layers, and what stands in between.

    Attributes
    ----------
    inputs, outputs : list of Expr
        Where it begins and ends.
    places : list of Place
        The calls, each after those that it builds on.
    loose : list of Shared
        Variables that stand in the graph outside of layers, but for states of random streams.
    differing : list of Layer or None
        The layers, however deep, that are another formula while they are frozen, once somebody has looked for them.
    """

    unsaved: ClassVar[Mapping[str, Callable[[], Any]]] = {"met": lambda: None, "differing": lambda: None}
    """What a file leaves out, for the rest tells it."""

    inputs: list[Expr]
    outputs: list[Expr]
    places: list[Place]
    loose: list[Shared]
    met: list[Shared] | None = field(default=None, init=False)
    differing: list[Layer] | None = field(default=None, init=False)

    @property
    def variables(self) -> list[Shared]:
        """All variables that the outputs depend on, for which the graph is walked once."""
        if self.met is None:
            self.met = shared_of(self.outputs)
        return self.met

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once."""
        return list(dict.fromkeys(place.layer for place in self.places))

    def writers(self) -> dict[Expr, list[tuple[Place, int]]]:
        """Return by which calls each expression was written: by a layer, and by those that let it pass as it is."""
        found: dict[Expr, list[tuple[Place, int]]] = {}
        for place in self.places:
            for number, e in place.made.items():
                found.setdefault(e, []).append((place, number))
        return found

    def written_on(
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
        writers = self.writers()
        done: dict[Expr, Expr] = {}
        results: dict[Place, Any] = {}
        given = dict(zip(self.inputs, inputs, strict=True))

        def replaced(value: Any) -> Any:
            if isinstance(value, Expr):
                return done[value]
            if isinstance(value, dict):
                return {key: replaced(part) for key, part in value.items()}
            return type(value)(map(replaced, value)) if isinstance(value, (list, tuple)) else value

        for e in in_order(self.outputs, lambda e: [] if e in given else made_of(e, writers.get(e, []))):
            calls = writers.get(e, [])
            if e in given:
                done[e] = given[e]
            elif not calls or passes(calls[0][0].call, e):
                new = rebuild(e, [done[i] for i in e.inputs]) if e.op is not None else leaf_for(e)
                done[e] = named_like(e, new)
            for place, number in calls:
                if place not in results:
                    results[place] = layer_for(place.layer)(replaced(place.call.inputs), **replaced(place.call.named))
                result = results[place]
                done[e] = result if isinstance(result, Expr) else result[number]
        return [done[output] for output in self.outputs]


def passes(call: Call, e: Expr) -> bool:
    """Tell whether a call let an expression pass as it is, as a dropout of rate 0 does."""
    return any(given is e for given in call.given())


def made_of(e: Expr, writers: Sequence[tuple[Place, int]]) -> list[Expr]:
    """Return what an expression is made of, where what a layer wrote is made of what that was called on."""
    given = [i for place, _ in writers for i in place.call.given() if i is not e]
    written = any(not passes(place.call, e) for place, _ in writers)
    return given if written else [*e.inputs, *given]


def in_order(outputs: Sequence[Expr], before: Callable[[Expr], list[Expr]]) -> Iterator[Expr]:
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


def connections_of(inputs: Sequence[Expr], outputs: Sequence[Expr], name: str) -> Connections:
    """Find the layers between inputs and outputs.

    Where several layers wrote the same expression, which is the case for those without parameters, the last one counts.

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
    known: dict[Call, Place] = {}

    def chosen(e: Expr) -> list[tuple[Place, int]]:
        writing = [] if e in given else [c for c in e.calls if not passes(c[0], e)][-1:]
        passing = [c for c in e.calls if passes(c[0], e)]
        return [(known.setdefault(call, Place(call)), number) for call, number in (*writing, *passing)]

    places: dict[Place, None] = {}
    loose: list[Shared] = []
    for e in in_order(outputs, lambda e: made_of(e, chosen(e)) if e not in given else []):
        writers = chosen(e)
        for place, number in writers:
            place.made[number] = e
            places.setdefault(place)
        if isinstance(e, Input) and e not in given:
            raise ShapeError(
                f"{name}: its outputs depend on {brief(e)}, which is none of its inputs, {', '.join(map(str, inputs))}"
            ).about([e])
        if isinstance(e, Shared) and e.default_update is None and not writers:
            loose.append(e)
    return Connections(list(inputs), list(outputs), list(places), loose)


def structure(value: Any, name: str, what: str) -> tuple[list[Expr], Any]:
    """Return one expression, or a list or dict of them, as a list, and the form in which they were given."""
    if isinstance(value, Expr):
        return [value], None
    found = list(value.values()) if isinstance(value, Mapping) else list(value) if is_listed(value) else [value]
    wrong = next((e for e in found if not isinstance(e, Expr)), None)
    if wrong is not None or not found:
        raise UseError(
            f"{name}: expected {what} to be an expression, or a list or a dict of them. Received: "
            f"{wrong if found else value!r}"
        )
    return found, tuple(value) if isinstance(value, Mapping) else len(found)


def is_listed(value: Any) -> bool:
    """Tell whether a value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def as_given(values: Sequence[Any], form: Any) -> Any:
    """Return values in the form in which expressions were given: alone, in a list, or in a dict."""
    if form is None:
        return values[0]
    return dict(zip(form, values, strict=True)) if isinstance(form, tuple) else list(values)
