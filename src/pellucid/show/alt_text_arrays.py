"""Pictures of filters, maps, saliency and histograms in words, worked out from the same numbers that are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.show.input_values import figure


def read_filters(kernel: ArrayLike) -> str:
    """Say what the filters of a convolution are like: how strong, how alike, how smooth.

    Examples
    --------
    >>> print(read_filters(np.ones((5, 5, 1, 8)))[:61])
    8 filters of 5x5 on 1 channel, with weights from 1 to 1; 100%
    """
    weights = np.asarray(kernel, dtype=float)
    height, width, channels, count = weights.shape
    flat = weights.reshape(-1, count)
    norms = np.linalg.norm(flat, axis=0)
    told = [
        f"{count} filter{'s' * (count != 1)} of {height}x{width} on {channels} channel{'s' * (channels != 1)}, with "
        f"weights from {figure(weights.min(), 3)} to {figure(weights.max(), 3)}; {(weights > 0).mean():.0%} are above "
        "zero."
    ]
    weak = int((norms < 0.05 * norms.max()).sum()) if norms.max() else count
    if weak:
        told.append(f"{weak} of them {'is' if weak == 1 else 'are'} next to nothing beside the strongest.")
    else:
        told.append(
            f"The strongest, number {int(norms.argmax())}, is {figure(norms.max() / norms.min(), 2)} times the weakest."
        )
    unit = flat / np.where(norms, norms, 1)
    alike = np.abs(np.triu(unit.T @ unit, 1)) > 0.95
    if alike.any():
        told.append(f"{int(alike.sum())} pairs are next to the same but for size and sign.")
    if min(height, width) > 2:
        smooth = neighbours(weights)
        nature = (
            "smooth, as filters are that have learned edges or blots"
            if smooth > 0.4
            else "rough, much like random numbers"
        )
        told.append(f"From pixel to pixel they are {nature} (neighbours correlate by {smooth:.2f}).")
    return " ".join(told)


def neighbours(weights: NDArray[Any]) -> float:
    """Return how weights beside one another correlate."""
    pairs = [(weights[1:], weights[:-1]), (weights[:, 1:], weights[:, :-1])]
    a, b = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in range(2))
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 1.0


def read_maps(maps: ArrayLike) -> str:
    """Say which channels answer to a picture, how strongly, and where.

    Examples
    --------
    >>> maps = np.zeros((8, 8, 3))
    >>> maps[:2, :2, 1] = 5.0
    >>> print(read_maps(maps)[:75])
    3 maps of 8x8. The strongest is number 1, which reaches 5 in the upper left
    """
    values = np.asarray(maps, dtype=float)
    height, width, count = values.shape
    told = [f"{count} map{'s' * (count != 1)} of {height}x{width}."]
    peaks = values.reshape(-1, count).max(axis=0)
    spread = np.ptp(values.reshape(-1, count), axis=0)
    if spread.max() > 0:
        strongest = int(spread.argmax())
        told.append(
            f"The strongest is number {strongest}, which reaches {figure(peaks[strongest], 3)} "
            f"{whereabouts(np.abs(values[..., strongest]))}."
        )
    silent = int((spread <= 1e-6 * max(spread.max(), 1e-30)).sum())
    if silent:
        told.append(f"{silent} say{'s' * (silent == 1)} the same everywhere: nothing in this picture moves them.")
    active = float((values != 0).mean())
    if active < 0.98:
        told.append(f"On the whole {active:.0%} of all values are not 0.")
    return " ".join(told)


def whereabouts(weights: NDArray[Any]) -> str:
    """Say where in a picture something lies, by its centre.

    Examples
    --------
    >>> spot = np.zeros((9, 9))
    >>> spot[8, 4] = 1.0
    >>> whereabouts(spot), whereabouts(np.ones((9, 9)))
    ('below, in the middle', 'all over the picture')
    """
    total = float(weights.sum())
    height, width = weights.shape
    if not total > 0:
        return "nowhere"
    rows, columns = (np.arange(n) + 0.5 for n in (height, width))
    y, x = float(weights.sum(axis=1) @ rows) / total / height, float(weights.sum(axis=0) @ columns) / total / width
    spread = float((weights > 0.5 * weights.max()).mean())
    if spread > 0.5:
        return "all over the picture"
    vertical = "upper" if y < 0.4 else "lower" if y > 0.6 else ""
    side = "left" if x < 0.4 else "right" if x > 0.6 else ""
    if vertical and side:
        return f"in the {vertical} {side}"
    if vertical:
        return "above, in the middle" if vertical == "upper" else "below, in the middle"
    return f"on the {side}" if side else "in the middle"


def read_saliency(slopes: ArrayLike, titles: Sequence[str] = (), images: ArrayLike | None = None) -> str:
    """Say on which part of each image its answer hangs.

    Parameters
    ----------
    slopes
        The size of the gradient at every pixel, shape (n, height, width).
    titles
        What each image is taken for.
    images
        The images, shape (n, height, width, ...), to say how much of it lies where they are bright.

    Examples
    --------
    >>> slopes = np.zeros((1, 8, 8))
    >>> slopes[0, :2, 6:] = 1.0
    >>> print(read_saliency(slopes, ["seven"]))
    Half of what the answer hangs on lies in 3% of the pixels of image 0, seven, in the upper right.
    """
    sizes = np.asarray(slopes, dtype=float)
    shares: dict[str, list[tuple[str, float]]] = {}
    told = []
    for number, one in enumerate(sizes):
        name = f"image {number}" + (f", {titles[number]}" if titles else "")
        if not one.sum() > 0:
            told.append(f"The answer to {name} hangs on no pixel: its gradient is 0.")
            continue
        ordered = np.sort(one.ravel())[::-1].cumsum()
        share = (int(np.searchsorted(ordered, 0.5 * ordered[-1])) + 1) / one.size
        shares.setdefault(whereabouts(one), []).append((name, share))
    for place, found in shares.items():
        low, high = (f"{edge:.0%}" for edge in (min(s for _, s in found), max(s for _, s in found)))
        of = found[0][0] if len(found) == 1 else f"each of {len(found)} images"
        span = low if low == high else f"{low} to {high}"
        told.append(f"Half of what the answer hangs on lies in {span} of the pixels of {of}, {place}.")
    return " ".join([*told, *on_what_is_bright(sizes, images)])


def on_what_is_bright(sizes: NDArray[Any], images: ArrayLike | None) -> list[str]:
    """Say how much of it lies on bright pixels, beside how many these are."""
    if images is None or not sizes.sum() > 0:
        return []
    pixels = np.asarray(images, dtype=float)
    pixels = pixels.mean(axis=-1) if pixels.ndim == 4 else pixels
    middle = (pixels.min(axis=(1, 2), keepdims=True) + pixels.max(axis=(1, 2), keepdims=True)) / 2
    bright = pixels > middle
    area, there = float(bright.mean()), float(sizes[bright].sum() / sizes.sum())
    return (
        [f"Bright pixels, {area:.0%} of all, have {there:.0%} of it: {there / area:.1f} times their share."]
        if area
        else []
    )


def read_histograms(parts: Mapping[str, ArrayLike]) -> str:
    """Say how numbers are spread: about which mean, how far, and what stands out.

    Examples
    --------
    >>> print(read_histograms({"kernel": [-1.0, 0.0, 1.0, 0.0]}))
    kernel: 4 numbers from -1 to 1, mean 0, deviation 0.707.
    """
    told = []
    for name, value in parts.items():
        numbers = np.asarray(value, dtype=float).ravel()
        finite = numbers[np.isfinite(numbers)]
        if not finite.size:
            told.append(f"{name}: {len(numbers):,} numbers, none of them finite.")
            continue
        low, high, mean, deviation = finite.min(), finite.max(), finite.mean(), finite.std()
        if low == high:
            told.append(f"{name}: {len(numbers):,} numbers, all {figure(low, 3)}.")
            continue
        line = (
            f"{name}: {len(numbers):,} numbers from {figure(low, 3)} to {figure(high, 3)}, mean {figure(mean, 3)}, "
            f"deviation {figure(deviation, 3)}"
        )
        notes = []
        zero = float((finite == 0).mean())
        if zero >= 0.2 and len(finite) > 4:
            notes.append(f"{zero:.0%} are 0")
        far = int((np.abs(finite - mean) > 5 * deviation).sum())
        if far:
            notes.append(f"{far:,} lie{'s' * (far == 1)} beyond five deviations")
        edge = 0.01 * (high - low)
        ends = float(((finite - low < edge) & (finite != 0)).mean()), float((high - finite < edge).mean())
        if min(ends) > 0.1 and len(finite) > 20:
            notes.append(f"{sum(ends):.0%} lie at its two ends")
        lost = len(numbers) - len(finite)
        notes += [f"{lost:,} are not finite"] if lost else []
        told.append(f"{line}{'; ' if notes else ''}{', '.join(notes)}.")
    return " ".join(told)
