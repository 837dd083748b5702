"""Descriptions of learning curves, confusion matrices and decision boundaries, computed from the plotted data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.input_values import format_number


def join_parts(parts: Sequence[str], limit: int = 4) -> str:
    """Join parts with commas and a final "and"; additional parts are counted.

    Examples
    --------
    >>> join_parts(["a", "b", "c"]), join_parts(["a"]), join_parts(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    shown = [*parts[:limit], *([f"{len(parts) - limit} more"] if len(parts) > limit else [])]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def describe_curves(curves: Mapping[str, ArrayLike], unit: str = "epoch") -> str:
    """Describe the start, end and best value of each curve, and the gap between training and validation.

    Examples
    --------
    >>> print(describe_curves({"loss": [1.0, 0.5, 0.2]}))
    loss falls from 1 to 0.2, its minimum, over 3 epochs.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in curves.items()}
    sentences = [describe_curve(name, values, unit) for name, values in arrays.items()]
    for name, values in arrays.items():
        if f"val_{name}" in arrays:
            sentences += describe_gap(name, values, arrays[f"val_{name}"], unit)
    return " ".join(sentences)


def is_loss(name: str) -> bool:
    """Check whether lower values of a metric are better."""
    return not any(word in name for word in ("accuracy", "precision", "recall", "score", "auc", "iou", "r2"))


def describe_curve(name: str, values: NDArray[Any], unit: str) -> str:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        return f"{name} is not finite from {unit} {bad[0] + 1} of {len(values)} on."
    if len(values) == 1:
        return f"{name} is {format_number(values[0], 3)} after one {unit}."
    best = int(values.argmin() if is_loss(name) else values.argmax())
    extremum = "minimum" if is_loss(name) else "maximum"
    first, last, top = (format_number(v, 3) for v in (values[0], values[-1], values[best]))
    at_best = f"with its {extremum} of {top} at {unit} {best + 1}"
    if values[-1] == values[0]:
        return f"{name} starts and ends at {last}, {at_best}."
    change = f"{name} {'falls' if values[-1] < values[0] else 'rises'} from {first} to {last}"
    if best == len(values) - 1:
        return f"{change}, its {extremum}, over {len(values)} {unit}{'' if unit.endswith('s') else 's'}."
    return f"{change}, {at_best}."


def describe_gap(name: str, training: NDArray[Any], validation: NDArray[Any], unit: str) -> list[str]:
    """Compare a metric on training and validation data."""
    if not (np.isfinite(training).all() and np.isfinite(validation).all()) or len(validation) < 2:
        return []
    sign = 1 if is_loss(name) else -1
    best = int((sign * validation).argmin())
    gap = sign * (validation[-1] - training[-1])
    increase = sign * (validation[-1] - validation[best])
    if is_loss(name) and training[-1] > 0:
        comparison = f"At the end val_{name} is {format_number(validation[-1] / training[-1], 2)} times {name}"
    else:
        side = "below" if validation[-1] < training[-1] else "above"
        difference = format_number(abs(validation[-1] - training[-1]), 2)
        comparison = f"At the end val_{name} is {difference} {side} {name}"
    # A validation metric that has lost a tenth of its improvement is reported.
    if gap > 0 and increase > 0.1 * max(abs(float(validation[0] - validation[best])), 1e-12):
        return [f"{comparison}, and worse than at {unit} {best + 1}, which indicates overfitting."]
    return [f"{comparison}."]


def describe_confusion(counts: ArrayLike, names: Sequence[str] = ()) -> str:
    """Describe a confusion matrix: accuracy, highest and lowest recall, most frequent errors.

    Examples
    --------
    >>> print(describe_confusion([[9, 1], [4, 6]], ["cat", "dog"])[:67])
    Of 20 samples in 2 classes, 15 (75.0%) are classified correctly. Th
    """
    table = np.asarray(counts)
    labels = list(names) or [str(k) for k in range(len(table))]
    total, correct = int(table.sum()), int(np.trace(table))
    if not total:
        return "There are no samples."
    sizes = table.sum(axis=1)
    present = np.flatnonzero(sizes)
    recall = np.diag(table)[present] / sizes[present]
    sentences = [
        f"Of {total:,} samples in {len(table)} classes, {correct:,} ({correct / total:.1%}) are classified correctly."
    ]
    best, worst = present[int(recall.argmax())], present[int(recall.argmin())]
    if recall.max() > recall.min():
        sentences.append(
            f"The highest recall is {recall.max():.1%} of {sizes[best]:,} for {labels[best]}, the lowest "
            f"{recall.min():.1%} of {sizes[worst]:,} for {labels[worst]}."
        )
    errors = table - np.diag(np.diag(table))
    if not errors.any():
        return " ".join([*sentences, "There are no errors."])
    order = np.argsort(-errors, axis=None, kind="stable")[:3]
    cells = [tuple(map(int, np.unravel_index(int(i), errors.shape))) for i in order]
    listed = [
        f"{labels[r]} predicted as {labels[c]}, {errors[r, c]:,} of {sizes[r]:,}" for r, c in cells if errors[r, c]
    ]
    sentences.append(f"Most frequent error{'s' * (len(listed) > 1)}: {'; '.join(listed)}.")
    return " ".join(sentences)


def describe_boundary(grid_classes: NDArray[Any], grid: NDArray[Any], predicted: ArrayLike, y: ArrayLike) -> str:
    """Describe a decision boundary.

    Parameters
    ----------
    grid_classes : array, shape (m,) of int
        Predicted classes on a regular grid.
    grid : array, shape (m, 2)
        The grid points.
    predicted, y : array, shape (n,)
        Predicted and true classes of the plotted points.

    Examples
    --------
    >>> grid = np.stack(np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20)), -1).reshape(-1, 2)
    >>> print(describe_boundary((grid[:, 0] > 0).astype(int), grid, [0, 1], [0, 1])[-42:])
    The boundary is close to a straight line.
    """
    found, truth = np.asarray(predicted), np.asarray(y)
    correct = int((found == truth).sum())
    sentences = [f"Of {len(truth):,} points, {correct:,} ({correct / len(truth):.1%}) are classified correctly."]
    classes, areas = np.unique(grid_classes, return_counts=True)
    if len(classes) == 1:
        return " ".join([*sentences, f"The whole plane is class {classes[0]}: there is no boundary."])
    parts = [f"class {k} ({area / len(grid_classes):.0%})" for k, area in zip(classes, areas, strict=True)]
    sentences.append(f"The plane is divided into {join_parts(parts, 6)}.")
    for k in np.unique(truth):
        missed, size = int((found[truth == k] != k).sum()), int((truth == k).sum())
        if missed:
            sentences.append(f"Of class {k}, {missed:,} of {size:,} points are misclassified.")
    if len(classes) == 2:
        sentences.append(describe_curvature(grid_classes == classes[1], grid))
    return " ".join(sentences)


def describe_curvature(classes: NDArray[Any], grid: NDArray[Any]) -> str:
    """Compare a boundary with the best straight line, that of a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    few = slice(None, None, max(1, len(grid) // 5000))
    if len(np.unique(classes[few])) == 1:
        return "One of the classes has almost no area."
    line = LogisticRegression(C=1e4, max_iter=1000).fit(grid[few], classes[few])
    agreement = float(line.score(grid, classes))
    if agreement > 0.98:
        return "The boundary is close to a straight line."
    return f"The boundary is curved: the best straight line disagrees on {1 - agreement:.0%} of the plane."
