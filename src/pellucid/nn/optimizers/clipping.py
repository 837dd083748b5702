"""Gradient clipping by value, by norm and by global norm."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import clip as clip_elements
from pellucid.graph.ops.elementwise import maximum, sqrt, square
from pellucid.graph.ops.reductions import sum as sum_of
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.optimizers.options import Options


def clip_gradients(gradients: Sequence[Expr], options: Options) -> Sequence[Expr]:
    if (bound := options["clipvalue"]) is not None:
        return [clip_elements(g, -bound, bound) for g in gradients]
    if (max_norm := options["clipnorm"]) is not None:
        return [rescale(g, global_norm([g]), max_norm) for g in gradients]
    if (max_norm := options["global_clipnorm"]) is not None:
        norm = global_norm(gradients)
        return [rescale(g, norm, max_norm) for g in gradients]
    return gradients


def global_norm(gradients: Sequence[Expr]) -> Expr:
    r"""Return the norm of all gradients as one vector, :math:`\sqrt{\sum_i \lVert g_i \rVert^2}`."""
    return sqrt(functools.reduce(operator.add, [sum_of(square(g)) for g in gradients]))  # type: ignore[no-any-return]


def rescale(gradient: Expr, norm: Expr, max_norm: float) -> Expr:
    r"""Return :math:`g c / \max(\lVert g \rVert, c)`."""
    return gradient * to_dtype(max_norm / maximum(norm, max_norm), gradient.dtype)
