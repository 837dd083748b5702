"""Functional graphs: the layer calls between the inputs and outputs of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from pellucid.graph.errors import ShapeError, UseError, brief
from pellucid.graph.expr import Expr, Input, Shared
from pellucid.graph.traversal import collect_shared, copy_name, rebuild
from pellucid.model.errors import ModelError
from pellucid.nn.layers import Layer
from pellucid.nn.layers.call_tracking import CallRecord

Structure: TypeAlias = int | tuple[str, ...] | None
"""Structure of inputs or outputs: None for one, the length of a list, or the keys of a dict."""

Expressions: TypeAlias = Expr | Sequence[Expr] | Mapping[str, Expr]
"""Inputs or outputs of a model."""


@dataclass(eq=False)
class CallNode:
    """One call of a layer in a model; ``results`` holds the results that the model uses, by index."""

    call: CallRecord
    results: dict[int, Expr] = field(default_factory=dict)

    @property
    def layer(self) -> Layer:
        layer: Layer = self.call.layer
        return layer

    @property
    def outputs(self) -> list[Expr]:
        """The results that the model uses."""
        return [self.results[index] for index in sorted(self.results)]


@dataclass(eq=False)
class FunctionalGraph:
    """The layer calls between inputs and outputs, and the operations between them."""

    unsaved: ClassVar[Mapping[str, Callable[[], object]]] = {
        "cached_variables": lambda: None,
        "frozen_dependent": lambda: None,
        "cached_index_search": lambda: None,
    }
    """Attributes that files leave out because they follow from the others."""

    inputs: list[Expr]
    outputs: list[Expr]
    nodes: list[CallNode]  # in topological order
    free_variables: list[Shared]  # outside of layers, without the states of random streams
    cached_variables: list[Shared] | None = field(default=None, init=False)
    # Layers at any depth that compute something else while frozen; None until `Model` collects them.
    frozen_dependent: list[Layer] | None = field(default=None, init=False)
    cached_index_search: Any = field(default=None, init=False)  # the index ranges of inputs, which training finds

    @property
    def variables(self) -> list[Shared]:
        """All variables that the outputs depend on."""
        if self.cached_variables is None:
            self.cached_variables = collect_shared(self.outputs)
        return self.cached_variables

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once."""
        return list(dict.fromkeys(node.layer for node in self.nodes))

    def producers(self) -> dict[Expr, list[tuple[CallNode, int]]]:
        """Return the calls that returned each expression, with the index of the result."""
        found: dict[Expr, list[tuple[CallNode, int]]] = {}
        for node in self.nodes:
            for index, e in node.results.items():
                found.setdefault(e, []).append((node, index))
        return found

    def rebuild_on(
        self,
        inputs: Sequence[Expr],
        layer_for: Callable[[Layer], Layer] = lambda layer: layer,
        leaf_for: Callable[[Expr], Expr] = lambda leaf: leaf,
    ) -> list[Expr]:
        """Return the outputs for other inputs, calling the layers again.

        ``layer_for`` and ``leaf_for`` may replace layers, and variables outside of layers.
        """
        producers = self.producers()
        done: dict[Expr, Expr] = {}
        results: dict[CallNode, Any] = {}
        replacements = dict(zip(self.inputs, inputs, strict=True))

        def get_operands(e: Expr) -> list[Expr]:
            return [] if e in replacements else get_dependencies(e, producers.get(e, []))

        for e in iterate_in_order(self.outputs, get_operands):
            calls = producers.get(e, [])
            if e in replacements:
                done[e] = replacements[e]
            elif not calls or is_passthrough(calls[0][0].call, e):
                new = rebuild(e, [done[i] for i in e.inputs]) if e.op is not None else leaf_for(e)
                done[e] = copy_name(e, new)
            for node, index in calls:
                if node not in results:
                    arguments, keywords = map_expressions((node.call.inputs, node.call.keywords), done.__getitem__)
                    results[node] = layer_for(node.layer)(arguments, **keywords)
                result = results[node]
                done[e] = copy_name(e, result if isinstance(result, Expr) else result[index])
        return [done[output] for output in self.outputs]


def is_passthrough(call: CallRecord, e: Expr) -> bool:
    """Whether a call returned one of its operands unchanged, as a dropout of rate 0 does."""
    return any(operand is e for operand in call.get_operands())


def get_dependencies(e: Expr, producers: Sequence[tuple[CallNode, int]]) -> list[Expr]:
    """Return the expressions that must come before another: operands of the layer that computed it, or its inputs."""
    operands = [i for node, _ in producers for i in node.call.get_operands() if i is not e]
    is_computed = any(not is_passthrough(node.call, e) for node, _ in producers)
    return operands if is_computed else [*e.inputs, *operands]


