"""Checks of images: near-duplicates in several parts, and images that are uniform, too dark or too light."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.data.errors import join_first
from pellucid.graph.finding import Finding
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedData, draw_sample
from pellucid.train.check.duplicates import MAXIMUM_SHARED_FRACTION, format_percent
from pellucid.train.check.image_properties import BLOCK, to_gray
from pellucid.typing import Array

HASH_SIDE, THUMBNAIL_SIDE = 8, 16
MAXIMUM_DIFFERENT_BITS = 4
MINIMUM_CORRELATION = 0.995
"""Of ten thousand MNIST digits, no pair has both a hash that differs in at most four bits and this correlation."""

COMPARED_TEST, COMPARED_TRAINING = 1_000, 20_000

DARK, LIGHT = 0.32, 0.95
"""An image is dark if 99 % of its pixels are below the first brightness, and light if 95 % are above the second.
These are the limits of cleanlab, which also ignores both if more than a tenth of the images are so."""
MAXIMUM_PREVALENCE = 0.1

MEASURED_FILES = 500
ODD_ASPECT_RATIO, ODD_SIZE = 0.35, 10
"""Limits of cleanvision: the shorter by the longer side, and the side of a square of the same area by the median."""


def find_image_problems(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about images."""
    yield from find_near_duplicates(checked)
    yield from find_uniform_images(checked)
    if checked.x.dtype == np.uint8:
        yield from find_odd_brightness(checked)
    yield from find_odd_sizes(checked)


