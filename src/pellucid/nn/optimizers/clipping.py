"""Gradients that are kept from growing too long."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

from pellucid.graph.expr import Expr
from pellucid.graph.ops.elementwise import sqrt, square
from pellucid.graph.ops.minmax_where import clip as clip_elements
from pellucid.graph.ops.minmax_where import maximum
from pellucid.graph.ops.reductions import sum as sum_of
from pellucid.nn.dtypes import to_dtype
from pellucid.nn.optimizers.options import Options


def clip(gradients: Sequence[Expr], options: Options) -> Sequence[Expr]:
    """Return the gradients, clipped in the way that the options say, if any."""
    if (most := options["clipvalue"]) is not None:
        return [clip_elements(g, -most, most) for g in gradients]
    if (longest := options["clipnorm"]) is not None:
        return [shortened(g, length([g]), longest) for g in gradients]
    if (longest := options["global_clipnorm"]) is not None:
        together = length(gradients)
        return [shortened(g, together, longest) for g in gradients]
    return gradients


def length(gradients: Sequence[Expr]) -> Expr:
    r"""Return the length of gradients taken as one vector, :math:`\sqrt{\sum_i g_i^2}`."""
    return sqrt(functools.reduce(operator.add, [sum_of(square(g)) for g in gradients]))  # type: ignore[no-any-return]


def shortened(gradient: Expr, norm: Expr, longest: float) -> Expr:
    r"""Return :math:`g c / \max(\lVert g \rVert, c)`."""
    return gradient * to_dtype(longest / maximum(norm, longest), gradient.dtype)
