"""Automatic symbols for unnamed expressions, as in textbooks: z for sums and products, h for functions of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op import OUTPUT
from pellucid.graph.printing import get_own_name
from pellucid.graph.types import is_float

LINEAR = frozenset(["add", "subtract", "multiply", "matmul", "conv"])
SYMBOLS = {"softmax": "p", "sparse_crossentropy": "l"}


def assign_names(expressions: Iterable[Expr], fixed: Mapping[Expr, str], leaves: Iterable[Expr]) -> dict[Expr, str]:
    """Return distinct names of expressions in topological order, which also differ from the names of the leaves.

    Names are those in ``fixed`` or by `named`, and otherwise symbols, which are numbered if they are not unique.
    """
    expressions = list(dict.fromkeys(expressions))
    names = {e: name for e in expressions if (name := fixed.get(e) or get_own_name(e)) is not None}
    used = {*names.values(), *(e.name for e in leaves if e.name)}
    groups: dict[str, list[Expr]] = {}
    for e in expressions:
        if e not in names:
            groups.setdefault(choose_symbol(e), []).append(e)
    for symbol, group in groups.items():
        numbers: Iterator[int | str] = itertools.count(1) if len(group) > 1 or symbol in used else iter([""])
        for e in group:
            names[e] = next(name for number in numbers if (name := f"{symbol}{number}") not in used)
            used.add(names[e])
    return {e: names[e] for e in expressions}


def choose_symbol(e: Expr) -> str:
    assert e.op is not None
    if e.ndim == 0:
        return "c"
    if e.op is OUTPUT:
        return "h"
    if e.op.name in SYMBOLS:
        return SYMBOLS[e.op.name]
    if e.op.name in LINEAR:
        return "z"
    variables = [i for i in e.inputs if is_float(i.dtype) and not isinstance(i, Constant)]
    return "h" if e.op.elementwise and len(variables) == 1 else "u"
