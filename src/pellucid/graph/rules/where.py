"""Choosing last, so that what a condition keeps out cannot make a result, or a gradient, not a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.ops.minmax_where import where
from pellucid.graph.rewrite_rule import rule
from pellucid.graph.rules.predicates import scores


def _chosen(rng: Any) -> Any:
    return scores(rng) > 0, scores(rng), scores(rng)


@rule("stabilize", when="y is finite where c fails", examples=_chosen)
def multiply_where(c: Any, x: Any, y: Any) -> Any:
    return where(c, x, 0) * y, lambda c, x, y: where(c, x * y, np.zeros((), y.dtype))


@rule("stabilize", when="y is finite where c holds", examples=_chosen)
def multiply_where_not(c: Any, x: Any, y: Any) -> Any:
    return where(c, 0, x) * y, lambda c, x, y: where(c, np.zeros((), y.dtype), x * y)


@rule("stabilize", when="y != 0 where c fails", examples=_chosen)
def divide_where(c: Any, x: Any, y: Any) -> Any:
    return where(c, x, 0) / y, lambda c, x, y: where(c, x / y, np.zeros((), y.dtype))


@rule("stabilize", when="y != 0 where c holds", examples=_chosen)
def divide_where_not(c: Any, x: Any, y: Any) -> Any:
    return where(c, 0, x) / y, lambda c, x, y: where(c, np.zeros((), y.dtype), x / y)


@rule("algebra", examples=lambda rng: (scores(rng) > 0, scores(rng)))
def where_same(c: Any, x: Any) -> Any:
    return where(c, x, x), lambda c, x: x


@rule("algebra", examples=lambda rng: (*_chosen(rng), scores(rng)))
def where_within(c: Any, x: Any, y: Any, w: Any) -> Any:
    return where(c, where(c, x, y), w), where(c, x, w)


@rule("algebra", examples=lambda rng: (*_chosen(rng), scores(rng)))
def where_within_rest(c: Any, x: Any, y: Any, w: Any) -> Any:
    return where(c, w, where(c, x, y)), where(c, w, y)
