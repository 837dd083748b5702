r"""Sums over windows: the gradients of convolutions and pooling element by element.

:math:`\bar w_{k,d,c} = \sum_{n,i} x_{n,\, i + k,\, d} \, \bar y_{n,i,c}`, with strides, padding and dilation in
the indices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from pellucid.show.pages.formula_page import Style

Index = tuple[str, ...]


@dataclass(frozen=True)
class WindowSum:
    """One element of a gradient as a sum.

    Attributes
    ----------
    target : tuple of str
        Index of the element.
    over : tuple of str
        Letters that the sum runs over, none if ``condition`` says it.
    factors : tuple of (str, tuple of str)
        Operands with indices: ``"x"`` is the input, ``"w"`` the kernel and ``"g"`` the gradient of the output.
    condition : str
        Which terms the sum includes, if not all.
    """

    target: Index
    over: Index
    factors: tuple[tuple[str, Index], ...]
    condition: str = ""


@dataclass(frozen=True)
class Letters:
    """Letters of indices: sample, windows, positions in a window, elements of the input, channels in and out."""

    sample: str
    window: Index
    position: Index
    element: Index
    channel_in: str
    channel_out: str


def choose_letters(axes: int, taken: Collection[str] = ()) -> Letters:
    """Return the usual letters, and others in place of those that are taken.

    Examples
    --------
    >>> choose_letters(2).position, choose_letters(2, {"k", "a"}).position
    (('k', 'l'), ('e', 'l'))
    """
    wanted = ["n", *"ijh"[:axes], *"klm"[:axes], *"abp"[:axes], "d", "c"]
    spare = (letter for letter in ascii_lowercase if letter not in wanted and letter not in taken)
    found = [letter if letter not in taken else next(spare) for letter in wanted]
    window, position, element = (tuple(found[1 + axes * part : 1 + axes * (part + 1)]) for part in range(3))
    return Letters(found[0], window, position, element, found[-2], found[-1])


def add_indices(terms: Sequence[tuple[int, str]], offset: int = 0) -> str:
    """Return a sum of multiples of letters or numbers, and an offset.

    Examples
    --------
    >>> add_indices([(2, "i"), (1, "k")], -1), add_indices([(1, "i"), (-1, "2")], 1), add_indices([(1, "3"), (-1, "k")])
    ('2 * i + k - 1', 'i - 1', '3 - k')
    """
    letters = [(factor, term) for factor, term in terms if not term.isdigit()]
    offset += sum(factor * int(term) for factor, term in terms if term.isdigit())
    shown = [(factor < 0, term if abs(factor) == 1 else f"{abs(factor)} * {term}") for factor, term in letters]
    if offset or not shown:
        # A positive number is in front of a letter that is subtracted.
        shown.insert(0 if offset > 0 and shown and shown[0][0] else len(shown), (offset < 0, str(abs(offset))))
    (is_first_negative, first), *rest = shown
    return f"{'-' * is_first_negative}{first}" + "".join(
        f" {'-' if negative else '+'} {term}" for negative, term in rest
    )


def find_input_positions(settings: Mapping[str, Any], window: Index, position: Index) -> Index:
    """Return the element of the input at each position of each window."""
    steps = zip(settings["strides"], window, settings["dilation"], position, settings["padding"], strict=True)
    return tuple(add_indices([(s, i), (r, k)], -before) for s, i, r, k, (before, _) in steps)


def describe_groups(settings: Mapping[str, Any], letters: Letters) -> str:
    return "" if settings["groups"] == 1 else f"in each of {settings['groups']} groups of channels"


def write_kernel_gradient(settings: Mapping[str, Any], letters: Letters, target: Index | None = None) -> WindowSum:
    """Return an element of the gradient of a kernel: a sum over samples and windows."""
    index = target or (*letters.position, letters.channel_in, letters.channel_out)
    n, *position, channel_in, channel_out = letters.sample, *index
    elements = find_input_positions(settings, letters.window, tuple(position))
    factors = (("x", (n, *elements, channel_in)), ("g", (n, *letters.window, channel_out)))
    return WindowSum(index, (n, *letters.window), factors, describe_groups(settings, letters))


def write_input_gradient(settings: Mapping[str, Any], letters: Letters, target: Index | None = None) -> WindowSum:
    """Return an element of the gradient of an input: a sum over the windows that contain it."""
    index = target or (letters.sample, *letters.element, letters.channel_in)
    n, *element, channel_in = index
    position, windows = letters.position, letters.window
    groups = describe_groups(settings, letters)
    kernel = ("w", (*position, channel_in, letters.channel_out))
    if set(settings["strides"]) == {1}:
        axes = zip(element, settings["dilation"], position, settings["padding"], strict=True)
        window = tuple(add_indices([(1, a), (-r, k)], before) for a, r, k, (before, _) in axes)
        return WindowSum(
            index, (*position, letters.channel_out), (("g", (n, *window, letters.channel_out)), kernel), groups
        )
    at = find_input_positions(settings, windows, position)
    meets = " and ".join(f"{place} = {a}" for place, a in zip(at, element, strict=True))
    factors = (("g", (n, *windows, letters.channel_out)), kernel)
    return WindowSum(
        index, (*windows, *position, letters.channel_out), factors, ", ".join(filter(None, [f"with {meets}", groups]))
    )


def write_unpooling(letters: Letters, target: Index | None, which: str) -> WindowSum:
    """Return an element of the gradient of an input of pooling: a sum over some windows that contain it."""
    index = target or (letters.sample, *letters.element, letters.channel_in)
    factors = (("g", (index[0], *letters.window, index[-1])),)
    windows, element = (f"({', '.join(part)})" for part in (letters.window, index[1:-1]))
    return WindowSum(index, (), factors, f"over the windows {windows} {which} {element}")


def write_max_unpooling(settings: Mapping[str, Any], letters: Letters, target: Index | None = None) -> WindowSum:
    return write_unpooling(letters, target, "whose first maximum is at")


def write_sum_unpooling(settings: Mapping[str, Any], letters: Letters, target: Index | None = None) -> WindowSum:
    return write_unpooling(letters, target, "that contain")


def write_window_sum(one: WindowSum, names: Mapping[str, str], style: Style) -> str:
    """Write the sum with the names of the operands, without its left side, and in LaTeX without its condition."""

    def write_factor(role: str, index: Index) -> str:
        return index_name(names[role], index, style)

    product = (" " if style.is_latex else " * ").join(write_factor(*factor) for factor in one.factors)
    if style.is_latex:
        return rf"\sum{f'_{{{write_index(one.over, style)}}}' if one.over else ''} {product}"
    if not one.over:
        return f"sum {one.condition} of {product}"
    condition = f", {one.condition}," if one.condition else ""
    return f"sum over {', '.join(one.over)}{condition} of {product}"


def index_name(name: str, index: Index, style: Style) -> str:
    """Return a name with an index. In LaTeX, parentheses separate an index that the name has from this one."""
    written = write_index(index, style)
    return rf"({name})_{{{written}}}" if style.is_latex and "_" in name else style.index(name, written)


def write_index(index: Index, style: Style) -> str:
    written = ", ".join(index)
    return written.replace(" * ", r" \, ") if style.is_latex else written


GRADIENTS = {
    "conv_kernel_gradient": (write_kernel_gradient, "xg"),
    "conv_input_gradient": (write_input_gradient, "gw"),
    "max_pool_gradient": (write_max_unpooling, "g"),
    "sum_pool_gradient": (write_sum_unpooling, "g"),
}
"""Gradients that are sums over windows: the function that writes an element, and the roles of the op's operands."""

RULES = {
    "conv": ("conv_input_gradient", "conv_kernel_gradient"),
    "max_pool": ("max_pool_gradient",),
    "sum_pool": ("sum_pool_gradient",),
}
"""Gradients with respect to the operands of an op."""
