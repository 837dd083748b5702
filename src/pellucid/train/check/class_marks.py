"""Checks of classes of images: properties of files that give a class away, and names that differ only in case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pellucid.graph.finding import Finding
from pellucid.show.plots.alt_text import join_parts
from pellucid.tracking.result import pluralize
from pellucid.train.check.checked_data import CheckedData, draw_sample
from pellucid.train.check.image_properties import are_gray

MEASURED_FILES = 500
MINIMUM_IMAGES = 5
"""Number of measured images of a class, below which a property that they share is chance."""
MAXIMUM_SHARED_FRACTION = 0.02
"""Fraction of the other images that may have the property, too."""


def find_class_marks(checked: CheckedData) -> Iterator[Finding]:
    """Yield findings about classes that a network can tell from the size or the lack of color of their files."""
    dataset = checked.dataset
    if not dataset.class_names or dataset.read_sizes is None:
        return
    rows = draw_sample(np.arange(len(checked.x)), MEASURED_FILES)
    labels = dataset.targets[rows]
    sizes = dataset.read_sizes(rows)
    is_gray = np.concatenate([are_gray(checked.x[row : row + 1]) for row in rows.tolist()])
    for index, name in enumerate(dataset.class_names):
        own = np.flatnonzero(labels == index)
        others = np.flatnonzero(labels != index)
        if min(len(own), len(others)) < MINIMUM_IMAGES:
            continue
        height, width = sizes[own[0]].tolist()
        for what, found in (
            (f"have {width}x{height} pixels", (sizes == sizes[own[0]]).all(axis=1)),
            ("are gray", is_gray),
            ("are in color", ~is_gray),
        ):
            shared = int(found[others].sum())
            if found[own].all() and shared <= MAXIMUM_SHARED_FRACTION * len(others):
                yield Finding(
                    "class mark",
                    f"class {name!r}",
                    f"all {len(own)} measured images of class {name!r} {what}, and of the others {shared} of "
                    f"{len(others)}",
                    "A network can learn how files were made in place of their content, and then fails on other files.",
                    "Take images of all classes from the same sources, or make the files alike",
                )
                break


def find_similar_classes(checked: CheckedData) -> Iterator[Finding]:
    """Yield a finding about classes whose names differ only in case or spaces."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in checked.dataset.class_names:
        groups["".join(name.split()).casefold()].append(name)
    for names in groups.values():
        if len(names) > 1:
            yield Finding(
                "similar classes",
                "targets",
                f"the classes {join_parts([repr(name) for name in names])} differ only in case or spaces",
                f"{pluralize(len(names), 'spelling')} of one class make the network separate equal images.",
                "Merge the classes if they are the same",
            )
