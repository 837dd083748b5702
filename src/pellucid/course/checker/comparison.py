"""What can be said about a wrong result without a known mistake."""

from __future__ import annotations

import numpy as np

from pellucid.course.checker.mistakes.mistake import Text
from pellucid.typing import Array, ArrayLike


def compare_results(quantity: str, answer: ArrayLike, truth: ArrayLike) -> Text:
    """Return what can be said about a wrong result without a known mistake."""
    answer, truth = np.asarray(answer), np.asarray(truth)
    if np.squeeze(answer).shape != np.squeeze(truth).shape:
        return f"Your result has shape {answer.shape}; {quantity} has shape {truth.shape}.", ""
    a, t = np.squeeze(answer).astype(float), np.squeeze(truth).astype(float)
    if a.size > 1 and np.all(a == a.flat[0]):
        return f"All entries of your result are {a.flat[0]:.4g}.", ""
    if not np.all(np.isfinite(a)):
        return (
            f"{int((~np.isfinite(a)).sum())} of {a.size} entries are NaN or infinite.",
            "Look for a division by 0, or a logarithm of a negative number.",
        )
    if not np.any(a):
        return f"Your result is 0{' everywhere' if a.ndim else ''}.", ""
    with np.errstate(all="ignore"):
        ratio = a / t
    if a.size > 1 and np.all(np.isfinite(ratio)) and np.allclose(ratio, ratio.flat[0], rtol=1e-6):
        return f"Your result is {ratio.flat[0]:.4g} times the right one.", "A constant factor is wrong."
    with np.errstate(all="ignore"):
        if a.size > 1 and np.allclose(np.abs(a), np.abs(t), rtol=1e-6):
            return "The absolute values are right, and some signs are wrong.", ""
    if a.size > 1 and np.allclose(a - t, (a - t).flat[0], rtol=1e-6):
        return "All entries differ from the right ones by the same number: a constant term is wrong.", ""
    agree = np.isclose(a, t, rtol=1e-6, atol=1e-9)
    if agree.any():
        return f"{int(agree.sum())} of {a.size} entries are right.", f"The wrong entries are at {list_places(~agree)}."
    return (
        "The numbers are wrong, and no single mistake that is known here explains them.",
        "Check each factor and its shape, from the inside out.",
    )


def list_places(wrong: Array) -> str:
    places = [tuple(map(int, p)) for p in np.argwhere(wrong)]
    shown = ", ".join(str(p if len(p) > 1 else p[0]) for p in places[:4])
    return shown + (" and others" if len(places) > 4 else "")
