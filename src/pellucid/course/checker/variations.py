"""Variations of a formula: what it would be with one mistake.

Each function of `VARIATIONS` yields the variations of one kind of node. A variation computes the value of its node
from the values of the node's operands, so two variations can be combined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.course.checker.formula_graph import FormulaGraph, Node, add_terms, multiply_factors
from pellucid.course.checker.slopes import ACTIVATIONS, Slope, find_slopes

Array = np.ndarray[Any, Any]


@dataclass(eq=False, frozen=True)
class Variation:
    """One mistake at one node.

    Attributes
    ----------
    node : Node
        Where it is.
    kind : str
        What it is, a name of `messages.MESSAGES`.
    make : callable
        The node's value with the mistake, from the values of its operands and its true value.
    cost : float
        Rank among variations with the same result; small for common and simple mistakes.
    details : dict
        What the message mentions.
    """

    node: Node
    kind: str
    make: Callable[[tuple[Array, ...], Array], Array]
    cost: float = 1.0
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What variations of one formula need to know.

    Attributes
    ----------
    graph : FormulaGraph
    letters : mapping from str to array
        All letters and their values.
    sizes : mapping from str to int
        Sizes of axes, by a name such as "n" or "the number of columns".
    scalars : mapping from str to float
        Letters and constants that are numbers, such as the regularization strength.
    biases : tuple of str
        Letters that are biases.
    functions : mapping from str to str
        Letters that are the result of a function, and its name, such as a1 and tanh.
    """

    graph: FormulaGraph
    letters: Mapping[str, Array]
    sizes: Mapping[str, int]
    scalars: Mapping[str, Array]
    biases: tuple[str, ...]
    functions: Mapping[str, str]


def vary_sum(node: Node, around: Surroundings) -> Iterator[Variation]:
    signs = node.signs
    for i, term in enumerate(node.operands):
        if len(signs) > 1:
            yield Variation(node, "missing term", lambda v, _, i=i: drop_term(signs, v, i), 1.0, {"term": i})
            flipped = tuple(-s if j == i else s for j, s in enumerate(signs))
            yield Variation(node, "sign of term", lambda v, _, f=flipped: add_terms(f, v), 1.0, {"term": i})
            for name, factor in list_factors(around):
                yield Variation(
                    node,
                    "factor of term",
                    lambda v, true, i=i, c=factor: true + (c - 1) * signs[i] * v[i],
                    1.0 + rank_factor(name),
                    {"term": i, "factor": name},
                )
        if len(signs) > 1 and term.kind == "constant":
            yield Variation(
                node, "constant missing", lambda v, _, i=i: np.abs(drop_term(signs, v, i)), 1.6, {"term": i}
            )
        if len(signs) == 2:
            yield Variation(node, "only term", lambda v, _, i=i: v[i], 1.2, {"term": i})
    if signs == (-1,):
        yield Variation(node, "sign of term", lambda v, _: v[0], 0.9, {"term": 0})
    for i, term in enumerate(node.operands):
        if term.kind == "matmul":
            yield from vary_place_of_term(node, i, around)
    if len(signs) == 2:
        yield Variation(node, "product for sum", lambda v, _: v[0] * v[1], 1.5)
        if -1 in signs:
            minus = signs.index(-1)
            yield Variation(node, "quotient for difference", lambda v, _: -v[minus] / v[1 - minus], 1.6)
            yield Variation(node, "absolute difference", lambda _, true: np.abs(true), 1.8)


def vary_place_of_term(node: Node, i: int, around: Surroundings) -> Iterator[Variation]:
    """Yield a matrix product with another term added to one of its operands, as in ``X @ (W + b)``."""
    left, right = (around.graph.base[o] for o in node.operands[i].operands)
    for j, sign in enumerate(node.signs):
        if j == i or node.signs[i] < 0:
            continue
        for side, product in (
            (1, lambda term, sign=sign: left @ (right + sign * term)),
            (0, lambda term, sign=sign: (left + sign * term) @ right),
        ):
            yield Variation(
                node,
                "term inside product",
                lambda v, true, j=j, s=sign, f=product: true - s * v[j] - v[i] + f(v[j]),
                1.3,
                {"term": j, "product": i, "side": side},
            )


def drop_term(signs: tuple[int, ...], values: tuple[Array, ...], i: int) -> Array:
    return add_terms(signs[:i] + signs[i + 1 :], values[:i] + values[i + 1 :])


