"""Descriptions of plots in words, computed from the plotted data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pellucid.show.pages.input_values import format_number
from pellucid.show.plots.prediction_plots import list_frequent_errors
from pellucid.typing import Array


def join_parts(parts: Sequence[str], limit: int = 4) -> str:
    """Join parts with commas and a final "and"; additional parts are counted.

    Examples
    --------
    >>> join_parts(["a", "b", "c"]), join_parts(["a"]), join_parts(list("abcdef"))
    ('a, b and c', 'a', 'a, b, c, d and 2 more')
    """
    shown = [*parts[:limit], *[f"{len(parts) - limit} more"] * (len(parts) > limit)]
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def describe_curves(curves: Mapping[str, ArrayLike], unit: str = "epoch", *, higher_is_better: bool = False) -> str:
    """Describe the start, end and best value of each curve, and the gap between training and validation.

    Examples
    --------
    >>> print(describe_curves({"loss": [1.0, 0.5, 0.2]}))
    loss falls from 1 to 0.2, its minimum, over 3 epochs.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in curves.items()}
    sentences = [describe_curve(name, values, unit, higher_is_better) for name, values in arrays.items()]
    for name, values in arrays.items():
        if f"val_{name}" in arrays:
            sentences += describe_gap(name, values, arrays[f"val_{name}"], unit, higher_is_better)
    return " ".join(sentences)


def describe_curve(name: str, values: Array, unit: str, higher_is_better: bool) -> str:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        return f"{name} is not finite from {unit} {bad[0] + 1} of {len(values)} on."
    if len(values) == 1:
        return f"{name} is {format_number(values[0], 3)} after one {unit}."
    best = int(values.argmax() if higher_is_better else values.argmin())
    extremum = "maximum" if higher_is_better else "minimum"
    first, last, top = (format_number(v, 3) for v in (values[0], values[-1], values[best]))
    at_best = f"with its {extremum} of {top} at {unit} {best + 1}"
    if values[-1] == values[0]:
        return f"{name} starts and ends at {last}, {at_best}."
    change = f"{name} {'falls' if values[-1] < values[0] else 'rises'} from {first} to {last}"
    if best == len(values) - 1:
        return f"{change}, its {extremum}, over {len(values)} {unit}{'' if unit.endswith('s') else 's'}."
    return f"{change}, {at_best}."


def describe_gap(name: str, training: Array, validation: Array, unit: str, higher_is_better: bool) -> list[str]:
    """Compare a metric on training and validation data."""
    if not (np.isfinite(training).all() and np.isfinite(validation).all()) or len(validation) < 2:
        return []
    sign = -1 if higher_is_better else 1
    best = int((sign * validation).argmin())
    gap = sign * (validation[-1] - training[-1])
    increase = sign * (validation[-1] - validation[best])
    if training[-1] > 0 and not higher_is_better:
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
    """Describe a confusion matrix: accuracy, highest and lowest recall, most frequent errors."""
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
    if correct == total:
        return " ".join([*sentences, "There are no errors."])
    listed = [
        f"{labels[r]} predicted as {labels[c]}, {table[r, c]:,} of {sizes[r]:,}"
        for r, c in list_frequent_errors(table, 3)
    ]
    sentences.append(f"Most frequent error{'s' * (len(listed) > 1)}: {'; '.join(listed)}.")
    return " ".join(sentences)


