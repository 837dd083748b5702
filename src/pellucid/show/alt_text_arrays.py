"""Descriptions of filters, feature maps, saliency maps and histograms, computed from the plotted data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.input_values import format_number


def describe_filters(kernel: ArrayLike) -> str:
    """Describe the weights, norms, similarity and smoothness of the filters of a convolution.

    Examples
    --------
    >>> print(describe_filters(np.ones((5, 5, 1, 8)))[:69])
    8 filters of 5x5 on 1 channel, with weights from 1 to 1; 100% are pos
    """
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
        correlation = correlate_neighbours(weights)
        nature = "smooth" if correlation > 0.4 else "rough"
        sentences.append(f"The filters are {nature}: neighbouring weights have a correlation of {correlation:.2f}.")
    return " ".join(sentences)


def correlate_neighbours(weights: NDArray[Any]) -> float:
    """Return the correlation of horizontally and vertically adjacent weights."""
    pairs = [(weights[1:], weights[:-1]), (weights[:, 1:], weights[:, :-1])]
    a, b = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in range(2))
    scale = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / scale) if scale else 1.0


def describe_maps(maps: ArrayLike) -> str:
    """Describe the strongest, the constant and the nonzero feature maps.

    Examples
    --------
    >>> maps = np.zeros((8, 8, 3))
    >>> maps[:2, :2, 1] = 5.0
    >>> print(describe_maps(maps)[:74])
    3 maps of 8x8. Map 1 has the largest range and reaches 5 in the upper left
    """
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


def describe_location(weights: NDArray[Any]) -> str:
    """Return the position of the centre of mass in an image.

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
    vertical = "upper" if y < 0.4 else "lower" if y > 0.6 else ""
    side = "left" if x < 0.4 else "right" if x > 0.6 else ""
    if vertical and side:
        return f"in the {vertical} {side}"
    if vertical:
        return "at the top" if vertical == "upper" else "at the bottom"
    return f"on the {side}" if side else "in the centre"


def describe_saliency(gradients: ArrayLike, titles: Sequence[str] = (), images: ArrayLike | None = None) -> str:
    """Describe where the gradient of the score of each image is concentrated.

    Parameters
    ----------
    gradients : array
        Gradient magnitudes, shape (n, height, width).
    titles : sequence of str
        Title of each image.
    images : array, optional
        The images, shape (n, height, width, ...), to compare bright and dark pixels.

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


def compare_bright_pixels(sizes: NDArray[Any], images: ArrayLike | None) -> list[str]:
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


def describe_histogram(name: str, numbers: NDArray[Any]) -> str:
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
