"""Queries on the graph of a network: users of an expression, cross-entropies, linear chains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.traversal import topological
from pellucid.typing import Array

PASS_THROUGH_OPS = frozenset(
    [
        "reshape",
        "reshape_like",
        "expand_dims",
        "squeeze",
        "cast",
        "attach_mask",
        "stop_gradient",
        "grad_barrier",
        "broadcast_like",
    ]
)
"""Ops that return their first input with another shape, dtype or gradient."""

LINEAR_OPS = PASS_THROUGH_OPS | {"dropout", "variable_dropout", "transpose", "slice"}
"""Linear ops without parameters."""

Values = Mapping[Expr, Array]


class CrossEntropyCall(NamedTuple):
    """A cross-entropy of predicted probabilities and labels."""

    kind: str  # "sparse", "categorical" or "binary"
    log: Expr  # the logarithm of the probabilities
    p: Expr  # the expression used as probabilities
    labels: Expr  # class indices, or target probabilities


class LintGraph:
    """A loss or predictions to check, with the known values of inputs."""

    values: dict[Expr, Array]

    outputs: list[Expr]

    def __init__(self, outputs: Sequence[Expr], values: Values | None = None) -> None:
        self.outputs, self.values = list(outputs), dict(values or {})
        self.order: list[Expr] = topological(outputs)
        self.users: dict[Expr, list[Expr]] = {}
        for e in self.order:
            for i in dict.fromkeys(e.inputs):
                self.users.setdefault(i, []).append(e)

    def find_ops(self, *names: str) -> Iterator[Expr]:
        return (e for e in self.order if is_op(e, *names))

    def is_used_only_by(self, e: Expr, user: Expr) -> bool:
        """Return whether another expression is the only user of this one, directly or through linear ops."""
        stack, is_used = [e], False
        while stack:
            for u in self.users.get(stack.pop(), []):
                if u is user:
                    is_used = True
                elif is_op(u, *LINEAR_OPS):
                    stack.append(u)
                else:
                    return False
        return is_used

    @cached_property
    def trainable(self) -> set[Expr]:
        """Expressions that depend on a trainable parameter."""
        found: set[Expr] = set()
        for e in self.order:
            if (isinstance(e, Shared) and e.trainable) or any(i in found for i in e.inputs):
                found.add(e)
        return found

    @cached_property
    def cross_entropies(self) -> list[CrossEntropyCall]:
        """Cross-entropies of trainable predictions and labels."""
        found = []
        for log in self.find_ops("log", "log_softmax"):
            if log not in self.trainable:
                continue
            p = log if is_op(log, "log_softmax") else log.inputs[0]
            inner = skip_pass_through(p)
            if is_op(inner, "take_along_axis", "gather") and inner.inputs[0] in self.trainable:
                found.append(CrossEntropyCall("sparse", log, skip_clipping(inner.inputs[0]), inner.inputs[1]))
            else:
                found += self.find_weighted_logs(log, skip_clipping(p))
        return found

    def find_weighted_logs(self, log: Expr, p: Expr) -> Iterator[CrossEntropyCall]:
        """Yield the products of a logarithm and labels."""
        for product in self.users.get(log, []):
            if not is_op(product, "multiply"):
                continue
            [labels] = [i for i in product.inputs if i is not log] or [log]
            if labels in self.trainable or not labels.ndim or isinstance(labels, Constant) or is_complement(p):
                continue
            if any(is_complement(skip_clipping(o.inputs[0]), p) for o in self.find_ops("log") if o in self.trainable):
                yield CrossEntropyCall("binary", log, p, labels)
            elif not self.is_poisson_rate(p, log):
                yield CrossEntropyCall("categorical", log, p, labels)

    def sums_over_classes(self, call: CrossEntropyCall) -> bool:
        """Return whether a cross-entropy is certainly one: it selects a class, or adds the classes of a sample up."""
        if call.kind != "categorical":
            return True
        products = [e for e in self.users.get(call.log, []) if is_op(e, "multiply")]
        sums = [e for product in products for e in self.users.get(product, []) if is_op(e, "sum")]
        return any(e.settings["axis"] in (-1, e.inputs[0].ndim - 1, (e.inputs[0].ndim - 1,)) for e in sums)

    def is_poisson_rate(self, p: Expr, log: Expr) -> bool:
        """Return whether the operand of a logarithm is also a term of a sum, as in the Poisson loss p - y log(p)."""
        return is_op(skip_pass_through(p), "exp", "softplus") or any(
            is_op(user, "add", "subtract") for user in self.users.get(p, []) if user is not log
        )


def is_op(e: Expr, *names: str) -> bool:
    return e.op is not None and e.op.name in names


def skip_pass_through(e: Expr, names: frozenset[str] = PASS_THROUGH_OPS) -> Expr:
    """Return the operand below ops that only pass their input through."""
    while e.op is not None and e.op.name in names:
        e = e.inputs[0]
    return e


def skip_clipping(e: Expr) -> Expr:
    """Return the operand below clipping and added constants, which keep a logarithm finite."""
    e = skip_pass_through(e)
    while is_op(e, "clip", "maximum", "minimum") or (
        is_op(e, "add") and any(isinstance(i, Constant) for i in e.inputs)
    ):
        e = skip_pass_through(next(i for i in e.inputs if not isinstance(i, Constant)))
    return e


def is_complement(e: Expr, of: Expr | None = None) -> bool:
    """Return whether an expression is 1 minus another."""
    is_difference = is_op(e, "subtract") and isinstance(e.inputs[0], Constant) and bool((e.inputs[0].value == 1).all())
    return is_difference and (of is None or skip_pass_through(e.inputs[1]) is skip_pass_through(of))


PROBABILITY_OPS = frozenset(["softmax", "sigmoid", "one_hot", "log_softmax"])
"""Ops whose values are probabilities or their logarithms."""

PROBABILITY_PRESERVING_OPS = frozenset(
    ["mean", "multiply", "take_along_axis", "gather", "slice", "join", "where", "minimum", "maximum"]
)
"""Ops that map probabilities to probabilities."""


def is_probability(e: Expr) -> bool:
    """Return whether all values are in [0, 1]: a softmax, a sigmoid, or means and products of them."""
    stack = [e]
    while stack:
        e = skip_pass_through(stack.pop())
        operands = [i for i in e.inputs if not isinstance(i, Constant) and i.dtype.kind not in "biu"]
        if e.op is None or e.op.name in PROBABILITY_OPS:
            continue
        if e.op.name in PROBABILITY_PRESERVING_OPS or is_op(e, "add"):
            stack += operands  # a sum is accepted: averages of probabilities are sums divided by a constant
        elif is_complement(e):
            stack.append(e.inputs[1])
        elif is_op(e, "exp") and is_op(skip_pass_through(e.inputs[0]), "log_softmax"):
            continue
        elif is_op(e, "true_divide") and (is_normalized_by_sum(e) or isinstance(e.inputs[1], Constant)):
            stack += [] if is_normalized_by_sum(e) else [e.inputs[0]]
        else:
            return False
    return True


def is_normalized_by_sum(e: Expr) -> bool:
    """Return whether a quotient divides an expression by its own sum."""
    part, total = e.inputs[0], skip_pass_through(e.inputs[1])
    if is_op(total, "add"):
        return any(skip_pass_through(i) is skip_pass_through(part) for i in total.inputs)
    return is_op(total, "sum") and skip_pass_through(total.inputs[0]) is skip_pass_through(part)


UNBOUNDED_ACTIVATIONS = frozenset(["relu", "leaky_relu", "tanh", "elu", "selu", "gelu", "silu", "softplus"])
"""Activations whose values may be negative or above 1."""


def is_layer_output(e: Expr) -> bool:
    """Return whether an expression is a product or convolution with a parameter, plus biases, in some activation."""
    while e.op is not None:
        if is_op(e, "matmul", "conv"):
            return isinstance(skip_pass_through(e.inputs[1]), Shared)
        if is_op(e, "add"):
            data = [i for i in e.inputs if not isinstance(skip_pass_through(i), (Shared, Constant))]
        else:
            data = [e.inputs[0]] if e.op.name in LINEAR_OPS | UNBOUNDED_ACTIVATIONS else []
        if len(data) != 1:
            return False
        [e] = data
    return False


def get_kernel(e: Expr) -> Shared | None:
    """Return the parameter matrix of a product, such as the kernel of a Dense layer, or None."""
    matrix = skip_pass_through(e.inputs[1]) if is_op(e, "matmul") else None
    return matrix if isinstance(matrix, Shared) and matrix.ndim == 2 else None


def find_linear_chain(e: Expr) -> list[Expr]:
    """Return the expressions from this one back to a product with a parameter matrix, or an empty list.

    In between, only linear ops and sums with parameters or constants are allowed.
    """
    chain = [e]
    while e.op is not None and get_kernel(e) is None:
        if is_op(e, "add"):
            others = [i for i in e.inputs if not isinstance(skip_pass_through(i), (Shared, Constant))]
        else:
            others = [e.inputs[0]] if e.op.name in LINEAR_OPS else []
        if len(others) != 1:
            return []
        [e] = others
        chain.append(e)
    return chain if e.op is not None else []
