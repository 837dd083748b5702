"""Names and numbers as mathematics writes them: ``W1`` becomes W with an index, ``alpha`` a Greek letter."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np

from pellucid.graph.printing import ADD, ATOM, MULTIPLY, POWER, number
from pellucid.graph.types import Dim, Shape, Unknown, shape_text

GREEK = frozenset(
    [
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    ]
)
ACCENTS = frozenset(["hat", "bar", "tilde", "dot"])
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
SPECIAL = {c: "\\" + c for c in "_%&#${}"} | {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim ", " ": r"\ "}
LARGEST, MOST_COLUMNS = 16, 8
"""Constants of more elements or columns than this are written by their shape."""


def escaped(text: str) -> str:
    """Write any text so that LaTeX shows it as it is."""
    return "".join(SPECIAL.get(c, c) for c in text)


def name_tex(name: str) -> str:
    r"""Write a variable's name.

    What holds a backslash, a brace or a ``^`` is taken for LaTeX already.

    Parameters
    ----------
    name : str
        Such as ``W1``, ``Wx``, ``alpha``, ``learning_rate``, ``y_hat`` or ``dense_1/kernel``.

    Returns
    -------
    str
        LaTeX.

    Examples
    --------
    >>> [name_tex(n) for n in ["W1", "Wx", "alpha", "loss", "x_t", "y_hat", "W_out"]]
    ['W_{1}', 'W_{x}', '\\alpha', '\\mathit{loss}', 'x_{t}', '\\hat{y}', 'W_{\\mathrm{out}}']
    """
    if set(name) & set("\\{}^") and is_latex(name):
        return name
    if re.fullmatch(r"-?[\d.]+", name):
        return name
    head, *below = spelled(name).split("_")
    parts = re.fullmatch(r"([A-Za-z]+)(\d*)", head)
    if parts is None or not all(b.isalnum() for b in below):
        return rf"\mathrm{{{escaped(name)}}}"
    letters, digits = parts.groups()
    if re.fullmatch("[A-Z][a-z]", letters) and letters not in GREEK:
        letters, below = letters[0], [letters[1], *below]
    if below and below[0] in ACCENTS:
        letter = rf"\{below.pop(0)}{{{word_tex(letters, 'mathit')}}}"
    else:
        letter = word_tex(letters, "mathit")
    indices = [i for i in (digits, *below) if i]
    return letter + (f"_{{{', '.join(word_tex(i, 'mathrm') for i in indices)}}}" if indices else "")


def bar_tex(name: str) -> str:
    r"""Write a name with a bar, which stands for the gradient with respect to what has the name.

    Examples
    --------
    >>> print(bar_tex("W1"), bar_tex("loss"))
    \bar{W}_{1} \overline{\mathit{loss}}
    """
    letter, *index = name_tex(name).split("_{", 1)
    simple = len(letter) == 1 or (letter.startswith("\\") and letter[1:] in GREEK)
    closed = letter.count("{") == letter.count("}")
    if not closed:
        letter, index = name_tex(name), []
    return rf"\{'bar' if simple else 'overline'}{{{letter}}}" + "".join(f"_{{{i}" for i in index)


def is_latex(name: str) -> bool:
    """Tell whether a name with signs of LaTeX in it can be LaTeX: braces are closed, and it ends in no bare sign."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", name):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and not name.endswith(("\\", "^", "_"))


def spelled(name: str) -> str:
    """Spell Greek letters by their names and small digits as digits, where one stands alone: ``θ₁`` is ``theta1``."""
    plain = name.translate(SUBSCRIPTS)
    found = re.fullmatch(r"([Ͱ-Ͽ])(\d*(?:_.*)?)", plain)
    if found is None:
        return plain
    described = unicodedata.name(found[1], "").removeprefix("GREEK ").split(" LETTER ")
    word = described[-1].lower().replace("lamda", "lambda")
    word = word.capitalize() if described[0] == "CAPITAL" else word
    return word + found[2] if word in GREEK else plain


def dimensions_tex(shape: Shape) -> str:
    r"""Write dimensions as :math:`n \times 3`; a number has none.

    Examples
    --------
    >>> dimensions_tex(("n", 3))
    'n \\times 3'
    """
    return r" \times ".join(size_tex(d) for d in shape)


def size_tex(dim: Dim) -> str:
    """Write one dimension: a size, a name, or a question mark."""
    return "?" if isinstance(dim, Unknown) else str(dim) if isinstance(dim, int) else name_tex(dim)


def domain_tex(shape: Shape, dtype: np.dtype[Any]) -> str:
    r"""Write the set that values of a type lie in.

    Examples
    --------
    >>> domain_tex(("n", 3), np.dtype("float32"))
    '\\mathbb{R}^{n \\times 3}'
    """
    sets = {"i": r"\mathbb{Z}", "u": r"\mathbb{N}", "b": r"\{0, 1\}"}
    power = dimensions_tex(shape)
    return sets.get(dtype.kind, r"\mathbb{R}") + (f"^{{{power}}}" if power else "")


def word_tex(word: str, font: str) -> str:
    """Write a letter as it is, the name of a Greek one as that letter, a number plainly, and a word in a font."""
    if word in GREEK:
        return "\\" + word
    return word if len(word) == 1 or word.isdigit() else rf"\{font}{{{word}}}"


def number_tex(value: Any, dtype: np.dtype[Any]) -> tuple[str, int]:
    r"""Write a number, and how tightly it binds: :math:`3 \cdot 10^{-8}` is a product."""
    text = number(value, dtype)
    if dtype.kind == "b":
        return rf"\mathrm{{{text.lower()}}}", ATOM
    return digits_tex(text)


def digits_tex(text: str) -> tuple[str, int]:
    """Write the digits of a number, which may have an exponent, and how tightly they bind."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    if digits in ("inf", "nan"):
        plain, binds = {"inf": r"\infty", "nan": r"\mathrm{nan}"}[digits], ATOM
    elif "e" in digits:
        mantissa, exponent = digits.split("e")
        factor = "" if mantissa == "1" else mantissa + r" \cdot "
        plain, binds = f"{factor}10^{{{int(exponent)}}}", MULTIPLY if factor else POWER
    else:
        plain, binds = digits, ATOM
    return sign + plain, min(binds, ADD) if sign else binds


def array_tex(value: np.ndarray[Any, Any]) -> tuple[str, int]:
    """Write a constant: a number, zeros or ones, a small vector or matrix in full, a larger one by its shape."""
    if value.ndim == 0:
        return number_tex(value[()], value.dtype)
    if value.size and value.flat[0] in (0, 1) and (value == value.flat[0]).all():
        return rf"\mathbf{{{int(value.flat[0])}}}", ATOM
    if value.ndim > 2 or not value.size or value.size > LARGEST or value.shape[-1] > MOST_COLUMNS:
        return rf"\mathrm{{const}}_{{{escaped(shape_text(value.shape))}}}", ATOM
    rows = r" \\ ".join(" & ".join(number_tex(v, value.dtype)[0] for v in row) for row in np.atleast_2d(value))
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}", ATOM
