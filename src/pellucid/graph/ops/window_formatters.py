r"""Text and LaTeX of convolutions and of the gradients of convolutions and pooling.

The gradient of a convolution is written as the cross-correlation that it is. For the kernel, the gradient of the output
slides over the input, and the products are summed over samples. For the input, the flipped kernel slides over the
gradient of the output, with as much padding as includes every window that overlaps the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import EllipsisType
from typing import Any

from pellucid.graph.expr import Expr, OpSettings
from pellucid.graph.op import Formatter, PrintedOperand, TemplatePiece
from pellucid.graph.precedence import MULTIPLY

PLAIN = {"strides": 1, "padding": 0, "dilation": 1, "groups": 1}
"""Settings of a convolution that are not written."""


def format_per_axis(value: Any) -> str:
    """Return a setting that each axis has, once if all axes have the same.

    Examples
    --------
    >>> (
    ...     format_per_axis((2, 2)),
    ...     format_per_axis(((1, 1), (1, 1))),
    ...     format_per_axis(((1, 2), (0, 0))),
    ...     format_per_axis(3),
    ... )
    ('2', '1', '((1, 2), (0, 0))', '3')
    """
    while isinstance(value, tuple) and len(set(value)) == 1:
        value = value[0]
    return str(value)


def write_options(settings: OpSettings, form: str, separator: str) -> str:
    """Return the settings that differ from those of a plain convolution."""
    shown = {name: format_per_axis(value) for name, value in settings.items()}
    return separator.join(
        form.format(name=name, value=value) for name, value in shown.items() if value != str(PLAIN.get(name))
    )


def write_text_options(settings: Any) -> str:
    options = write_options(settings, "{name}={value}", ", ")
    return f", {options}" if options else ""


def write_star(settings: Any) -> str:
    r"""Return the sign of a cross-correlation in LaTeX, with its settings below.

    Examples
    --------
    >>> print(write_star({"strides": (2, 2), "padding": ((0, 0), (0, 0))}))
    \ast_{\text{strides 2}}
    """
    options = write_options(settings, "{name} {value}", ", ")
    return rf"\ast_{{\text{{{options}}}}}" if options else r"\ast"


def conv_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    x, kernel = operands
    return [(kernel, MULTIPLY + 1), f" {write_star(settings)} ", (x, MULTIPLY + 1)]


def get_kernel_correlation(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> tuple[OpSettings, str]:
    """Return the settings of the cross-correlation that is a kernel gradient, and the part of the result to keep.

    The gradient has a step of ``strides`` between its elements, and its window moves by ``dilation``. If strides leave
    the end of the input unused, the cross-correlation has more elements than the kernel.
    """
    x, _, kernel = operands
    if "strides" not in settings:  # a pattern shows the op without settings
        return {}, ""
    swapped = {**settings, "strides": settings["dilation"], "dilation": settings["strides"]}
    if not (isinstance(kernel, Expr) and isinstance(x, Expr)):
        return swapped, ""
    window = kernel.shape[:-2]
    geometry = (settings["strides"], settings["padding"], settings["dilation"])
    axes: list[tuple[Any, ...]] = list(zip(x.shape[1:-1], window, *geometry, strict=True))
    is_longer = any(
        s > 1 and not (isinstance(n, int) and (n + sum(p) - (k - 1) * r - 1) % s == 0) for n, k, s, p, r in axes
    )
    return swapped, f"[{', '.join(f':{k}' for k in window)}]" if is_longer else ""


def kernel_gradient_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    swapped, kept = get_kernel_correlation(operands, settings)
    x, g, _ = operands
    return ["correlate(", (x, 0), ", ", (g, 0), f"{write_text_options(swapped)}){kept}"]


def kernel_gradient_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    swapped, kept = get_kernel_correlation(operands, settings)
    x, g, _ = operands
    samples = x.shape[0] if isinstance(x, Expr) and str(x.shape[0]).isalpha() else r"\text{samples}"
    product: list[TemplatePiece] = [(g, MULTIPLY + 1), f" {write_star(swapped)} ", (x, MULTIPLY + 1)]
    start = rf"\sum_{{{samples}}} "
    return [start, r"\left(", *product, rf"\right)_{{{kept[1:-1]}}}"] if kept else [start, *product]


def get_full_padding(operands: tuple[Any, ...], settings: OpSettings) -> tuple[tuple[int, int | EllipsisType], ...]:
    """Return the padding of the gradient under the flipped kernel.

    A negative number removes elements that no window reached. The second number of a pair is ``...`` if the size of
    the input decides how far the last window reaches.
    """
    g, kernel, like = operands
    pairs: list[tuple[int, int | EllipsisType]] = []
    for axis, (k, s, r) in enumerate(zip(kernel.shape[:-2], settings["strides"], settings["dilation"], strict=True)):
        reach = (k - 1) * r
        low, high = (reach - p for p in settings["padding"][axis])
        size, count = like.shape[axis + 1], g.shape[axis + 1]
        is_known = isinstance(size, int) and isinstance(count, int)
        if s > 1:
            high = size + reach - ((count - 1) * s + 1) - low if is_known else ...
        pairs.append((low, high))
    return tuple(pairs)


def get_input_correlation(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> OpSettings:
    if not isinstance(operands[1], Expr):  # the size of the kernel is unknown in a pattern
        return {}
    return {
        "padding": get_full_padding(operands, settings),
        "dilation": settings["dilation"],
        "groups": settings["groups"],
    }


def has_steps(settings: OpSettings) -> bool:
    return any(s > 1 for s in settings.get("strides", ()))


def input_gradient_text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    g, kernel, _ = operands
    spread: list[TemplatePiece] = [(g, 0)]
    if has_steps(settings):
        spread = ["dilate(", (g, 0), f", {format_per_axis(settings['strides'])})"]
    options = write_text_options(get_input_correlation(operands, settings)).replace("Ellipsis", "...")
    return ["correlate(", *spread, ", flip(", (kernel, 0), f"){options})"]


def input_gradient_tex(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
    g, kernel, _ = operands
    spread: list[TemplatePiece] = [(g, MULTIPLY + 1)]
    if has_steps(settings):
        spread = [rf"\operatorname{{dilate}}_{{{format_per_axis(settings['strides'])}}}(", (g, 0), ")"]
    star = write_star(get_input_correlation(operands, settings)).replace("Ellipsis", "...")
    return [r"\operatorname{flip}(", (kernel, 0), f") {star} ", *spread]


def chosen_operands_text(name: str, *positions: int) -> Formatter:
    """Print an op in text under a descriptive name, with some of its operands and its window.

    The other operands only repeat a shape, or follow from the operands that are shown.
    """

    def text(operands: tuple[PrintedOperand, ...], settings: OpSettings) -> list[TemplatePiece]:
        shown: list[TemplatePiece] = []
        for position in positions:
            shown += [", ", (operands[position], 0)] if shown else [(operands[position], 0)]
        return [f"{name}(", *shown, f"{write_text_options(settings)})"]

    return text


def chosen_operands_tex(symbol: str, *positions: int) -> Callable[..., list[TemplatePiece]]:
    def tex(operands: Sequence[Any], settings: OpSettings) -> list[TemplatePiece]:
        shown: list[TemplatePiece] = []
        for position in positions:
            shown += [r",\, ", (operands[position], 0)] if shown else [(operands[position], 0)]
        return [f"{symbol}(", *shown, ")"]

    return tex