def find_near_duplicates(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if test images are nearly the same as training images."""
    test = draw_sample(checked.parts["test"], COMPARED_TEST)
    others = np.concatenate([checked.parts["training"], checked.parts["validation"]])
    training = draw_sample(others, COMPARED_TRAINING)
    if not len(test) or not len(training):
        return
    found = dict(match_images(checked.x, test, training))
    if not found:
        return
    is_sample = len(test) < len(checked.parts["test"]) or len(training) < len(others)
    counted = f" (a random sample: compared with {len(training):,} others)" if is_sample else ""
    fraction = len(found) / len(test)
    examples = [f"{checked.dataset.locate(i)} and {checked.dataset.locate(j)}" for i, j in found.items()]
    yield Finding(
        "near-duplicate images",
        "test set",
        f"{len(found):,} of {pluralize(len(test), 'test image')}{counted} "
        f"{'looks' if len(found) == 1 else 'look'} almost the same as a training or validation "
        f"image ({format_percent(fraction)}): {join_first(examples)}",
        "Frames of one film, or copies in another size or quality, make the score too good for new images.",
        "Look at the pairs, and keep images of one scene in one part",
        severity="warning" if fraction > MAXIMUM_SHARED_FRACTION else "note",
    )


def match_images(x: Array, rows: Array, others: Array) -> Iterator[tuple[int, int]]:
    """Yield a near-duplicate among the others for each image that has one; exact duplicates are left out."""
    hashes, units = describe_images(x, rows)
    other_hashes, other_units = describe_images(x, others)
    for start in range(0, len(rows), BLOCK):
        agreement = hashes[start : start + BLOCK] @ other_hashes.T  # bits that agree minus bits that differ
        i, j = np.nonzero(agreement >= hashes.shape[1] - 2 * MAXIMUM_DIFFERENT_BITS)
        i += start
        is_near = np.einsum("ij,ij->i", units[i], other_units[j]) >= MINIMUM_CORRELATION
        pairs: dict[int, list[int]] = {}
        for first, second in zip(rows[i[is_near]].tolist(), others[j[is_near]].tolist(), strict=True):
            pairs.setdefault(first, []).append(second)
        for first, matches in pairs.items():
            if not any(np.array_equal(x[first], x[second]) for second in matches):
                yield first, matches[0]


def describe_images(x: Array, rows: Array) -> tuple[Array, Array]:
    """Return the perceptual hashes and the normalized thumbnails of images, made block by block to save memory."""
    blocks = [make_thumbnails(x[rows[start : start + BLOCK]]) for start in range(0, len(rows), BLOCK)]
    thumbnails = np.concatenate(blocks)
    return compute_hashes(thumbnails), normalize(thumbnails)


def make_thumbnails(images: Array) -> Array:
    """Return images as gray ones of 16 x 16 pixels, float32; each pixel is the mean of a block."""
    gray = to_gray(images)
    for axis in (1, 2):
        side = gray.shape[axis]
        edges = np.linspace(0, side, min(THUMBNAIL_SIDE, side) + 1).astype(int)
        counts = np.diff(edges).reshape([-1 if k == axis else 1 for k in range(3)])
        gray = np.add.reduceat(gray, edges[:-1], axis=axis) / counts
    return gray


def compute_hashes(thumbnails: Array) -> Array:
    """Return the perceptual hashes of images, 63 bits of -1 or 1, shape (n, 63), float32.

    A bit says whether a low frequency of the discrete cosine transform is above their median. This is the hash of
    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1.
    """
    from scipy.fft import dctn

    frequencies = dctn(thumbnails, axes=(1, 2))[:, :HASH_SIDE, :HASH_SIDE].reshape(len(thumbnails), -1)[:, 1:]
    medians = np.median(frequencies, axis=1, keepdims=True)
    return np.where(frequencies > medians, 1, -1).astype(np.float32)


def normalize(thumbnails: Array) -> Array:
    """Return images as vectors with mean 0 and norm 1, whose product is the correlation; uniform ones are 0."""
    flat = thumbnails.reshape(len(thumbnails), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: Array = np.divide(flat, norms, out=np.zeros_like(flat), where=norms > 1e-3)
    return unit


def find_uniform_images(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding if images have one color only."""
    lowest, highest = checked.x.min(axis=(1, 2)), checked.x.max(axis=(1, 2))
    rows = np.flatnonzero((lowest == highest).reshape(len(checked.x), -1).all(axis=1))
    if len(rows):
        yield Finding(
            "uniform images",
            join_first([checked.dataset.locate(row) for row in rows.tolist()]),
            f"{pluralize(len(rows), 'image')} {'has' if len(rows) == 1 else 'have'} one color only",
            "A uniform image shows nothing of its class; the file may be damaged.",
            "Look at these images, and remove them",
        )


def find_odd_brightness(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about single images that are far darker or lighter than a normal photograph."""
    blocks = [to_gray(checked.x[start : start + BLOCK]) / 255 for start in range(0, len(checked.x), BLOCK)]
    flat = (block.reshape(len(block), -1) for block in blocks)
    lowest, highest = np.concatenate([np.percentile(each, [5, 99], axis=1) for each in flat], axis=1)
    is_uniform = lowest == highest
    for word, found in (("dark", highest < DARK), ("light", lowest > LIGHT)):
        rows = np.flatnonzero(found & ~is_uniform)
        if 0 < len(rows) <= MAXIMUM_PREVALENCE * len(checked.x):
            places = join_first([checked.dataset.locate(row) for row in rows.tolist()])
            yield Finding(
                f"{word} images",
                places,
                f"{pluralize(len(rows), 'image')} {'is' if len(rows) == 1 else 'are'} very {word}: {places}",
                "Little can be seen in such an image, and the network has few of them to learn from.",
                "Look at these images; correct their exposure, or remove them if their class cannot be seen",
                severity="note",
            )


def find_odd_sizes(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about image files whose shape or size is unusual; all are resized to one shape."""
    if checked.dataset.read_sizes is None:
        return
    rows = draw_sample(np.arange(len(checked.x)), MEASURED_FILES)
    sizes = checked.dataset.read_sizes(rows).astype(np.float64)
    height, width = checked.x.shape[1:3]
    stretch = sizes[:, 1] / sizes[:, 0] * height / width
    side = np.sqrt(sizes.prod(axis=1))
    ratio = side / np.median(side)
    for name, measure, limit, why, fix in (
        (
            "odd shapes",
            np.minimum(stretch, 1 / stretch),
            ODD_ASPECT_RATIO,
            "Resizing them distorts their content.",
            "Crop or pad these images, or choose --size HEIGHT,WIDTH in the shape of most images",
        ),
        (
            "odd sizes",
            np.minimum(ratio, 1 / ratio),
            1 / ODD_SIZE,
            "They show other details than the rest, or are no photographs of the same kind, such as icons.",
            "Look at these images, and remove those that do not belong to the data",
        ),
    ):
        found = np.flatnonzero(measure < limit)
        if len(found):
            places = [f"{checked.dataset.locate(int(rows[k]))} ({sizes[k, 1]:g}x{sizes[k, 0]:g})" for k in found]
            yield Finding(
                name,
                join_first(places),
                f"{len(found):,} of {pluralize(len(rows), 'image')} {'has' if len(found) == 1 else 'have'} an unusual "
                f"{name[4:-1]}: {join_first(places)}",
                why,
                fix,
                severity="note",
            )
