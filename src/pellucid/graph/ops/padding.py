r"""Arrays with a border around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.graph.array_conversion import fit
from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.op import op
from pellucid.graph.operators import call
from pellucid.graph.types import Dim, Type, Unknown, shape_text

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
NUMPYS_OTHERS = ("empty", "linear_ramp", "maximum", "mean", "median", "minimum")

Widths = tuple[tuple[int, int], ...]


def pairs(values: Any, ndim: int, what: str) -> np.ndarray[Any, Any]:
    """Spread a setting over the axes as NumPy does: one value, one (before, after), or one for each axis."""
    try:
        return np.broadcast_to(np.asarray(values), (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: expected one {what}, (before, after), or one such pair for each of {ndim} axes. Received: {values!r}"
        ) from None


def _widths(x: Expr, pad_width: Any) -> Widths:
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(a, pad_width.get(a - x.ndim, 0)) for a in range(x.ndim)]
        pad_width = [(w, w) if isinstance(w, (int, np.integer)) else w for w in pad_width]
    widths = pairs(pad_width, x.ndim, "width")
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ShapeError(f"pad of {x}: expected widths of 0 or more. Received: pad_width={pad_width}")
    return tuple((int(a), int(b)) for a, b in widths)


def _settings(x: Expr, pad_width: Any, mode: Any = "constant", constant_values: Any = 0) -> dict[str, Any]:
    if mode not in MODES:
        by_hand = " NumPy has it, pellucid has not: fill the border with pel.concatenate"
        hint = by_hand if mode in NUMPYS_OTHERS else near_miss(str(mode), MODES)
        raise ShapeError(f"pad of {x}: expected a mode out of {', '.join(MODES)}. Received: mode={mode!r}.{hint}")
    values = fit(pairs(constant_values, x.ndim, "constant value").tolist(), x.dtype, f"The border of {x}")
    same = not values.size or (values == values.flat[0]).all()
    told = (values.flat[0].item() or 0 if values.size else 0) if same else tuple(map(tuple, values.tolist()))
    if mode != "constant" and told != 0:
        raise ShapeError(f"pad of {x}: mode {mode!r} takes no constant_values. Received: {constant_values!r}")
    return {"pad_width": _widths(x, pad_width), "mode": mode, "constant_values": told}


def _wider(x: Expr, pad_width: Widths, mode: str, constant_values: Any) -> Type:
    for dim, width in zip(x.shape, pad_width, strict=True):
        if dim == 0 and mode != "constant" and width != (0, 0):
            raise ShapeError(f"pad: {x}, of shape {shape_text(x.shape)}, has no elements to continue by {mode!r}")
    return Type(tuple(_longer(d, w, 1) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype)


def _longer(dim: Dim, widths: tuple[int, int], sign: int) -> Dim:
    if widths == (0, 0):
        return dim
    return dim + sign * (widths[0] + widths[1]) if isinstance(dim, int) else Unknown()


def _shortest(widths: Any) -> Any:
    """Return widths as short as one may give them."""
    if not isinstance(widths, tuple) or len(set(widths)) != 1:
        return widths
    before, after = widths[0]
    return before if before == after else (before, after)


def _tex(name: str) -> Any:
    def tex(operands: tuple[Any, ...], settings: Any) -> list[Any]:
        mode = settings.get("mode", "constant")
        below = rf"_{{\text{{{mode}}}}}" if mode != "constant" else ""
        return [rf"\operatorname{{{name}}}{below}(", (operands[0], 0), rf",\, {_shortest(settings.get('pad_width'))})"]

    return tex


def _text(name: str) -> Any:
    def text(operands: tuple[Any, ...], settings: Any) -> list[Any]:
        value, mode = settings.get("constant_values", 0), settings.get("mode", "constant")
        told = f", constant_values={value}" if value != 0 else f", {mode!r}" if mode != "constant" else ""
        return [f"{name}(", (operands[0], 0), f", {_shortest(settings.get('pad_width'))}{told})"]

    return text


def _examples(rng: np.random.Generator) -> list[Any]:
    x, widths = rng.normal(size=(2, 3, 4)), ((0, 1), (2, 0), (3, 5))
    return [
        ((x,), {"pad_width": ((0, 1), (2, 0), (0, 0))}),
        ((x,), {"pad_width": 1, "constant_values": ((1, 2), (3, 4), (5, 6))}),
        *[((x,), {"pad_width": widths, "mode": mode}) for mode in MODES[1:]],
    ]


@op(
    tex=_tex("pad"),
    text=_text("pad"),
    infer=_wider,
    normalize=_settings,
    grad=lambda g, y, x, pad_width, mode, constant_values: call("unpad", g, pad_width=pad_width, mode=mode),
    examples=_examples,
    cost=0,
)
def pad(xp: Any, x: Any, pad_width: Any = 0, mode: Any = "constant", constant_values: Any = 0) -> Any:
    r"""Border put around an array, :math:`n \to a + n + b` elements along each axis.

    Parameters
    ----------
    x : Expr or array
        Of any shape.
    pad_width : int, (int, int), sequence of such pairs, or dict from axis to width
        How many elements before and after, for each axis.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What the border holds: a number; the last element; the mirror image without the last element, or with it; the
        elements from the other end.
    constant_values : number, or as ``pad_width``
        The number for ``"constant"``.

    Returns
    -------
    Expr
        Of the longer shape.

    Raises
    ------
    ShapeError
        For negative widths, an unknown mode, or an empty axis that should continue.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.pad(pel.vector("x", shape=(3,)), (1, 2), mode="edge").shape
    (6,)
    """
    if mode != "constant":
        return xp.pad(x, pad_width, mode=mode)
    values = constant_values if isinstance(constant_values, tuple) else np.asarray(constant_values, x.dtype)
    return xp.pad(x, pad_width, constant_values=values)


def _sources(size: int, widths: tuple[int, int], mode: str) -> Any:
    """Return for each element of a padded axis which element it was copied from."""
    return np.pad(np.arange(size), widths, mode=mode)  # type: ignore[call-overload]


def _gathered(xp: Any, x: Any, sources: Sequence[int], size: int, axis: int) -> Any:
    """Add elements up where they were copied from."""
    x = xp.moveaxis(x, axis, 0)
    total = xp.zeros((size, *x.shape[1:]), x.dtype)
    if xp is np:
        np.add.at(total, sources, x)
    else:
        total = total.at[np.asarray(sources)].add(x)
    return xp.moveaxis(total, 0, axis)


@op(
    tex=_tex("unpad"),
    text=_text("unpad"),
    infer=lambda x, pad_width, mode: Type(
        tuple(_longer(d, w, -1) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype
    ),
    normalize=lambda x, pad_width, mode: {"pad_width": _widths(x, pad_width), "mode": mode},
    grad=lambda g, y, x, pad_width, mode: pad(g, pad_width, mode),
    examples=lambda rng: [
        ((rng.normal(size=(2, 5, 9)),), {"pad_width": ((0, 1), (2, 0), (3, 3)), "mode": mode}) for mode in MODES
    ],
    cost=1,
    behind="pad",
)
def unpad(xp: Any, x: Any, pad_width: Any = 0, mode: Any = "constant") -> Any:
    r"""The border of an array taken away, and added to the elements it was copied from: the transpose of `pad`.

    Examples
    --------
    >>> import pellucid as pel
    >>> pel.unpad(pel.vector("x", shape=(6,)), (1, 2)).shape
    (3,)
    """
    if mode == "constant":
        return x[tuple(slice(a, x.shape[i] - b) for i, (a, b) in enumerate(pad_width))]
    for axis, widths in enumerate(pad_width):
        if widths != (0, 0):
            size = x.shape[axis] - sum(widths)
            x = _gathered(xp, x, _sources(size, widths, mode), size, axis)
    return x
