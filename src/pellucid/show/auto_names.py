"""Letters for expressions that have no name: z for sums and products, h for functions of them, as in a textbook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pellucid.graph.expr import Constant, Expr
from pellucid.graph.op_def import OUTPUT
from pellucid.graph.printing import own_name
from pellucid.graph.types import is_float

LINEAR = frozenset(["add", "subtract", "multiply", "matmul", "conv", "dot", "einsum", "tensordot"])
LETTERS = {"softmax": "p", "sparse_crossentropy": "l"}


def lettered(expressions: Iterable[Expr], taken: Mapping[Expr, str], leaves: Iterable[Expr]) -> dict[Expr, str]:
    """Name expressions: as `named` or ``taken`` has it, the others by a letter, numbered where it is used twice.

    Parameters
    ----------
    expressions : iterable of Expr
        What is to have a name, each after what it is made of.
    taken : mapping from Expr to str
        Names that are fixed.
    leaves : iterable of Expr
        Inputs and shared variables, whose names are in use.

    Returns
    -------
    dict from Expr to str
        A name for each of the expressions, all different.
    """
    wanted = list(dict.fromkeys(expressions))
    fixed = {e: name for e in wanted if (name := taken.get(e) or own_name(e)) is not None}
    used = {*fixed.values(), *(e.name for e in leaves if e.name)}
    letters: dict[str, list[Expr]] = {}
    for e in wanted:
        if e not in fixed:
            letters.setdefault(letter_of(e), []).append(e)
    found = dict(fixed)
    for letter, group in letters.items():
        if len(group) == 1 and letter not in used:
            found[group[0]] = letter
            used.add(letter)
            continue
        number = 0
        for e in group:
            number += 1
            while f"{letter}{number}" in used:
                number += 1
            found[e] = f"{letter}{number}"
            used.add(found[e])
    return {e: found[e] for e in wanted}


def letter_of(e: Expr) -> str:
    """Choose the letter that a textbook would take."""
    assert e.op is not None
    if e.ndim == 0:
        return "c"
    if e.op is OUTPUT:
        return "h"
    if e.op.name in LETTERS:
        return LETTERS[e.op.name]
    if e.op.name in LINEAR:
        return "z"
    real = [i for i in e.inputs if is_float(i.dtype) and not isinstance(i, Constant)]
    return "h" if e.op.elementwise and len(real) == 1 else "u"
