"""Values that a person gives to look into an expression: by expression or by name, the shared variables' own added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import InputError, ShapeError, near_miss
from pellucid.graph.expr import Constant, Expr, Shared, agree
from pellucid.graph.traversal import listed, topological
from pellucid.graph.types import shape_text
from pellucid.show.latex_names import digits_tex

Values = Mapping[Any, Any]


def outputs_of(what: Any, who: str) -> list[Expr]:
    """Return what an expression, several, or a function compute, the new values of shared variables included."""
    if hasattr(what, "program"):
        return [*what.program.outputs, *what.program.updates.values()]
    return listed(what, who)


def given_values(outputs: Sequence[Expr], values: Values | None, who: str) -> dict[Expr, np.ndarray[Any, Any]]:
    """Return the value of every input and shared variable that some expressions are made of.

    Parameters
    ----------
    outputs : sequence of Expr
        What is to be computed.
    values : mapping from Expr or str to array
        The values of inputs, by the input or by its name. A shared variable has its own unless it is given another.
    who : str
        Who asks, for the messages.

    Returns
    -------
    dict from Expr to array
        Of the dtypes that were declared.

    Raises
    ------
    InputError
        If an input has no value, or a name belongs to several of them.
    ShapeError
        If a value has another shape than was declared.
    """
    leaves = [e for e in topological(outputs) if e.op is None and not isinstance(e, Constant)]
    found: dict[Expr, np.ndarray[Any, Any]] = {}
    for key, value in (values or {}).items():
        leaf = leaf_of(key, leaves, who)
        if leaf is None:
            continue
        array = fit(value, leaf.dtype, str(leaf))
        if not agree(array.shape, tuple(s if isinstance(d, str) else d for d, s in declared(leaf, array))):
            raise ShapeError(
                f"{who}: {leaf} has shape {shape_text(leaf.shape)}. Received: a value of shape "
                f"{shape_text(array.shape)}"
            )
        found[leaf] = array
    for leaf in leaves:
        if isinstance(leaf, Shared):
            found.setdefault(leaf, leaf.get_value())
    missing = [str(leaf) for leaf in leaves if leaf not in found]
    if missing:
        # The values of more inputs than these may be given; but where one is missing, another may be misspelt.
        strangers = [key for key in values or {} if isinstance(key, str) and key not in {e.name for e in leaves}]
        hint = "".join(f" Received one for {key!r}.{near_miss(key, missing)}" for key in strangers)
        raise InputError(f"{who}: no value was given for {', '.join(missing)}.{hint} Give {{{missing[0]!r}: array}}")
    return found


def declared(leaf: Expr, array: np.ndarray[Any, Any]) -> list[tuple[Any, Any]]:
    """Pair what was declared of each dimension with what it is; nothing can stand beside one too many."""
    if leaf.ndim != array.ndim:
        raise ShapeError(
            f"{leaf} has {leaf.ndim} dimension{'s' * (leaf.ndim != 1)}, shape {shape_text(leaf.shape)}. Received: a "
            f"value of shape {shape_text(array.shape)}"
        )
    return list(zip(leaf.shape, array.shape, strict=True))


def leaf_of(key: Any, leaves: Sequence[Expr], who: str) -> Expr | None:
    """Find whom a value is for: None for an input that nothing here depends on."""
    if isinstance(key, Expr):
        if key.op is not None:
            raise InputError(f"{who}: values are given for inputs. Received one for {key}, which is computed")
        return key if key in set(leaves) else None
    alike = [leaf for leaf in leaves if leaf.name == key]
    if len(alike) > 1:
        raise InputError(f"{who}: {len(alike)} inputs are named {key!r}. Give their values by the inputs themselves")
    return alike[0] if alike else None


def array_text(value: Any, largest: int = 24) -> str:
    """Write a number or a small array in full, and a large one by its shape, its range and its mean.

    Examples
    --------
    >>> array_text(np.array([0.5, 0.25])), array_text(np.zeros((100, 3)))
    ('[0.5 0.25]', 'shape (100, 3), from 0 to 0, mean 0')
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return figure(value[()])
    if 0 < value.size <= largest and value.ndim <= 2:
        written = figures(value)
        width, columns = max(map(len, written), default=0), value.shape[-1]
        rows = [
            f"[{' '.join(f.rjust(width) for f in written[i : i + columns])}]" for i in range(0, len(written), columns)
        ]
        return rows[0] if value.ndim == 1 else "[" + "\n ".join(rows) + "]"
    if not value.size:
        return f"shape {shape_text(value.shape)}, empty"
    low, high, mean = (figure(f(value)) for f in (np.min, np.max, np.mean))
    return f"shape {shape_text(value.shape)}, from {low} to {high}, mean {mean}"


def value_tex(value: Any, largest: int = 24) -> str:
    r"""Write a number or a small array in full in LaTeX, and a large one by its shape and range.

    Examples
    --------
    >>> value_tex(np.array([0.5, 0.25]))
    '\\begin{bmatrix} 0.5 & 0.25 \\end{bmatrix}'
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return figure_tex(value[()])
    if value.ndim > 2 or not 0 < value.size <= largest or value.shape[-1] > 8 or len(value) > 10:
        return rf"\text{{{array_text(value, 0)}}}"
    written = [digits_tex(f)[0] for f in figures(value)]
    width = value.shape[-1]
    rows = r" \\ ".join(" & ".join(written[i : i + width]) for i in range(0, len(written), width))
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


def figures(value: np.ndarray[Any, Any]) -> list[str]:
    """Write the numbers of an array alike: with as many decimals, so that the largest has four digits or more.

    Examples
    --------
    >>> figures(np.array([0.5, -12.25])), figures(np.array([0.5, 1e-9]))
    (['0.50', '-12.25'], ['0.5', '1e-09'])
    """
    sizes = np.abs(value[value != 0]) if value.dtype.kind == "f" else np.zeros(0)
    if not sizes.size or not np.isfinite(value).all() or (value == np.rint(value)).all():
        return [figure(v) for v in value.flat]
    low, high = float(sizes.min()), float(sizes.max())
    decimals = 3 - int(np.floor(np.log10(high)))
    if not 0 <= decimals <= 6 or low < 10.0**-decimals:
        return [figure(v) for v in value.flat]
    return [f"{v:.{decimals}f}" for v in value.flat]


def figure_tex(value: Any, digits: int = 4) -> str:
    """Write a number in LaTeX with so many significant digits."""
    return digits_tex(figure(value, digits))[0]


def figure(value: Any, digits: int = 4) -> str:
    """Write a number with so many significant digits, and integers in full.

    Examples
    --------
    >>> figure(0.123456), figure(12345678), figure(True), figure(1e-9)
    ('0.1235', '12345678', 'True', '1e-09')
    """
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(value)
    return f"{float(value):.{digits}g}"
