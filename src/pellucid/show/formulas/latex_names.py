"""LaTeX of names, shapes and numbers."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from pellucid.graph.precedence import ADD, ATOM, MULTIPLY, POWER
from pellucid.graph.printing import format_number
from pellucid.graph.types import Shape, Unknown, format_shape
from pellucid.typing import Array

GREEK = frozenset(
    [
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    ]
)
ACCENTS = frozenset(["hat", "bar", "tilde", "dot"])
COMMANDS = frozenset(
    [
        *GREEK, *ACCENTS, *("ddot", "vec", "check", "breve", "acute", "grave", "mathring", "widehat", "widetilde"),
        *("overline", "underline", "underbrace", "overbrace", "overset", "underset", "frac", "sqrt", "binom"),
        *("mathrm", "mathit", "mathbf", "mathbb", "mathcal", "mathfrak", "mathscr", "mathsf", "mathtt", "boldsymbol"),
        *("text", "textbf", "textit", "operatorname", "left", "right", "ell", "hbar", "imath", "jmath", "partial"),
        *("nabla", "infty", "prime", "star", "ast", "dagger", "top", "bot", "perp", "circ", "bullet", "cdot", "cdots"),
        *("ldots", "dots", "times", "pm", "mp", "odot", "otimes", "oplus", "varepsilon", "vartheta", "varphi"),
        *("varrho", "varsigma", "to", "mapsto", "leftarrow", "rightarrow", "in", "mid", "parallel", "langle"),
        *("rangle", "lVert", "rVert", "lvert", "rvert", "sum", "prod", "int", "max", "min", "log", "exp", "sim"),
        *("backslash", "wedge", "vee", "quad"),
    ]
)  # fmt: skip
"""Commands that a name may contain. Others, such as ``\\input`` and ``\\href``, can read files and run scripts."""
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
ESCAPES = {c: "\\" + c for c in "_%&#${}"} | {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim ", " ": r"\ "}
MAX_ELEMENTS, MAX_COLUMNS = 16, 8
"""Larger constants are printed as their shape."""


def escape_latex(text: str) -> str:
    return "".join(ESCAPES.get(c, c) if c.isprintable() else "?" for c in text)


def name_to_latex(name: str) -> str:
    r"""Return the LaTeX of a variable name; a name with a backslash, brace or ``^`` is LaTeX already.

    Examples
    --------
    >>> [name_to_latex(n) for n in ["W1", "Wx", "alpha", "loss", "x_t", "y_hat", "W_out"]]
    ['W_{1}', 'W_{x}', '\\alpha', '\\mathit{loss}', 'x_{t}', '\\hat{y}', 'W_{\\mathrm{out}}']
    """
    if set(name) & set("\\{}^") and is_latex(name):
        return name
    if re.fullmatch(r"-?[\d.]+", name):
        return name
    head, *below = spell_out(name).split("_")
    parts = re.fullmatch(r"([A-Za-z]+)(\d*)", head)
    if parts is None or not all(b.isalnum() for b in below):
        return rf"\mathrm{{{escape_latex(name)}}}"
    letters, digits = parts.groups()
    if re.fullmatch("[A-Z][a-z]", letters) and letters not in GREEK:
        letters, below = letters[0], [letters[1], *below]
    if below and below[0] in ACCENTS:
        letter = rf"\{below.pop(0)}{{{word_to_latex(letters, 'mathit')}}}"
    else:
        letter = word_to_latex(letters, "mathit")
    indices = [i for i in (digits, *below) if i]
    return letter + (f"_{{{', '.join(word_to_latex(i, 'mathrm') for i in indices)}}}" if indices else "")


def bar_to_latex(name: str) -> str:
    r"""Return the LaTeX of a name with a bar, the symbol of the gradient with respect to it.

    Examples
    --------
    >>> print(bar_to_latex("W1"), bar_to_latex("loss"))
    \bar{W}_{1} \overline{\mathit{loss}}
    """
    letter, *index = name_to_latex(name).split("_{", 1)
    is_single = len(letter) == 1 or (letter.startswith("\\") and letter[1:] in GREEK)
    if letter.count("{") != letter.count("}"):
        letter, index = name_to_latex(name), []
    return rf"\{'bar' if is_single else 'overline'}{{{letter}}}" + "".join(f"_{{{i}" for i in index)


def is_latex(name: str) -> bool:
    r"""Check that a name is a formula: known commands, balanced braces, and no operator at the end.

    Examples
    --------
    >>> is_latex(r"\hat{W}_1"), is_latex("W}"), is_latex(r"\input{secret}"), is_latex(r"W^2$ \alpha")
    (True, False, False, False)
    """
    without_commands = re.sub(r"\\(?:([A-Za-z]+)|[ ,:;!{}_|%#&$])", lambda m: "" if m[1] is None else m[1], name)
    commands = re.findall(r"\\([A-Za-z]+)", name)
    if not COMMANDS.issuperset(commands) or not name.isprintable() or set(without_commands) & set("\\$%#&~"):
        return False
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", name):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and not name.endswith(("\\", "^", "_")) and is_convertible(name)


@functools.lru_cache(1000)
def is_convertible(name: str) -> bool:
    """Check that a name is complete, by converting it: the formula around it could not be shown otherwise."""
    from latex2mathml.converter import convert_to_element

    try:
        convert_to_element(f"{name} = 1")
    except Exception:  # the converter has many exceptions without a common base class
        return False
    return True


def spell_out(name: str) -> str:
    """Replace a leading Greek letter by its name and subscript digits by digits: ``θ₁`` becomes ``theta1``."""
    ascii_digits = name.translate(SUBSCRIPTS)
    found = re.fullmatch(r"([Ͱ-Ͽ])(\d*(?:_.*)?)", ascii_digits)
    if found is None:
        return ascii_digits
    case, _, letter = unicodedata.name(found[1], "").removeprefix("GREEK ").partition(" LETTER ")
    word = letter.lower().replace("lamda", "lambda")
    word = word.capitalize() if case == "CAPITAL" else word
    return word + found[2] if word in GREEK else ascii_digits


def shape_to_latex(shape: Shape) -> str:
    """Return the LaTeX of a shape, empty for a scalar."""
    return r" \times ".join("?" if isinstance(d, Unknown) else name_to_latex(str(d)) for d in shape)


def add_index(name: str, index: str) -> str:
    r"""Append an index to a name in LaTeX.

    Examples
    --------
    >>> add_index("h", "t"), add_index("h_{1}", "t-1")
    ('h_{t}', 'h_{1, t-1}')
    """
    return f"{name[:-1]}, {index}}}" if "_{" in name and name.endswith("}") else f"{name}_{{{index}}}"


def domain_to_latex(shape: Shape, dtype: np.dtype[np.generic]) -> str:
    """Return the LaTeX of the set of values of a type."""
    sets = {"i": r"\mathbb{Z}", "u": r"\mathbb{N}", "b": r"\{0, 1\}"}
    power = shape_to_latex(shape)
    return sets.get(dtype.kind, r"\mathbb{R}") + (f"^{{{power}}}" if power else "")


def word_to_latex(word: str, font: str) -> str:
    if word in GREEK:
        return "\\" + word
    return word if len(word) == 1 or word.isdigit() else rf"\{font}{{{word}}}"


def digits_to_latex(text: str) -> tuple[str, int]:
    r"""Return the LaTeX of a printed number or boolean and its precedence: :math:`3 \cdot 10^{-8}` is a product."""
    if text in ("True", "False"):
        return rf"\mathrm{{{text.lower()}}}", ATOM
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    if digits in ("inf", "nan"):
        latex, precedence = {"inf": r"\infty", "nan": r"\mathrm{nan}"}[digits], ATOM
    elif "e" in digits:
        mantissa, exponent = digits.split("e")
        factor = "" if mantissa == "1" else mantissa + r" \cdot "
        latex, precedence = f"{factor}10^{{{int(exponent)}}}", MULTIPLY if factor else POWER
    else:
        latex, precedence = digits, ATOM
    return sign + latex, min(precedence, ADD) if sign else precedence


def array_to_latex(value: Array) -> tuple[str, int]:
    """Return the LaTeX of a constant and its precedence."""
    if value.ndim == 0:
        return digits_to_latex(format_number(value[()], value.dtype))
    if value.size and value.flat[0] in (0, 1) and (value == value.flat[0]).all():
        return rf"\mathbf{{{int(value.flat[0])}}}", ATOM
    if value.ndim > 2 or not value.size or value.size > MAX_ELEMENTS or value.shape[-1] > MAX_COLUMNS:
        return rf"\mathrm{{const}}_{{{escape_latex(format_shape(value.shape))}}}", ATOM
    return matrix_to_latex([[format_number(v, value.dtype) for v in row] for row in np.atleast_2d(value)]), ATOM


def matrix_to_latex(rows: Iterable[Iterable[str]]) -> str:
    """Return the LaTeX of a matrix of printed numbers."""
    body = r" \\ ".join(" & ".join(digits_to_latex(number)[0] for number in row) for row in rows)
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}"