def vary_product(node: Node, around: Surroundings) -> Iterator[Variation]:
    signs = node.signs
    for i in range(len(signs)):
        if len(signs) > 1:
            yield Variation(
                node,
                "missing factor",
                lambda v, _, i=i: multiply_factors(signs[:i] + signs[i + 1 :], v[:i] + v[i + 1 :]),
                1.0,
                {"factor": i},
            )
        inverted = tuple(-s if j == i else s for j, s in enumerate(signs))
        yield Variation(node, "inverted factor", lambda v, _, f=inverted: multiply_factors(f, v), 1.3, {"factor": i})
        if node.operands[i].kind != "constant":
            yield Variation(node, "factor twice", lambda v, true, i=i: true * v[i] ** signs[i], 1.4, {"factor": i})
    yield from vary_slope_factors(node, around)
    if len(signs) == 2:
        for sign, kind in ((1, "sum for product"), (-1, "difference for product")):
            yield Variation(node, kind, lambda v, _, s=sign: v[0] + s * v[1], 1.6)
        yield Variation(node, "matmul for product", lambda v, _: v[0] @ v[1], 1.5)
    for i in range(len(signs)):
        yield Variation(node, "only factor", lambda v, _, i=i: v[i], 1.7, {"factor": i})


def vary_slope_factors(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield wrong forms of a derivative that is two factors of a longer product, such as ``a * (1 - a)``."""
    base, signs = around.graph.base, node.signs
    pairs = [(i, j) for i in range(len(signs)) for j in range(i) if signs[i] > 0 and signs[j] > 0]
    for slope in find_slopes(around):
        for i, j in pairs if len(signs) > 2 else []:
            product = base[node.operands[i]] * base[node.operands[j]]
            if product.shape != slope.value.shape or not np.allclose(product, slope.value):
                continue
            rest = [k for k in range(len(signs)) if k not in (i, j)]

            def multiply_rest(v: tuple[Array, ...], rest: list[int] = rest) -> Array:
                return multiply_factors([signs[k] for k in rest], [v[k] for k in rest])

            yield Variation(node, "missing slope", lambda v, _, f=multiply_rest: f(v), 0.9, {"slope": slope})
            for form in slope.wrong_forms:
                yield Variation(
                    node,
                    "wrong slope",
                    lambda v, _, f=multiply_rest, x=form.value: f(v) * x,
                    form.cost,
                    {"slope": slope, "form": form},
                )


def vary_power(node: Node, around: Surroundings) -> Iterator[Variation]:
    yield Variation(node, "missing power", lambda v, _: v[0], 0.9)
    yield Variation(node, "derivative of power", lambda v, _: v[1] * v[0] ** (v[1] - 1), 1.4)
    yield Variation(node, "product for power", lambda v, _: v[0] * v[1], 1.4)
    yield Variation(node, "absolute value for power", lambda v, _: np.abs(v[0]), 1.4)
    for change in (1, -2, 2):
        yield Variation(node, "wrong exponent", lambda v, _, c=change: v[0] ** (v[1] + c), 1.6, {"by": change})


def vary_function(node: Node, around: Surroundings) -> Iterator[Variation]:
    if node.name in ("softmax", "log_softmax"):
        yield from vary_softmax(node)
        return
    yield Variation(node, "missing function", lambda v, _: v[0], 1.0)
    yield Variation(node, "function twice", lambda v, true: np.asarray(node.compute(true)), 1.3)
    yield from vary_terms_of_operand(node, around)
    for name, activation in ACTIVATIONS.items():
        if name != node.name:
            yield Variation(node, "other function", lambda v, _, f=activation: f.value(v[0]), 1.4, {"function": name})
    if node.name in ACTIVATIONS:
        slope = ACTIVATIONS[node.name].slope
        yield Variation(node, "slope for function", lambda v, true: slope(true, v[0]), 1.5)
    for kind, operand in (("sign of operand", -1.0), ("factor of operand", 2.0), ("factor of operand", 0.5)):
        factor = "2" if operand == 2 else "1/2"
        yield Variation(node, kind, lambda v, _, c=operand: np.asarray(node.compute(c * v[0])), 1.5, {"factor": factor})


def vary_terms_of_operand(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield a function with a term of its operand outside of it, as in ``tanh(X @ W) + b``."""
    operand = node.operands[0]
    if operand.kind != "sum" or len(operand.signs) < 2:
        return
    for i, sign in enumerate(operand.signs):
        term = sign * around.graph.base[operand.operands[i]]
        yield Variation(
            node, "term outside function", lambda v, _, t=term: node.compute(v[0] - t) + t, 1.3, {"term": i}
        )


def vary_softmax(node: Node) -> Iterator[Variation]:
    axis = node.settings.get("axis", -1)
    is_log = node.name == "log_softmax"
    wrap = np.log if is_log else np.asarray
    yield Variation(node, "missing function", lambda v, _: v[0], 1.0)
    yield Variation(node, "softmax axis", lambda v, _: wrap(compute_softmax(v[0], other_axis(v[0], axis))), 1.0)
    yield Variation(node, "softmax over all", lambda v, _: wrap(compute_softmax(v[0], None)), 1.1)
    yield Variation(node, "unnormalized softmax", lambda v, _: wrap(np.exp(v[0])), 1.0)
    yield Variation(node, "logistic for softmax", lambda v, _: wrap(1 / (1 + np.exp(-v[0]))), 1.0)
    yield Variation(node, "softmax without exp", lambda v, _: wrap(v[0] / v[0].sum(axis=axis, keepdims=True)), 1.1)
    yield Variation(node, "sign of operand", lambda v, _: np.asarray(node.compute(-v[0])), 1.5)
    yield Variation(node, "function twice", lambda v, true: np.asarray(node.compute(true)), 1.4)
    yield Variation(
        node, "normalized by maximum", lambda v, _: wrap(np.exp(v[0]) / np.exp(v[0]).max(axis=axis, keepdims=True)), 1.4
    )
    yield Variation(
        node,
        "normalized by norm",
        lambda v, _: wrap(
            np.exp(v[0]) / np.linalg.norm(np.exp(v[0]), axis=axis if isinstance(axis, int) else axis[0], keepdims=True)
        ),
        1.5,
    )
    if is_log:
        yield Variation(node, "missing log", lambda v, true: np.exp(true), 1.0)
    else:
        yield Variation(node, "log of softmax", lambda v, true: np.log(true), 1.3)


def compute_softmax(x: Array, axis: Any) -> Array:
    e = np.exp(x)
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def other_axis(x: Array, axis: Any) -> int:
    """Return the last axis that a softmax or reduction did not use."""
    used = {a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    return max(set(range(x.ndim)) - used, default=0)


def vary_matmul(node: Node, around: Surroundings) -> Iterator[Variation]:
    for kind, make in (
        ("transpose of left", lambda v, _: transpose(v[0]) @ v[1]),
        ("transpose of right", lambda v, _: v[0] @ transpose(v[1])),
        ("transpose of both", lambda v, _: transpose(v[0]) @ transpose(v[1])),
        ("swapped operands", lambda v, _: v[1] @ v[0]),
        ("swapped and transposed", lambda v, _: transpose(v[1]) @ v[0]),
        ("swapped and transposed", lambda v, _: v[1] @ transpose(v[0])),
        ("transposed product", lambda v, _: transpose(v[1]) @ transpose(v[0])),
        ("elementwise for matmul", lambda v, _: v[0] * v[1]),
        ("only last of sum", lambda v, _: v[0][..., -1:] @ v[1][-1:]),
        ("only first of sum", lambda v, _: v[0][..., :1] @ v[1][:1]),
        ("without last of sum", lambda v, _: v[0][..., :-1] @ v[1][:-1]),
        ("without first of sum", lambda v, _: v[0][..., 1:] @ v[1][1:]),
        ("shifted in time", lambda v, _: v[0][..., 1:] @ v[1][:-1]),
        ("shifted in time", lambda v, _: v[0][..., :-1] @ v[1][1:]),
        ("summed product", lambda v, true: true.sum(axis=0)),
        ("summed product", lambda v, true: true.sum(axis=-1)),
    ):
        yield Variation(node, kind, make, 1.0 if "transpose" in kind or kind == "swapped operands" else 1.3)
    for i, kind in ((0, "missing left operand"), (1, "missing right operand")):
        yield Variation(node, kind, lambda v, _, i=i: v[1 - i], 1.6)


def transpose(x: Array) -> Array:
    return x.T


def vary_transpose(node: Node, around: Surroundings) -> Iterator[Variation]:
    yield Variation(node, "missing transpose", lambda v, _: v[0], 0.9)


def vary_reduction(node: Node, around: Surroundings) -> Iterator[Variation]:
    axis, keepdims = node.settings.get("axis"), bool(node.settings.get("keepdims"))
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    reductions: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
    for name, reduce in reductions.items():
        if name != node.name:
            cost = 0.8 if {name, node.name} == {"sum", "mean"} else 1.5
            yield Variation(
                node,
                "other reduction",
                lambda v, _, f=reduce: np.asarray(f(v[0], axis=axis, keepdims=keepdims)),
                cost,
                {"reduction": name},
            )
    reduce = reductions.get(node.name, np.sum)
    operand = around.graph.base[node.operands[0]]
    axes = [a for a in (*range(operand.ndim), None) if a != axis and (operand.ndim > 1 or a is not None)]
    for other in axes:
        yield Variation(
            node,
            "other axis",
            lambda v, _, a=other: np.asarray(reduce(v[0], axis=a, keepdims=keepdims)),
            1.0,
            {"axis": other},
        )
        for name, f in (("sum", np.sum), ("mean", np.mean)):
            if name != node.name:
                yield Variation(
                    node,
                    "other reduction and axis",
                    lambda v, _, a=other, f=f: np.asarray(f(v[0], axis=a, keepdims=keepdims)),
                    1.9,
                    {"axis": other, "reduction": name},
                )
    yield Variation(node, "missing reduction", lambda v, _: v[0], 1.1)
    if isinstance(axis, int) and node.name == "sum":
        yield Variation(node, "only last of sum", lambda v, _: np.take(v[0], -1, axis=axis), 1.2)
        yield Variation(node, "only first of sum", lambda v, _: np.take(v[0], 0, axis=axis), 1.2)


def vary_letter(node: Node, around: Surroundings) -> Iterator[Variation]:
    true = around.graph.base[node]
    if not true.ndim:
        return
    for name, activation in ACTIVATIONS.items():
        yield Variation(
            node, "function of letter", lambda _, true, f=activation: f.value(true), 1.5, {"function": name}
        )
    yield from vary_updated_letter(node, around)
    if true.ndim >= 1 and len(true) > 1:
        for shift in (1, -1):
            yield Variation(
                node, "shifted in time", lambda _, true, s=shift: shift_rows(true, s), 1.4, {"shift": shift}
            )


def vary_updated_letter(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield a weight after its update, if the learner has its gradient and a learning rate."""
    gradient = around.letters.get(f"d{node.name}")
    if gradient is None or gradient.shape != around.graph.base[node].shape:
        return
    for rate in ("rate", "eta", "lr", "learning_rate", "alpha", "epsilon"):
        if rate in around.scalars:
            for sign, kind in ((-1, "updated weight"), (1, "updated weight")):
                yield Variation(
                    node,
                    kind,
                    lambda _, true, s=sign, r=around.scalars[rate], g=gradient: true + s * r * g,
                    1.0,
                    {"rate": rate},
                )


def shift_rows(x: Array, by: int) -> Array:
    """Shift along the first axis and fill with zeros."""
    shifted = np.zeros_like(x)
    if by > 0:
        shifted[by:] = x[:-by]
    else:
        shifted[:by] = x[-by:]
    return shifted


def vary_comparison(node: Node, around: Surroundings) -> Iterator[Variation]:
    yield Variation(node, "reversed comparison", lambda v, true: ~true, 1.0)
    yield Variation(node, "missing comparison", lambda v, _: v[0], 1.1)
    yield Variation(node, "missing comparison", lambda v, _: np.maximum(v[0], 0), 1.2)


def vary_where(node: Node, around: Surroundings) -> Iterator[Variation]:
    for i in (1, 2):
        yield Variation(node, "missing condition", lambda v, true, i=i: np.broadcast_to(v[i], true.shape), 1.0)
    yield Variation(node, "reversed comparison", lambda v, _: np.where(v[0], v[2], v[1]), 1.0)


def vary_index(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield variations of elements chosen by row and column."""
    yield Variation(node, "missing index", lambda v, _: v[0], 1.3)
    if node.name == "gather" and len(node.operands) == 3:
        yield Variation(node, "slice for pairs", lambda v, _: v[0][:, v[2].astype(int)], 1.0)
        yield Variation(node, "swapped index", lambda v, _: v[0][v[2].astype(int), v[1].astype(int)], 1.3)
        yield Variation(node, "maximum for index", lambda v, _: v[0].max(axis=-1), 1.4)
    elif node.name == "take_along_axis":
        yield Variation(node, "slice for pairs", lambda v, _: v[0][:, v[1].astype(int).ravel()], 1.0)
        yield Variation(node, "maximum for index", lambda v, _: v[0].max(axis=-1, keepdims=True), 1.4)


def vary_slice(node: Node, around: Surroundings) -> Iterator[Variation]:
    yield Variation(node, "missing index", lambda v, _: v[0], 1.5)
    for by in (1, -1):
        yield Variation(node, "shifted in time", lambda v, true, s=by: shift_rows(true, s), 1.4, {"shift": by})
        yield Variation(
            node,
            "shifted in time",
            lambda v, true, s=by: take_neighbor_rows(v[0], true, s),
            1.3,
            {"shift": by},
        )


def take_neighbor_rows(whole: Array, part: Array, by: int) -> Array:
    """Return the rows of an array one before or after those of a part of it."""
    for start in range(len(whole) - len(part) + 1):
        if np.array_equal(whole[start : start + len(part)], part):
            if not 0 <= start + by <= len(whole) - len(part):
                break
            return whole[start + by : start + by + len(part)]
    raise ValueError("no such rows")


def vary_op(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield variations of any other op: one of its operands in its place."""
    for i in range(len(node.operands)):
        yield Variation(node, "missing op", lambda v, _, i=i: v[i], 1.7, {"operand": i})


def list_factors(around: Surroundings) -> list[tuple[str, float]]:
    """Return factors that learners forget or write twice, with their texts."""
    factors = [("2", 2.0), ("1/2", 0.5), ("-1", -1.0), ("-2", -2.0), ("-1/2", -0.5), ("4", 4.0), ("1/4", 0.25)]
    for name, size in around.sizes.items():
        factors += [
            (name, float(size)),
            (f"1/{name}", 1.0 / size),
            (f"-{name}", -float(size)),
            (f"-1/{name}", -1.0 / size),
        ]
        factors += [(f"1/{name}**2", 1.0 / size**2), (f"2/{name}", 2.0 / size), (f"{name}/2", size / 2)]
    for name, value in around.scalars.items():
        c = float(value)
        if c not in (0.0, 1.0, 2.0, 0.5, -1.0):
            factors += [(name, c), (f"1/{name}", 1 / c), (f"-{name}", -c)]
    return factors


def rank_factor(name: str) -> float:
    """Return the extra cost of a factor: unusual ones come last."""
    return 0.0 if name in ("2", "1/2", "-1") else 0.1 if len(name) <= 3 else 0.4


def vary_any(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield variations of any node: other letters, factors, slopes in other forms, flips."""
    true = around.graph.base[node]
    is_root = node is around.graph.root
    if is_root or is_nonlinear_operand(node, around.graph):
        for name, factor in list_factors(around):
            yield Variation(node, "factor", lambda _, t, c=factor: c * t, 1.2 + rank_factor(name), {"factor": name})
    if not true.ndim:
        return
    yield from vary_by_letters(node, around)
    yield from vary_slopes(node, around)
    if true.ndim >= 2:
        yield from vary_orientation(node)


def is_nonlinear_operand(node: Node, graph: FormulaGraph) -> bool:
    return any(node in user.operands and user.kind == "power" for user in graph.order)


def vary_by_letters(node: Node, around: Surroundings) -> Iterator[Variation]:
    true = around.graph.base[node]
    for name, value in around.letters.items():
        if node.kind == "letter" and node.name == name:
            continue
        if value.shape == true.shape:
            kind = "other letter" if node.kind == "letter" else "letter for expression"
            yield Variation(
                node, kind, lambda _, __, x=value: x, 1.2 if node.kind == "letter" else 1.45, {"letter": name}
            )
            if node is around.graph.root or node.kind in ("sum", "product"):
                yield Variation(node, "extra factor", lambda _, t, x=value: t * x, 1.6, {"factor": name})
                yield Variation(
                    node, "extra factor", lambda _, t, x=value: t * (1 - x), 1.65, {"factor": f"1 - {name}"}
                )
                yield Variation(node, "extra term", lambda _, t, x=value: t + x, 1.6, {"term": name})
                yield Variation(node, "extra term", lambda _, t, x=value: t - x, 1.7, {"term": f"-{name}"})
        if value.shape == true.T.shape and true.ndim == 2 and value.shape != true.shape:
            yield Variation(node, "transposed letter", lambda _, __, x=value: x.T, 2.0, {"letter": name})


def vary_slopes(node: Node, around: Surroundings) -> Iterator[Variation]:
    true = around.graph.base[node]
    slopes = find_slopes(around)
    for slope in slopes:
        if slope.value.shape != true.shape:
            continue
        if np.array_equal(slope.value, true) or np.allclose(slope.value, true, rtol=1e-9, atol=1e-12):
            for form in slope.wrong_forms:
                yield Variation(
                    node, "wrong slope", lambda _, __, x=form.value: x, form.cost, {"slope": slope, "form": form}
                )
        else:
            yield Variation(node, "extra slope", lambda _, t, x=slope.value: t * x, 1.0, {"slope": slope})


def vary_orientation(node: Node) -> Iterator[Variation]:
    for kind, make in (
        ("turned", lambda _, t: t[::-1, ::-1]),
        ("turned", lambda _, t: t[::-1]),
        ("turned", lambda _, t: t[:, ::-1]),
        ("transposed", lambda _, t: np.swapaxes(t, 0, 1)),
        ("turned and transposed", lambda _, t: np.swapaxes(t[::-1, ::-1], 0, 1)),
    ):
        yield Variation(node, kind, make, 1.3 if kind != "turned and transposed" else 1.8)


def vary_root(node: Node, around: Surroundings) -> Iterator[Variation]:
    """Yield the formula with a penalty that does not belong there, such as one on biases."""
    true = around.graph.base[node]
    for scalar, strength in around.scalars.items():
        c = float(strength)
        for name, value in around.letters.items():
            if value.shape == true.shape and true.ndim:
                for factor, label in ((c, scalar), (2 * c, f"2 * {scalar}"), (c / 2, f"{scalar} / 2")):
                    yield Variation(
                        node,
                        "extra penalty",
                        lambda _, t, x=value, k=factor: t + k * x,
                        1.1 if name in around.biases else 1.5,
                        {"strength": label, "letter": name},
                    )
        if not true.ndim:
            yield from vary_loss_penalty(node, around, scalar, c)


def vary_loss_penalty(node: Node, around: Surroundings, scalar: str, c: float) -> Iterator[Variation]:
    groups = [(name,) for name, value in around.letters.items() if value.ndim]
    groups += [around.biases] * (len(around.biases) > 1)
    for names in groups:
        penalty = sum(float((around.letters[name] ** 2).sum()) for name in names)
        for factor, label in ((c / 2, f"{scalar}/2"), (c, scalar)):
            yield Variation(
                node,
                "penalized biases" if set(names) <= set(around.biases) else "extra penalty of loss",
                lambda _, t, k=factor, q=penalty: t + k * q,
                1.1,
                {"strength": label, "letters": names},
            )


COMPARISONS = frozenset({"greater", "less", "greater_equal", "less_equal"})
INDEXING = frozenset({"gather", "take_along_axis"})
VARIATIONS: dict[str, Callable[[Node, Surroundings], Iterator[Variation]]] = {
    "sum": vary_sum,
    "product": vary_product,
    "power": vary_power,
    "function": vary_function,
    "matmul": vary_matmul,
    "transpose": vary_transpose,
    "reduction": vary_reduction,
    "letter": vary_letter,
}


def list_variations(around: Surroundings) -> Iterator[Variation]:
    """Yield all variations of a formula, from the root down."""
    graph = around.graph
    yield from vary_root(graph.root, around)
    for node in reversed(graph.order):
        if node.kind in VARIATIONS:
            yield from VARIATIONS[node.kind](node, around)
        elif node.kind == "op":
            yield from choose_op_variations(node)(node, around)
        if node.kind != "constant" and isinstance(graph.base[node], np.ndarray):
            yield from vary_any(node, around)


def choose_op_variations(node: Node) -> Callable[[Node, Surroundings], Iterator[Variation]]:
    from pellucid.course.checker.loop_variations import vary_loop
    from pellucid.course.checker.window_variations import WINDOW_VARIATIONS

    if node.name in COMPARISONS:
        return vary_comparison
    if node.name == "where":
        return vary_where
    if node.name in INDEXING:
        return vary_index
    if node.name == "slice":
        return vary_slice
    if node.name == "scan_loop":
        return vary_loop
    if node.name == "output":
        return lambda node, around: iter(())
    return WINDOW_VARIATIONS.get(node.name, vary_op)
