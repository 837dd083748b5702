r"""Padding and its transpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.graph.array_conversion import cast_to_dtype
from pellucid.graph.array_namespace import NUMPY, ArrayNamespace, NamespaceArray
from pellucid.graph.errors import ShapeError, near_miss
from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Example, PrintedOperand, TemplatePiece
from pellucid.graph.op_decorator import op
from pellucid.graph.operators import call_op
from pellucid.graph.ops.formatters import format_operand
from pellucid.graph.ops.sliding_windows import Pairs
from pellucid.graph.types import Dim, Type, add_dims

if TYPE_CHECKING:
    from pellucid.typing import Array, PadWidth


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
UNSUPPORTED_MODES = ("empty", "linear_ramp", "maximum", "mean", "median", "minimum")
"""Modes of `numpy.pad` only."""

Widths = tuple[tuple[int, int], ...]


def broadcast_pairs(
    values: PadWidth | float | Sequence[float] | Sequence[Sequence[float]], ndim: int, what: str
) -> Array:
    """Broadcast one value, one (before, after), or one such pair for each axis to pairs for all axes."""
    try:
        return np.broadcast_to(np.asarray(values), (ndim, 2))
    except ValueError:
        raise ShapeError(
            f"pad: expected one {what}, (before, after), or one such pair for each of {ndim} axes. Received: {values!r}"
        ) from None


def _normalize_widths(x: Expr, pad_width: PadWidth) -> Widths:
    if isinstance(pad_width, Mapping):
        each = [pad_width.get(a, pad_width.get(a - x.ndim, 0)) for a in range(x.ndim)]
        pad_width = [(w, w) if isinstance(w, (int, np.integer)) else w for w in each]
    widths = broadcast_pairs(pad_width, x.ndim, "width")
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ShapeError(f"pad of {x}: expected widths of 0 or more. Received: pad_width={pad_width}")
    return tuple((int(a), int(b)) for a, b in widths)


def _normalize_settings(
    x: Expr,
    pad_width: PadWidth,
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant",
    constant_values: float | Sequence[float] | Sequence[Sequence[float]] = 0,
) -> OpSettings:
    if mode not in MODES:
        unsupported = " pellucid does not support this mode of NumPy; add the border with pel.concatenate"
        hint = unsupported if mode in UNSUPPORTED_MODES else near_miss(str(mode), MODES)
        raise ShapeError(f"pad of {x}: expected a mode out of {', '.join(MODES)}. Received: mode={mode!r}.{hint}")
    values = cast_to_dtype(
        broadcast_pairs(constant_values, x.ndim, "constant value").tolist(), x.dtype, f"The border of {x}"
    )
    same = not values.size or (values == values.flat[0]).all()
    constants = (values.flat[0].item() or 0 if values.size else 0) if same else tuple(map(tuple, values.tolist()))
    if mode != "constant" and constants != 0:
        raise ShapeError(f"pad of {x}: mode {mode!r} takes no constant_values. Received: {constant_values!r}")
    return {"pad_width": _normalize_widths(x, pad_width), "mode": mode, "constant_values": constants}


def _infer_pad(x: Expr, pad_width: Widths, mode: str, constant_values: float | Pairs) -> Type:
    for dim, width in zip(x.shape, pad_width, strict=True):
        if dim == 0 and mode != "constant" and width != (0, 0):
            raise ShapeError(f"pad: {format_operand(x)}, has an empty axis, which {mode!r} cannot pad")
    return Type(tuple(_add_widths(d, w, 1) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype)


def _add_widths(dim: Dim, widths: tuple[int, int], sign: int) -> Dim:
    if widths == (0, 0):
        return dim
    return add_dims(dim, sign * (widths[0] + widths[1]))


def _abbreviate_widths(widths: Any) -> Any:
    """Return the shortest argument that means these widths."""
    if not isinstance(widths, tuple) or len(set(widths)) != 1:
        return widths
    before, after = widths[0]
    return before if before == after else (before, after)


def _tex(name: str) -> Any:
    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        mode = settings.get("mode", "constant")
        below = rf"_{{\text{{{mode}}}}}" if mode != "constant" else ""
        widths = _abbreviate_widths(settings.get("pad_width"))
        return [rf"\operatorname{{{name}}}{below}(", (operands[0], 0), rf",\, {widths})"]

    return tex


def _text(name: str) -> Any:
    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        value, mode = settings.get("constant_values", 0), settings.get("mode", "constant")
        shown = f", constant_values={value}" if value != 0 else f", {mode!r}" if mode != "constant" else ""
        return [f"{name}(", (operands[0], 0), f", {_abbreviate_widths(settings.get('pad_width'))}{shown})"]

    return text


def _draw_examples(rng: np.random.Generator) -> list[Example]:
    x, widths = rng.normal(size=(2, 3, 4)), ((0, 1), (2, 0), (3, 5))
    return [
        ((x,), {"pad_width": ((0, 1), (2, 0), (0, 0))}),
        ((x,), {"pad_width": 1, "constant_values": ((1, 2), (3, 4), (5, 6))}),
        *[((x,), {"pad_width": widths, "mode": mode}) for mode in MODES[1:]],
    ]


@op(
    tex=_tex("pad"),
    text=_text("pad"),
    infer=_infer_pad,
    normalize=_normalize_settings,
    grad=lambda g, y, x, pad_width, mode, constant_values: call_op("unpad", g, pad_width=pad_width, mode=mode),
    examples=_draw_examples,
    cost=0,
)
def pad(
    xp: ArrayNamespace,
    x: NamespaceArray,
    pad_width: PadWidth = 0,
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant",
    constant_values: float | Sequence[float] | Sequence[Sequence[float]] = 0,
) -> NamespaceArray:
    r"""Array with a border, :math:`n \to a + n + b` elements along each axis.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    pad_width : int, (int, int), sequence of such pairs, or dict from axis to width
        Number of elements added before and after, for each axis.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        Values of the border: a constant; the last element; the mirror image without the last element, or with it; the
        elements from the other end.
    constant_values : number, or as ``pad_width``
        Value of the border for ``"constant"``.

    Returns
    -------
    Expr
        Padded array.

    Raises
    ------
    ShapeError
        For negative widths, an unknown mode, or an empty axis in any mode but ``"constant"``.

    Examples
    --------
    >>> pel.pad(pel.vector("x", shape=(3,)), (1, 2), mode="edge").shape
    (6,)
    """
    if mode != "constant":
        return xp.pad(x, pad_width, mode=mode)
    values = constant_values if isinstance(constant_values, tuple) else np.asarray(constant_values, x.dtype)
    return xp.pad(x, pad_width, constant_values=values)


def _unpad_axis(xp: ArrayNamespace, x: Any, widths: tuple[int, int], mode: str, axis: int) -> NamespaceArray:
    """Add each element of a padded axis to the element that it was copied from."""
    size = x.shape[axis] - sum(widths)
    sources = np.pad(np.arange(size), widths, mode=mode)  # type: ignore[call-overload]
    x = xp.moveaxis(x, axis, 0)
    total: Any = xp.zeros((size, *x.shape[1:]), x.dtype)
    if xp is NUMPY:
        np.add.at(total, sources, x)
    else:
        total = total.at[sources].add(x)
    return xp.moveaxis(total, 0, axis)


@op(
    tex=_tex("unpad"),
    text=_text("unpad"),
    infer=lambda x, pad_width, mode: Type(
        tuple(_add_widths(d, w, -1) for d, w in zip(x.shape, pad_width, strict=True)), x.dtype
    ),
    normalize=lambda x, pad_width, mode: {"pad_width": _normalize_widths(x, pad_width), "mode": mode},
    grad=lambda g, y, x, pad_width, mode: pad(g, pad_width, mode),
    examples=lambda rng: [
        ((rng.normal(size=(2, 5, 9)),), {"pad_width": ((0, 1), (2, 0), (3, 3)), "mode": mode}) for mode in MODES
    ],
    cost=1,
    behind="pad",
)
def unpad(xp: ArrayNamespace, x: NamespaceArray, pad_width: Any = 0, mode: str = "constant") -> NamespaceArray:
    r"""Array without its border, which is added to the elements it was copied from: the transpose of `pad`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    pad_width : int or pairs of int
        Width of the border, as for `pad`.
    mode : str
        Origin of the border, as for `pad`.

    Examples
    --------
    >>> pel.unpad(pel.vector("x", shape=(6,)), (1, 2)).shape
    (3,)
    """
    if mode == "constant":
        return x[tuple(slice(a, x.shape[i] - b) for i, (a, b) in enumerate(pad_width))]
    for axis, widths in enumerate(pad_width):
        if widths != (0, 0):
            x = _unpad_axis(xp, x, widths, mode, axis)
    return x
