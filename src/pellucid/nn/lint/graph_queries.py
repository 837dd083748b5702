"""What the linter asks of a graph: what depends on what, what a crossentropy is of, where a chain is linear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pellucid.graph.expr import Constant, Expr, Shared
from pellucid.graph.traversal import topological

TRANSPARENT = frozenset(
    ["reshape", "reshape_like", "expand_dims", "squeeze", "cast", "masked", "stop_gradient", "hold", "broadcast_like"]
)
"""Ops that hand on what they are given in another form."""

LINEAR = TRANSPARENT | {"dropout", "transpose", "slice"}
"""Ops that leave a chain linear, beside products with parameters and sums."""


Array = np.ndarray[Any, Any]
Values = Mapping[Expr, Array]


class Crossentropy(NamedTuple):
    """A place where the logarithm of predicted probabilities meets labels.

    Attributes
    ----------
    kind : str
        ``"sparse"``, ``"categorical"`` or ``"binary"``.
    log : Expr
        The logarithm.
    p : Expr
        What is taken for probabilities.
    labels : Expr
        What says which of them should be 1.
    """

    kind: str
    log: Expr
    p: Expr
    labels: Expr


class Graph:
    """A loss or prediction, as the checks see it, with what is known of the values of inputs."""

    def __init__(self, outputs: Sequence[Expr], values: Values | None = None) -> None:
        self.outputs, self.values = list(outputs), dict(values or {})
        self.order = topological(outputs)
        self.users: dict[Expr, list[Expr]] = {}
        for e in self.order:
            for i in dict.fromkeys(e.inputs):
                self.users.setdefault(i, []).append(e)

    def ops(self, *names: str) -> Iterator[Expr]:
        """Return the expressions of some ops."""
        return (e for e in self.order if is_op(e, *names))

    def only_for(self, e: Expr, user: Expr) -> bool:
        """Tell whether an expression is used for another alone, in whatever form."""
        waiting, reached = [e], False
        while waiting:
            for u in self.users.get(waiting.pop(), []):
                if u is not user and not (u.op is not None and u.op.name in LINEAR):
                    return False
                reached = reached or u is user
                waiting += [] if u is user else [u]
        return reached

    @cached_property
    def learned(self) -> set[Expr]:
        """What depends on a parameter that training changes."""
        found: set[Expr] = set()
        for e in self.order:
            if (isinstance(e, Shared) and e.trainable) or any(i in found for i in e.inputs):
                found.add(e)
        return found

    @cached_property
    def crossentropies(self) -> list[Crossentropy]:
        """Every place where the logarithm of what is learned meets labels."""
        found = []
        for log in self.ops("log", "log_softmax"):
            if log not in self.learned:
                continue
            p = log if is_op(log, "log_softmax") else log.inputs[0]
            inner = through(p)
            chosen = is_op(inner, "take_along_axis", "gather") and inner.inputs[0] in self.learned
            if chosen:
                found.append(Crossentropy("sparse", log, probabilities(inner.inputs[0]), inner.inputs[1]))
            else:
                found += self.weighted(log, probabilities(p))
        return found

    def weighted(self, log: Expr, p: Expr) -> Iterator[Crossentropy]:
        """Find where a logarithm is multiplied by labels and summed."""
        for product in self.users.get(log, []):
            if not is_op(product, "multiply"):
                continue
            [labels] = [i for i in product.inputs if i is not log] or [log]
            if labels in self.learned or not labels.ndim or isinstance(labels, Constant) or is_complement(p):
                continue
            if any(is_complement(probabilities(o.inputs[0]), p) for o in self.ops("log") if o in self.learned):
                yield Crossentropy("binary", log, p, labels)
            elif not self.is_rate(p, log):
                yield Crossentropy("categorical", log, p, labels)

    def is_rate(self, p: Expr, log: Expr) -> bool:
        """Tell whether what stands in a logarithm is also added by itself, as the rate of a Poisson loss is."""
        return is_op(through(p), "exp", "softplus") or any(
            is_op(user, "add", "subtract") for user in self.users.get(p, []) if user is not log
        )


def is_op(e: Expr, *names: str) -> bool:
    """Tell whether an expression is one of some ops."""
    return e.op is not None and e.op.name in names


def through(e: Expr, names: frozenset[str] = TRANSPARENT) -> Expr:
    """Return what an expression hands on in another form."""
    while e.op is not None and e.op.name in names:
        e = e.inputs[0]
    return e


def probabilities(e: Expr) -> Expr:
    """Return what is clipped, or kept from 0 by a small number, on its way into a logarithm."""
    e = through(e)
    while is_op(e, "clip", "maximum", "minimum") or (
        is_op(e, "add") and any(isinstance(i, Constant) for i in e.inputs)
    ):
        e = through(next(i for i in e.inputs if not isinstance(i, Constant)))
    return e


def is_complement(e: Expr, of: Expr | None = None) -> bool:
    """Tell whether an expression is 1 less another."""
    whole = is_op(e, "subtract") and isinstance(e.inputs[0], Constant) and bool((e.inputs[0].value == 1).all())
    return whole and (of is None or through(e.inputs[1]) is through(of))


BETWEEN = frozenset(["softmax", "sigmoid", "hard_sigmoid", "one_hot", "log_softmax", "log_sigmoid"])
"""Ops whose values lie between 0 and 1, or are the logarithms of such."""

KEEPS_BETWEEN = frozenset(
    ["mean", "multiply", "take_along_axis", "gather", "slice", "join", "where", "minimum", "maximum"]
)
"""Ops that make what lies between 0 and 1 of what does."""


def is_probability(e: Expr) -> bool:
    """Tell whether an expression lies between 0 and 1: a softmax, a sigmoid, what means and products make of them."""
    waiting = [e]
    while waiting:
        e = through(waiting.pop())
        real = [i for i in e.inputs if not isinstance(i, Constant) and i.dtype.kind not in "biu"]
        if e.op is None or e.op.name in BETWEEN:
            continue
        if e.op.name in KEEPS_BETWEEN or is_op(e, "add"):
            waiting += real
        elif is_complement(e):
            waiting.append(e.inputs[1])
        elif is_op(e, "exp") and is_op(through(e.inputs[0]), "log_softmax", "log_sigmoid"):
            continue
        elif is_op(e, "true_divide") and (is_share(e) or isinstance(e.inputs[1], Constant)):
            waiting += [] if is_share(e) else [e.inputs[0]]
        else:
            return False
    return True


def is_share(e: Expr) -> bool:
    """Tell whether a quotient divides something by its own sum."""
    part, whole = e.inputs[0], through(e.inputs[1])
    if is_op(whole, "add"):
        return any(through(i) is through(part) for i in whole.inputs)
    return is_op(whole, "sum") and through(whole.inputs[0]) is through(part)


def kernel(e: Expr) -> Shared | None:
    """Return the matrix of parameters that a product is with, as that of a Dense is, or None for anything else."""
    matrix = through(e.inputs[1]) if is_op(e, "matmul") else None
    return matrix if isinstance(matrix, Shared) and matrix.ndim == 2 else None


def linear_chain(e: Expr) -> list[Expr]:
    """Return what leads back from an expression to a product with a matrix of parameters, the product last.

    Only sums with parameters and changes of form stand in between; it is empty where there is no such product.
    """
    chain = [e]
    while e.op is not None and kernel(e) is None:
        if is_op(e, "add"):
            others = [i for i in e.inputs if not isinstance(through(i), (Shared, Constant))]
        else:
            others = [e.inputs[0]] if e.op.name in LINEAR else []
        if len(others) != 1:
            return []
        [e] = others
        chain.append(e)
    return chain if e.op is not None else []
