r"""How functions along axes are written, in text and in LaTeX."""

from __future__ import annotations

from typing import Any

from pellucid.graph.expr import Expr
from pellucid.graph.printing import ATOM, BIG, Piece
from pellucid.graph.types import Unknown


def axes_tex(x: Any, axis: Any) -> str:
    """Write below an operator the axes it takes, by name where they have one, unless it takes them all."""
    if axis is None or not isinstance(x, Expr):
        return ""
    axes = (axis,) if isinstance(axis, int) else axis
    if len(axes) == x.ndim:
        return ""
    named = [str(x.shape[a]) for a in axes if isinstance(x.shape[a], str) and not isinstance(x.shape[a], Unknown)]
    if len(named) == len(axes):
        return f"_{{{', '.join(named)}}}"
    return rf"_{{\text{{axis {', '.join(map(str, axes))}}}}}"


def over(symbol: str) -> Any:
    """Write a reduction in LaTeX as a big operator."""

    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        return [f"{symbol}{axes_tex(operands[0], settings.get('axis'))} ", (operands[0], BIG)]

    return tex


def applied(symbol: str) -> Any:
    """Write a reduction in LaTeX as a function."""

    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        return [f"{symbol}{axes_tex(operands[0], settings.get('axis'))}(", (operands[0], 0), ")"]

    return tex


def method(name: str) -> Any:
    """Write a reduction in text as a method: ``x.sum(axis=1)``."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        axis, parts = settings.get("axis"), []
        if axis is not None and not (isinstance(operands[0], Expr) and len(axis) == operands[0].ndim):
            parts.append(f"axis={axis[0] if len(axis) == 1 else axis}")
        if settings.get("ddof"):
            parts.append(f"ddof={settings['ddof']}")
        if settings.get("keepdims"):
            parts.append("keepdims=True")
        return [(operands[0], ATOM), f".{name}({', '.join(parts)})"]

    return text


def along(name: str) -> Any:
    """Write a function along an axis in text as ``name(x)``, with the axis unless it is the last."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        axis = settings.get("axis", -1)
        last = isinstance(operands[0], Expr) and axis == (operands[0].ndim - 1,)
        shown = (
            "" if axis == -1 or last else f", axis={axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis}"
        )
        return [f"{name}(", (operands[0], 0), f"{shown})"]

    return text


def function(name: str) -> Any:
    """Write a reduction in text as a function: ``name(x, axis=1)``, with the axis unless it takes them all."""

    def text(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        arguments = method(name)(operands, settings)[1][len(name) + 2 : -1]
        return [f"{name}(", (operands[0], 0), f", {arguments})" if arguments else ")"]

    return text


def dim_tex(dim: Any) -> str:
    """Write a dimension in LaTeX: a number, a name, a dot where it is unknown."""
    if isinstance(dim, Unknown):
        return r"\cdot"
    return dim.replace("_", r"\_") if isinstance(dim, str) else str(dim)


def shape_tex(shape: Any) -> str:
    r"""Write a shape in LaTeX, :math:`n \times 12`."""
    return r" \times ".join(map(dim_tex, shape)) if len(shape) else "()"


def into_shape(symbol: str) -> Any:
    """Write in LaTeX a function that gives its operand the shape of a setting, or that of the operand after it."""

    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        shape = settings.get("shape", getattr(operands[-1], "shape", None) if len(operands) > 1 else None)
        below = f"_{{{shape_tex(shape)}}}" if isinstance(shape, tuple) else ""
        return [f"{symbol}{below}(", (operands[0], 0), ")"]

    return tex


def at(symbol: str, *told: str) -> Any:
    """Write in LaTeX a function along axes, with these settings after its operand."""

    def tex(operands: tuple[Any, ...], settings: Any) -> list[Piece]:
        pieces: list[Piece] = [f"{symbol}{axes_tex(operands[0], settings.get('axis'))}(", (operands[0], 0)]
        for value in (settings[name] for name in told if name in settings):
            flat = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            pieces.append(rf",\, {flat}")
        return [*pieces, ")"]

    return tex