def iterate_in_order(outputs: Sequence[Expr], get_operands: Callable[[Expr], list[Expr]]) -> Iterator[Expr]:
    """Yield expressions in topological order, without recursion.

    Raises
    ------
    ModelError
        For a cycle, which layer calls in a damaged file may form.
    """
    done: set[Expr] = set()
    entered: set[Expr] = set()
    stack = list(outputs)[::-1]
    while stack:
        e = stack[-1]
        pending = [] if e in done else [i for i in get_operands(e) if i not in done]
        if pending:
            if e in entered:
                raise ModelError(f"The layer calls form a cycle through {brief(e)}")
            entered.add(e)
            stack.extend(pending[::-1])
            continue
        stack.pop()
        if e not in done:
            done.add(e)
            yield e


def trace_functional_graph(inputs: Sequence[Expr], outputs: Sequence[Expr], name: str) -> FunctionalGraph:
    """Find the layers between inputs and outputs; ``name`` is that of the model."""
    given = set(inputs)
    known: dict[tuple[int, ...], CallNode] = {}

    def find_producers(e: Expr) -> list[tuple[CallNode, int]]:
        if e.call is None or e in given:
            return []
        return [(known.setdefault(e.call.key, CallNode(e.call.call)), e.call.index)]

    def get_operands(e: Expr) -> list[Expr]:
        return [] if e in given else get_dependencies(e, find_producers(e))

    nodes: dict[CallNode, None] = {}
    free_variables: list[Shared] = []
    for e in iterate_in_order(outputs, get_operands):
        producers = find_producers(e)
        for node, index in producers:
            node.results[index] = e
            nodes.setdefault(node)
        if isinstance(e, Input) and e not in given:
            raise ShapeError(
                f"{name}: the outputs depend on {brief(e)}, which is not among the inputs {', '.join(map(str, inputs))}"
            ).with_operands([e])
        if isinstance(e, Shared) and e.default_update is None and not producers:
            free_variables.append(e)
    return FunctionalGraph(list(inputs), list(outputs), list(nodes), free_variables)


def clone_functional(graph: FunctionalGraph, layer_for: Callable[[Layer], Layer]) -> tuple[list[Input], list[Expr]]:
    """Return inputs and outputs of a copy of a graph, with copies of the variables outside of layers."""
    variables: dict[Expr, Expr] = {p: clone_shared(p) for p in graph.free_variables}
    owners: dict[Expr, tuple[Layer, int]] = {
        p: (layer, i) for layer in graph.layers for i, p in enumerate(layer.parameters)
    }
    inputs = [clone_input(e) for e in graph.inputs]

    def leaf_for(leaf: Expr) -> Expr:
        if leaf in owners:  # a parameter that is also used outside of its layer
            layer, index = owners[leaf]
            parameters = layer_for(layer).parameters
            return parameters[index] if parameters else leaf
        return variables.get(leaf, leaf)

    outputs = graph.rebuild_on(inputs, layer_for, leaf_for)
    if any(p in owners for p in graph.free_variables):
        # A parameter may be used before its layer is called; only now do all layers have their parameters.
        outputs = graph.rebuild_on(inputs, layer_for, leaf_for)
    return inputs, outputs


def clone_input(e: Expr) -> Input:
    return Input(e.name, e.shape, e.dtype)


def clone_shared(p: Shared) -> Shared:
    copy = Shared(p.get_value(), p.name, trainable=p.trainable, regularizable=p.regularizable)
    copy.constraint = p.constraint
    return copy


def map_expressions(value: Any, function: Callable[[Expr], Expr]) -> Any:
    """Apply a function to the expressions in nested lists, tuples and dictionaries."""
    if isinstance(value, Expr):
        return function(value)
    if isinstance(value, dict):
        return {map_expressions(key, function): map_expressions(part, function) for key, part in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    parts = [map_expressions(part, function) for part in value]
    kind = type(value)
    return kind._make(parts) if hasattr(kind, "_make") else kind(parts)  # named tuples have _make


def flatten_structure(value: Expressions, name: str, argument: str) -> tuple[list[Expr], Structure]:
    """Return an expression, or a list or dict of them, as a list, and its structure: None, a length, or the keys."""
    if isinstance(value, Expr):
        return [value], None
    found: list[Any] = (
        list(value.values())
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, (list, tuple))
        else [value]
    )
    wrong = next((e for e in found if not isinstance(e, Expr)), None)
    if wrong is not None or not found:
        raise UseError(
            f"{name}: expected {argument} to be an expression, or a list or a dict of them. Received: "
            f"{wrong if found else value!r}{explain_no_expression(wrong)}"
        )
    return found, tuple(value) if isinstance(value, Mapping) else len(found)


def explain_no_expression(value: object) -> str:
    """Return how to get an expression where a layer or data were given."""
    if isinstance(value, Layer):
        return "; call the layer, as in layer(x)"
    return "; nn.Input(shape) makes an input, and fit takes the data" if isinstance(value, np.ndarray) else ""


def unflatten_structure(values: Sequence[Any], structure: Structure) -> Any:
    """Return values in a structure of `flatten_structure`."""
    if structure is None:
        return values[0]
    return dict(zip(structure, values, strict=True)) if isinstance(structure, tuple) else list(values)
