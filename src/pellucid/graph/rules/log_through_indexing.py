r"""Logarithms moved through indexing, selection and changes of shape of probabilities.

The logarithm then meets the softmax or sigmoid directly, where other rules rewrite it to a stable form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, Input
from pellucid.graph.op_decorator import OpFunction
from pellucid.graph.ops.activations import sigmoid
from pellucid.graph.ops.concatenate import join
from pellucid.graph.ops.elementwise import power
from pellucid.graph.ops.exponentials import log, log1p, log2, log10
from pellucid.graph.ops.index_spec import ARRAY, FULL_SLICE, Index
from pellucid.graph.ops.indexing import gather, slice_, take_along_axis
from pellucid.graph.ops.permute import transpose
from pellucid.graph.ops.reductions import max_, min_
from pellucid.graph.ops.reshape import expand_dims, reshape, squeeze
from pellucid.graph.ops.softmax import softmax
from pellucid.graph.ops.special import xlog1py
from pellucid.graph.ops.where import where
from pellucid.graph.rewrite_rule import RulePair, rule
from pellucid.graph.rules.example_operands import make_input
from pellucid.graph.rules.predicates import is_probability, multiply_log


def _make_softmax() -> Expr:
    return softmax(make_input())


def _make_sigmoid(shape: tuple[int, ...] = (3, 4)) -> Expr:
    return sigmoid(Input("w", shape, "float64"))


def _add_rules(move: OpFunction[Expr], key: str, value: Any) -> None:
    """Register the rules that move log(p) and log(1 - p) through an op with one operand and one setting."""

    def log_of(p: Expr, how: Any) -> tuple[Expr, Callable[[Any, Any], Any | None]]:
        pattern = log(move(p, **{key: how}))
        return pattern, lambda p, how: move(log(p), **{key: how}) if is_probability(p) else None

    def log_one_minus(p: Expr, how: Any) -> tuple[Expr, Callable[[Any, Any], Any | None]]:
        pattern = log(1 - move(p, **{key: how}))
        return pattern, lambda p, how: move(log(1 - p), **{key: how}) if is_probability(p) else None

    for function in (log_of, log_one_minus):
        function.__name__ += f"_{move.op.name}"
        rule("stabilize", examples=lambda rng: (_make_softmax(), value))(function)


_add_rules(slice_, "index", (FULL_SLICE, 1))
_add_rules(expand_dims, "axis", (1,))
_add_rules(transpose, "axes", (1, 0))
_add_rules(reshape, "shape", (12,))


@rule("stabilize", examples=lambda rng: (rng.uniform(1, 2, (3, 1)), (1,)))
def log_of_squeeze(x: Expr, axis: tuple[int, ...]) -> RulePair:
    return log(squeeze(x, axis=axis)), lambda x, axis: squeeze(log(x), axis=axis)


@rule("stabilize", examples=lambda rng: (_make_sigmoid((3, 1)), (1,)))
def log_one_minus_squeeze(p: Expr, axis: tuple[int, ...]) -> RulePair:
    pattern = log(1 - squeeze(p, axis=axis))
    return pattern, lambda p, axis: squeeze(log(1 - p), axis=axis) if is_probability(p) else None


def _add_index_rules(select: OpFunction[Expr], key: str, indices: Any, value: Any) -> None:
    """Register the rules that move log(p) and log(1 - p) through an op with an array of indices and one setting."""

    def log_of(p: Expr, i: Expr, how: Any) -> tuple[Expr, Callable[[Any, Any, Any], Any | None]]:
        pattern = log(select(p, i, **{key: how}))
        return pattern, lambda p, i, how: select(log(p), i, **{key: how}) if is_probability(p) else None

    def log_one_minus(p: Expr, i: Expr, how: Any) -> tuple[Expr, Callable[[Any, Any, Any], Any | None]]:
        pattern = log(1 - select(p, i, **{key: how}))
        return pattern, lambda p, i, how: select(log(1 - p), i, **{key: how}) if is_probability(p) else None

    for function in (log_of, log_one_minus):
        function.__name__ += f"_{select.op.name}"
        rule("stabilize", examples=lambda rng: (_make_sigmoid(), indices, value))(function)


_add_index_rules(gather, "index", np.array([2, 0]), (ARRAY, FULL_SLICE))
_add_index_rules(take_along_axis, "axis", np.array([[1], [0], [3]]), 1)


@rule("stabilize", examples=lambda rng: (_make_softmax(), np.array([2, 0]), np.array([1, 3]), (ARRAY, ARRAY)))
def log_of_gather_pairs(p: Expr, i: Expr, j: Expr, index: Index) -> RulePair:
    pattern = log(gather(p, i, j, index=index))
    return pattern, lambda p, i, j, index: gather(log(p), i, j, index=index) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(), np.array([2, 0]), np.array([1, 3]), (ARRAY, ARRAY)))
def log_one_minus_gather_pairs(p: Expr, i: Expr, j: Expr, index: Index) -> RulePair:
    pattern = log(1 - gather(p, i, j, index=index))
    return pattern, lambda p, i, j, index: gather(log(1 - p), i, j, index=index) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(), _make_sigmoid(), 1))
def log_of_join(p: Expr, q: Expr, axis: int) -> RulePair:
    def move_log(p: Expr, q: Expr, axis: int) -> Expr | None:
        return join(log(p), log(q), axis=axis) if is_probability(p) and is_probability(q) else None

    return log(join(p, q, axis=axis)), move_log


@rule("stabilize", examples=lambda rng: (_make_softmax(), _make_sigmoid(), 1))
def log_one_minus_join(p: Expr, q: Expr, axis: int) -> RulePair:
    def move_log(p: Expr, q: Expr, axis: int) -> Expr | None:
        return join(log(1 - p), log(1 - q), axis=axis) if is_probability(p) and is_probability(q) else None

    return log(1 - join(p, q, axis=axis)), move_log


@rule("stabilize", examples=lambda rng: (rng.normal(size=(3, 4)) > 0, _make_softmax(), _make_sigmoid()))
def log_of_where(c: Expr, p: Expr, q: Expr) -> RulePair:
    def move_log(c: Expr, p: Expr, q: Expr) -> Expr | None:
        return where(c, log(p), log(q)) if is_probability(p) and is_probability(q) else None

    return log(where(c, p, q)), move_log


@rule("stabilize", examples=lambda rng: (_make_softmax(), (1,), False))
def log_of_max(p: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    pattern = log(max_(p, axis=axis, keepdims=keepdims))
    return pattern, lambda p, axis, keepdims: max_(log(p), axis, keepdims) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(), (1,), False))
def log_of_min(p: Expr, axis: tuple[int, ...], keepdims: bool) -> RulePair:
    pattern = log(min_(p, axis=axis, keepdims=keepdims))
    return pattern, lambda p, axis, keepdims: min_(log(p), axis, keepdims) if is_probability(p) else None


# Powers of probabilities and other logarithms.


@rule("stabilize", examples=lambda rng: (_make_softmax(), rng.uniform(0, 1, (3, 4))))
def log_of_probability_power(p: Expr, t: Expr) -> RulePair:
    """The exponent is often a label."""
    return log(power(p, t)), lambda p, t: multiply_log(t, p) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(),))
def log1p_of_minus_probability(p: Expr) -> RulePair:
    return log1p(-p), lambda p: log(1 - p) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(),))
def log2_of_probability(p: Expr) -> RulePair:
    return log2(p), lambda p: log(p) / math.log(2) if is_probability(p) else None


@rule("stabilize", examples=lambda rng: (_make_softmax(),))
def log10_of_probability(p: Expr) -> RulePair:
    return log10(p), lambda p: log(p) / math.log(10) if is_probability(p) else None


@rule("stabilize", when="p < 1", examples=lambda rng: (rng.uniform(0, 1, (3, 4)), _make_softmax()))
def xlog1py_of_minus_probability(t: Expr, p: Expr) -> RulePair:
    return xlog1py(t, -p), lambda t, p: t * log(1 - p) if is_probability(p) else None