def describe_boundary(grid_classes: Array, grid: Array, predicted: ArrayLike, y: ArrayLike) -> str:
    """Describe a decision boundary.

    The first arguments are the predicted classes of a grid, shape (m,), and its points, shape (m, 2). The others are
    the predicted and true classes of the plotted points, shape (n,).
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


def describe_curvature(classes: Array, grid: Array) -> str:
    """Compare a boundary with the best straight line."""
    few = slice(None, None, max(1, len(grid) // 5000))
    if len(np.unique(classes[few])) == 1:
        return "One of the classes has almost no area."
    agreement = measure_best_line(classes[few], grid[few])
    if agreement > 0.98:
        return "The boundary is close to a straight line."
    return f"The boundary is curved: the best straight line disagrees on {1 - agreement:.0%} of the plane."


def measure_best_line(classes: Array, points: Array) -> float:
    """Return the largest fraction of points of two classes that a straight line classifies correctly.

    ``classes`` has shape (n,), and ``points`` has shape (n, 2).
    The points are projected on 90 directions, and every threshold on each projection is tried.
    """
    # Points of a grid share projections on the directions of its rows and columns, so those are left out.
    angles = (np.arange(90) + 0.5) * (np.pi / 90)
    extents = np.ptp(points, axis=0)
    places = points / np.where(extents, extents, 1) @ [np.cos(angles), np.sin(angles)]
    ordered = np.asarray(classes, bool)[places.argsort(axis=0)]
    correct = np.cumsum(np.where(ordered, -1, 1), axis=0) + ordered.sum(axis=0)
    return float(max(correct.max(), len(points) - correct.min()) / len(points))


def describe_filters(kernel: ArrayLike) -> str:
    """Describe the weights, norms, similarity and smoothness of the filters of a convolution."""
    weights = np.asarray(kernel, dtype=float)
    height, width, channels, count = weights.shape
    flat = weights.reshape(-1, count)
    norms = np.linalg.norm(flat, axis=0)
    low, high = format_number(weights.min(), 3), format_number(weights.max(), 3)
    sentences = [
        f"{count} filter{'s' * (count != 1)} of {height}x{width} on {channels} channel{'s' * (channels != 1)}, with "
        f"weights from {low} to {high}; {(weights > 0).mean():.0%} are positive."
    ]
    weak = int((norms < 0.05 * norms.max()).sum()) if norms.max() else count
    if weak:
        sentences.append(f"{weak} of them {'has' if weak == 1 else 'have'} less than 5% of the largest norm.")
    else:
        ratio = format_number(norms.max() / norms.min(), 2)
        sentences.append(f"The largest norm, of filter {int(norms.argmax())}, is {ratio} times the smallest.")
    unit = flat / np.where(norms, norms, 1)
    similar = int((np.abs(np.triu(unit.T @ unit, 1)) > 0.95).sum())
    if similar:
        pairs = "1 pair is" if similar == 1 else f"{similar} pairs are"
        sentences.append(f"{pairs} equal up to scale and sign (correlation above 0.95).")
    if min(height, width) > 2:
        correlation = correlate_neighbors(weights)
        nature = "smooth" if correlation > 0.4 else "rough"
        sentences.append(f"The filters are {nature}: neighboring weights have a correlation of {correlation:.2f}.")
    return " ".join(sentences)


def correlate_neighbors(weights: Array) -> float:
    """Return the correlation of horizontally and vertically adjacent weights."""
    pairs = [(weights[1:], weights[:-1]), (weights[:, 1:], weights[:, :-1])]
    a, b = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in range(2))
    scale = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / scale) if scale else 1.0


def describe_maps(maps: ArrayLike) -> str:
    """Describe the strongest, the constant and the nonzero feature maps."""
    values = np.asarray(maps, dtype=float)
    height, width, count = values.shape
    sentences = [f"{count} map{'s' * (count != 1)} of {height}x{width}."]
    ranges = np.ptp(values.reshape(-1, count), axis=0)
    if ranges.max() > 0:
        strongest = int(ranges.argmax())
        peak = format_number(values[..., strongest].max(), 3)
        place = describe_location(np.abs(values[..., strongest]))
        sentences.append(f"Map {strongest} has the largest range and reaches {peak} {place}.")
    constant = int((ranges <= 1e-6 * max(ranges.max(), 1e-30)).sum())
    if constant:
        sentences.append(f"{constant} {'is' if constant == 1 else 'are'} constant.")
    nonzero = float((values != 0).mean())
    if nonzero < 0.98:
        sentences.append(f"{nonzero:.0%} of all values are not 0.")
    return " ".join(sentences)


LOCATIONS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("on the left", "in the center", "on the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)


def describe_location(weights: Array) -> str:
    """Return the position of the center of mass in an image.

    Examples
    --------
    >>> image = np.zeros((9, 9))
    >>> image[8, 4] = 1.0
    >>> describe_location(image), describe_location(np.ones((9, 9)))
    ('at the bottom', 'everywhere')
    """
    total = float(weights.sum())
    height, width = weights.shape
    if not total > 0:
        return "nowhere"
    rows, columns = (np.arange(n) + 0.5 for n in (height, width))
    y, x = float(weights.sum(axis=1) @ rows) / total / height, float(weights.sum(axis=0) @ columns) / total / width
    if float((weights > 0.5 * weights.max()).mean()) > 0.5:
        return "everywhere"
    row = 0 if y < 0.4 else 2 if y > 0.6 else 1
    column = 0 if x < 0.4 else 2 if x > 0.6 else 1
    return LOCATIONS[row][column]


def describe_saliency(gradients: ArrayLike, titles: Sequence[str] = (), images: ArrayLike | None = None) -> str:
    """Describe where the gradient of the score of each image is concentrated.

    Gradients are magnitudes, shape (n, height, width). ``images``, shape (n, height, width, ...), add a comparison of
    bright and dark pixels.

    Examples
    --------
    >>> gradients = np.zeros((1, 8, 8))
    >>> gradients[0, :2, 6:] = 1.0
    >>> print(describe_saliency(gradients, ["seven"]))
    Half of the gradient is in 3% of the pixels of image 0, seven, in the upper right.
    """
    sizes = np.asarray(gradients, dtype=float)
    shares: dict[str, list[tuple[str, float]]] = {}
    sentences = []
    for number, size in enumerate(sizes):
        name = f"image {number}" + (f", {titles[number]}" if titles else "")
        if not size.sum() > 0:
            sentences.append(f"The gradient of {name} is 0.")
            continue
        cumulative = np.sort(size.ravel())[::-1].cumsum()
        share = (int(np.searchsorted(cumulative, 0.5 * cumulative[-1])) + 1) / size.size
        shares.setdefault(describe_location(size), []).append((name, share))
    for place, found in shares.items():
        low, high = (f"{edge:.0%}" for edge in (min(s for _, s in found), max(s for _, s in found)))
        name = found[0][0] if len(found) == 1 else f"each of {len(found)} images"
        span = low if low == high else f"{low} to {high}"
        sentences.append(f"Half of the gradient is in {span} of the pixels of {name}, {place}.")
    return " ".join([*sentences, *compare_bright_pixels(sizes, images)])


def compare_bright_pixels(sizes: Array, images: ArrayLike | None) -> list[str]:
    """Compare the share of bright pixels in the gradient with their share of the area."""
    if images is None or not sizes.sum() > 0:
        return []
    pixels = np.asarray(images, dtype=float)
    pixels = pixels.mean(axis=-1) if pixels.ndim == 4 else pixels
    middle = (pixels.min(axis=(1, 2), keepdims=True) + pixels.max(axis=(1, 2), keepdims=True)) / 2
    is_bright = pixels > middle
    area, share = float(is_bright.mean()), float(sizes[is_bright].sum() / sizes.sum())
    if not area:
        return []
    return [f"Bright pixels are {area:.0%} of the area and have {share:.0%} of the gradient."]


def describe_histograms(parts: Mapping[str, ArrayLike]) -> str:
    """Describe the distribution of each array: range, mean, standard deviation, zeros, outliers and saturation.

    Examples
    --------
    >>> print(describe_histograms({"kernel": [-1.0, 0.0, 1.0, 0.0]}))
    kernel: 4 values from -1 to 1, mean 0, standard deviation 0.707.
    """
    return " ".join(describe_histogram(name, np.asarray(value, dtype=float).ravel()) for name, value in parts.items())


def describe_histogram(name: str, numbers: Array) -> str:
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return f"{name}: {len(numbers):,} values, none of them finite."
    low, high, mean, deviation = finite.min(), finite.max(), finite.mean(), finite.std()
    if low == high:
        return f"{name}: {len(numbers):,} values, all {format_number(low, 3)}."
    notes = []
    zeros = float((finite == 0).mean())
    if zeros >= 0.2 and len(finite) > 4:
        notes.append(f"{zeros:.0%} are 0")
    outliers = int((np.abs(finite - mean) > 5 * deviation).sum())
    if outliers:
        notes.append(f"{outliers:,} {'is' if outliers == 1 else 'are'} more than 5 standard deviations from the mean")
    margin = 0.01 * (high - low)
    at_ends = float(((finite - low < margin) & (finite != 0)).mean()), float((high - finite < margin).mean())
    if min(at_ends) > 0.1 and len(finite) > 20:
        notes.append(f"{sum(at_ends):.0%} are saturated")
    not_finite = len(numbers) - len(finite)
    notes += [f"{not_finite:,} are not finite"] if not_finite else []
    span = f"from {format_number(low, 3)} to {format_number(high, 3)}"
    moments = f"mean {format_number(mean, 3)}, standard deviation {format_number(deviation, 3)}"
    return f"{name}: {len(numbers):,} values {span}, {moments}{'; ' * bool(notes)}{', '.join(notes)}."
