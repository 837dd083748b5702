"""Layers of a network, found in its expressions: products with weight matrices, biases and activations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.graph.expr import Expr, Shared
from pellucid.graph.naming import LabelStripper
from pellucid.graph.traversal import topological


@dataclass(frozen=True)
class DenseLayer:
    """A fully connected layer: a = activation(x @ W + b)."""

    x: Expr
    weights: Shared
    bias: Shared | None
    preactivation: Expr
    output: Expr
    activation: str | None
    """Name of the op from the preactivation to the output; None for a linear layer."""
    output_name: str | None
    """Name of the output, if it has one."""

    @property
    def name(self) -> str:
        """Name of the output or, if it has none, of the weights."""
        return self.output_name or str(self.weights).removesuffix("/kernel")

    @property
    def units(self) -> int:
        return int(self.weights.storage.shape[1])

    def depends_on(self, leaf: Expr) -> bool:
        return leaf in set(topological([self.x]))


FINAL_ACTIVATIONS = ("softmax", "sigmoid")

ADDITIVE = ("add", "subtract", "negative", "reshape")
"""Ops that are linear, up to a constant, in all operands."""

SCALING = ("true_divide", "slice")
"""Ops that are linear in the first operand."""


def find_dense_layers(output: Expr) -> list[DenseLayer]:
    """Return the fully connected layers that an expression is computed from, the first one first.

    The output of a layer is the expression that the next layer multiplies. That of the last one is the expression or,
    if it has another shape, as a loss has, the softmax or sigmoid of the layer or its scores.
    """
    stripper = LabelStripper([output])
    [output] = stripper.outputs
    order = topological([output])
    products = [e for e in order if is_product_with_weights(e)]
    layers = []
    following = dict(itertools.pairwise(products))
    for product in products:
        sums = [e for e in order if e.op is not None and e.op.name == "add" and uses(e, product)]
        bias = next((i for e in sums[:1] for i in e.inputs if isinstance(i, Shared)), None)
        before = product if bias is None else sums[0]
        end = following[product].inputs[0] if product in following else find_end(before, output, order)
        weights = product.inputs[1]
        assert isinstance(weights, Shared)
        activation, output_name = find_activation(before, end), stripper.names.get(end)
        layers.append(DenseLayer(product.inputs[0], weights, bias, before, end, activation, output_name))
    return layers


def find_end(before: Expr, output: Expr, order: Sequence[Expr]) -> Expr:
    """Return the output of the last layer."""
    if output.shape == before.shape:
        return output
    found = (e for e in order if e.op is not None and e.op.name in FINAL_ACTIVATIONS and uses(e, before))
    return next(found, before)


def is_product_with_weights(e: Expr) -> bool:
    if e.op is None or e.op.name != "matmul":
        return False
    x, weights = e.inputs
    return isinstance(weights, Shared) and weights.ndim == 2 and x.ndim == 2


def uses(e: Expr, operand: Expr) -> bool:
    return any(i is operand for i in e.inputs)  # `in` would build comparisons


def find_activation(before: Expr, end: Expr) -> str | None:
    """Return the name of the op between two expressions; None if it is linear, ``"activation"`` for several ops."""
    if is_linear(before, end):
        return None
    name = end.op.name if end.op is not None and uses(end, before) else ""
    return "activation" if name in ("", *ADDITIVE, *SCALING, "multiply") else name


def is_linear(before: Expr, end: Expr) -> bool:
    """Whether an expression is computed from another one by linear functions, such as a change of the unit."""
    dependent = {id(before)}
    for e in topological([end]):
        if e.op is None or e is before:
            continue
        found = [id(i) in dependent for i in e.inputs]
        if any(found):
            dependent.add(id(e))
            name = e.op.name
            scales = (name in SCALING and not any(found[1:])) or (name == "multiply" and sum(found) == 1)
            if not (scales or name in ADDITIVE):
                return False
    return True


def find_hidden_layers(output: Expr) -> list[DenseLayer]:
    """Return the fully connected layers of an expression but for the last one."""
    return find_dense_layers(output)[:-1]


def is_chain(layers: Sequence[DenseLayer]) -> bool:
    """Whether each layer is computed from the one before."""
    return all(a.preactivation in set(topological([b.x])) for a, b in itertools.pairwise(layers))
