"""Pictures in words: what there is to see, worked out from the same numbers that are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.input_values import figure


def listed(parts: Sequence[str], most: int = 4) -> str:
    """Join parts as a sentence does, and say how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a"]), listed(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    shown = list(parts[:most])
    if len(parts) > most:
        return f"{', '.join(shown)} and {len(parts) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def read_curves(curves: Mapping[str, ArrayLike], across: str = "epoch") -> str:
    """Say how curves run: where each begins and ends, where it is best, and how training and held-out data part.

    Examples
    --------
    >>> print(read_curves({"loss": [1.0, 0.5, 0.2]}))
    loss falls from 1 to 0.2, its least, over 3 epochs.
    """
    told = [one_curve(name, np.asarray(values, dtype=float), across) for name, values in curves.items()]
    for name in curves:
        held_out = f"val_{name}"
        if held_out in curves:
            both = [np.asarray(curves[n], dtype=float) for n in (name, held_out)]
            told += two_curves(name, held_out, both[0], both[1], across)
    return " ".join(told)


def is_loss(name: str) -> bool:
    """Tell whether less is better of what has a name."""
    return not any(word in name for word in ("accuracy", "precision", "recall", "score", "auc", "iou", "r2"))


def one_curve(name: str, values: NDArray[Any], across: str) -> str:
    """Say how one curve runs."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        return f"{name} is no number from {across} {bad[0] + 1} of {len(values)} on."
    if len(values) == 1:
        return f"{name} is {figure(values[0], 3)} after one {across}."
    less = is_loss(name)
    best = int(values.argmin() if less else values.argmax())
    first, last, top = (figure(v, 3) for v in (values[0], values[-1], values[best]))
    word = "least" if less else "greatest"
    improves = values[-1] < values[0] if less else values[-1] > values[0]
    verb = ("falls" if less else "rises") if improves else "goes" if values[-1] != values[0] else "stays"
    span = f"over {len(values)} {across}{'' if across.endswith('s') else 's'}"
    if best == len(values) - 1:
        return f"{name} {verb} from {first} to {last}, its {word}, {span}."
    if verb == "stays":
        return f"{name} begins and ends at {last}, with its {word}, {top}, at {across} {best + 1}."
    return f"{name} {verb} from {first} to {last} with its {word}, {top}, at {across} {best + 1}."


def two_curves(name: str, held_out: str, training: NDArray[Any], validation: NDArray[Any], across: str) -> list[str]:
    """Say how the curves of training and held-out data lie to each other."""
    if not (np.isfinite(training).all() and np.isfinite(validation).all()) or len(validation) < 2:
        return []
    less = is_loss(name)
    best = int(validation.argmin() if less else validation.argmax())
    gap = validation[-1] - training[-1] if less else training[-1] - validation[-1]
    scale = max(abs(float(validation[0] - validation[best])), 1e-12)
    if less and training[-1] > 0:
        told = f"At the end {held_out} is {figure(validation[-1] / training[-1], 2)} times {name}"
    else:
        told = f"At the end {held_out} is {figure(abs(validation[-1] - training[-1]), 2)} "
        told += f"{'below' if validation[-1] < training[-1] else 'above'} {name}"
    worse = (validation[-1] - validation[best]) * (1 if less else -1)
    if best < len(validation) - 1 and worse > 0.1 * scale and gap > 0:
        return [
            f"{told}; since {across} {best + 1} the two run apart: what is learned since then is about the training "
            "data alone."
        ]
    return [f"{told}."]


def read_confusion(counts: ArrayLike, names: Sequence[str] = ()) -> str:
    """Say what a confusion matrix shows: how many are right, the best and the worst class, the commonest mistakes.

    Examples
    --------
    >>> print(read_confusion([[9, 1], [4, 6]], ["cat", "dog"])[:66])
    Of 20 samples in 2 classes, 15 (75.0%) are taken for what they are
    """
    table = np.asarray(counts)
    known = list(names) or [str(k) for k in range(len(table))]
    total, right = int(table.sum()), int(np.trace(table))
    if not total:
        return "There are no samples."
    sizes = table.sum(axis=1)
    there = np.flatnonzero(sizes)
    recall = np.diag(table)[there] / sizes[there]
    told = [
        f"Of {total:,} samples in {len(table)} classes, {right:,} ({right / total:.1%}) are taken for what they are."
    ]
    best, worst = there[int(recall.argmax())], there[int(recall.argmin())]
    if recall.max() > recall.min():
        told.append(
            f"Best known is {known[best]}, {recall.max():.1%} of {sizes[best]:,}, and least {known[worst]}, "
            f"{recall.min():.1%} of {sizes[worst]:,}."
        )
    wrong = table - np.diag(np.diag(table))
    if not wrong.any():
        return " ".join([*told, "There are no mistakes."])
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    cells = [tuple(map(int, np.unravel_index(int(i), wrong.shape))) for i in order]
    mistakes = [f"{known[r]} taken for {known[c]}, {wrong[r, c]:,} of {sizes[r]:,}" for r, c in cells if wrong[r, c]]
    said = "; and ".join([*([" ; ".join(mistakes[:-1]).replace(" ; ", "; ")] if mistakes[:-1] else []), mistakes[-1]])
    told.append(f"The commonest mistake{'s' * (len(mistakes) > 1)}: {said}.")
    return " ".join(told)


def read_boundary(answers: NDArray[Any], places: NDArray[Any], said: ArrayLike, y: ArrayLike) -> str:
    """Say what a picture of a boundary shows.

    Parameters
    ----------
    answers : array, shape (m,) of int
        What is said at points that cover the plane evenly.
    places : array, shape (m, 2)
        Those points.
    said, y : array, shape (n,)
        What is said of the points that are drawn, and what they are.

    Examples
    --------
    >>> places = np.stack(np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20)), -1).reshape(-1, 2)
    >>> print(read_boundary((places[:, 0] > 0).astype(int), places, [0, 1], [0, 1])[-40:])
    The boundary is next to a straight line.
    """
    found, truth = np.asarray(said), np.asarray(y)
    right = int((found == truth).sum())
    told = [f"Of {len(truth):,} points, {right:,} ({right / len(truth):.1%}) lie in the region of their class."]
    classes, areas = np.unique(answers, return_counts=True)
    if len(classes) == 1:
        return " ".join([*told, f"Everywhere it says class {classes[0]}: there is no boundary."])
    parts = [f"class {k} with {area / len(answers):.0%}" for k, area in zip(classes, areas, strict=True)]
    told.append(f"The plane is divided into {listed(parts, 6)} of it.")
    for k in np.unique(truth):
        wrong = truth == k
        missed = int((found[wrong] != k).sum())
        if missed:
            told.append(f"Of class {k}, {missed:,} of {int(wrong.sum()):,} lie beyond the boundary.")
    if len(classes) == 2:
        told.append(bend(answers == classes[1], places))
    return " ".join(told)


def bend(answers: NDArray[Any], places: NDArray[Any]) -> str:
    """Say how far the best straight line, that of a logistic regression, agrees with a boundary."""
    from sklearn.linear_model import LogisticRegression

    few = slice(None, None, max(1, len(places) // 5000))
    if len(np.unique(answers[few])) == 1:
        return "The boundary lies at the very edge."
    line = LogisticRegression(C=1e4, max_iter=1000).fit(places[few], answers[few])
    share = float(line.score(places, answers))
    if share > 0.98:
        return "The boundary is next to a straight line."
    return f"The boundary is bent: the best straight line would say something else on {1 - share:.0%} of the plane."
