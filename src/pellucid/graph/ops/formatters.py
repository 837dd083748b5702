r"""Factories of the functions that print ops in text and in LaTeX."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Formatter, PrintedOperand, TemplatePiece
from pellucid.graph.precedence import ATOM, BIG
from pellucid.graph.printing import format_setting
from pellucid.graph.size_formulas import Atom, SizeFormula
from pellucid.graph.types import Dim, Unknown, as_formula, format_shape, is_formula


def format_operand(x: Expr) -> str:
    """Return an operand and its shape, for an error message."""
    return f"{x}, of shape {format_shape(x.shape)}"


def separate_operands(operands: Iterable[PrintedOperand], separator: str = ", ") -> list[TemplatePiece]:
    return [piece for operand in operands for piece in (separator, (operand, 0))][1:]


def axes_to_latex(x: PrintedOperand, axis: int | tuple[int, ...] | None) -> str:
    """Return a LaTeX subscript with the names or numbers of the axes, empty for all axes."""
    if axis is None or not isinstance(x, Expr):
        return ""
    axes = (axis,) if isinstance(axis, int) else axis
    if len(axes) == x.ndim:
        return ""
    sizes = [x.shape[a] for a in axes]
    named = [dim_to_latex(d) for d in sizes if isinstance(d, str) and not isinstance(d, Unknown)]
    if len(named) == len(axes):
        return f"_{{{', '.join(named)}}}"
    return rf"_{{\text{{axis {', '.join(map(str, axes))}}}}}"


def setting_to_latex(value: object) -> str:
    r"""Return the LaTeX of a setting or the name of a dimension, which may come from a file.

    Examples
    --------
    >>> setting_to_latex("n_steps"), setting_to_latex(0.5), setting_to_latex(r"$\input{x}")
    ('n\\_steps', '0.5', '??input?x?')
    """
    if isinstance(value, float) and math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    return re.sub(r"[^\w .,:;+*/()=<>-]", "?", str(value)).replace("\n", " ").replace("_", r"\_")


def _shape_to_latex(shape: tuple[Any, ...]) -> str:
    return r" \times ".join(map(dim_to_latex, shape)) if shape else "()"


def dim_to_latex(dim: Dim) -> str:
    r"""Return the LaTeX of a dimension.

    Examples
    --------
    >>> dim_to_latex("n_rows"), dim_to_latex("2*(n//2) - 1")
    ('n\\_rows', '2 \\lfloor n / 2 \\rfloor - 1')
    """
    if is_formula(dim) or isinstance(dim, Unknown):
        return formula_to_latex(as_formula(dim))
    return setting_to_latex(dim)


def formula_to_latex(formula: SizeFormula) -> str:
    latex = ""
    for monomial, coefficient in formula.terms:
        factors = [atom_to_latex(atom) for atom in monomial]
        factors = [str(abs(coefficient))] * (abs(coefficient) != 1 or not monomial) + factors
        sign = ("-" if coefficient < 0 else "") if not latex else (" - " if coefficient < 0 else " + ")
        latex += sign + " ".join(factors)
    return latex or "0"


def atom_to_latex(atom: Atom) -> str:
    if isinstance(atom, str):
        return r"\cdot" if atom.startswith("?") else setting_to_latex(atom)
    left, right = formula_to_latex(atom.left), formula_to_latex(atom.right)
    if atom.name == "//":
        return rf"\lfloor {left if atom.left.is_atom else f'({left})'} / {right} \rfloor"
    return rf"({left} \bmod {right})" if atom.name == "%" else rf"\{atom.name}({left}, {right})"


def big_operator_tex(symbol: str) -> Formatter:
    """Print a reduction in LaTeX as a big operator with the axes below it."""

    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        return [f"{symbol}{axes_to_latex(operands[0], settings.get('axis'))} ", (operands[0], BIG)]

    return tex


def function_tex(symbol: str, *shown: str) -> Formatter:
    r"""Print a function in LaTeX with the axes below its name and the ``shown`` settings after its operand."""

    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        pieces: list[TemplatePiece] = [f"{symbol}{axes_to_latex(operands[0], settings.get('axis'))}(", (operands[0], 0)]
        for value in (settings[name] for name in shown if name in settings):
            flat = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            pieces.append(rf",\, {setting_to_latex(flat)}")
        return [*pieces, ")"]

    return tex


def settings_tex(symbol: str) -> Formatter:
    r"""Print a function in LaTeX with settings in its symbol, such as ``Q_{{{q}}}``. Missing settings are empty."""

    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        shown = {key: setting_to_latex(v) if isinstance(v, str) else v for key, v in settings.items()}
        return [f"{symbol.format_map(defaultdict(str, shown))}(", (operands[0], 0), ")"]

    return tex


def shape_function_tex(symbol: str) -> Formatter:
    """Print a change of shape in LaTeX, with the new shape below its name."""

    def tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        shape = settings.get("shape", getattr(operands[-1], "shape", None) if len(operands) > 1 else None)
        below = f"_{{{_shape_to_latex(shape)}}}" if isinstance(shape, tuple) else ""
        return [f"{symbol}{below}(", (operands[0], 0), ")"]

    return tex


def _reduction_arguments(x: PrintedOperand, settings: OpSettings) -> str:
    axis = settings.get("axis")
    axes = (axis,) if isinstance(axis, int) else axis
    parts = [f"ord={settings['ord']}"] if settings.get("ord", 2) != 2 else []
    if axes is not None and not (isinstance(x, Expr) and len(axes) == x.ndim):
        parts.append(f"axis={axes[0] if len(axes) == 1 else axes}")
    if settings.get("ddof"):
        parts.append(f"ddof={settings['ddof']}")
    if settings.get("keepdims"):
        parts.append("keepdims=True")
    if "initial" in settings:
        parts.append(f"initial={settings['initial']}")
    return ", ".join(parts)


def method_text(name: str) -> Formatter:
    """Print a reduction in text as a method, ``x.sum(axis=1)``, without the axis of a vector."""
    return lambda operands, settings: [(operands[0], ATOM), f".{name}({_reduction_arguments(operands[0], settings)})"]


def reduction_text(name: str) -> Formatter:
    """Print a reduction in text as a function, ``name(x, axis=1)``."""

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        arguments = _reduction_arguments(operands[0], settings)
        return [f"{name}(", (operands[0], 0), f", {arguments})" if arguments else ")"]

    return text


def last_axis_text(name: str) -> Formatter:
    """Print a function in text as ``name(x)``, with the axis unless it is the last."""

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        axis = settings.get("axis", -1)
        if axis == -1 or (isinstance(operands[0], Expr) and axis == (operands[0].ndim - 1,)):
            return [f"{name}(", (operands[0], 0), ")"]
        shown = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        return [f"{name}(", (operands[0], 0), f", axis={shown})"]

    return text


def call_text(name: str, **defaults: Any) -> Formatter:
    """Print an op in text as a call with the settings that differ from the defaults.

    A setting with the same value for every axis is printed once.
    """

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        pieces = [f"{name}(", *separate_operands(operands)]
        for key, value in settings.items():
            shown = value if isinstance(value, str) or len({*np.ravel(value)}) > 1 else np.ravel(value)[0]
            if shown != defaults.get(key):
                pieces.append(f", {key}={format_setting(shown)}")
        return [*pieces, ")"]

    return text
