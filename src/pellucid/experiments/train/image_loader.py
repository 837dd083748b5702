"""A folder or zip archive of images as samples."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.errors import DataError, DataWarning
from pellucid.experiments.train.dataset import PART_OF, Array, Samples, checksum_of, fitting
from pellucid.experiments.train.settings import Settings

SIZE = (32, 32)


def read_images(settings: Settings) -> Samples:
    """Read the images of a folder or zip archive, in its own parts if it has any (``train``, ``val``, ``test``)."""
    from pellucid.data.images import ImageFolder, image_folder, image_parts

    where, size = settings.data, settings.size or SIZE

    def folder(part: str | None) -> ImageFolder:
        # Warnings are passed on with the line of this file taken away; whoever calls has no line to mend.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            found = image_folder(where, size, part, strict=settings.strict)
        for warning in caught:
            warnings.warn(str(warning.message), DataWarning, stacklevel=2)
        return found

    named = parts_named(image_parts(Path(where)), where)
    read = {part: folder(name) for part, name in named.items()} or {"": folder(None)}
    names = next(iter(read.values())).class_names
    given: dict[str, Array] = {}
    start = 0
    for part, found in read.items():
        if found.class_names != names:
            raise DataError(
                f"{where}: expected the same classes in every part, received {', '.join(found.class_names)} in "
                f"{named[part]} and {', '.join(names)} in {next(iter(named.values()))}."
            )
        if part:
            given[part] = np.arange(start, start + len(found.images))
        start += len(found.images)
    images = (
        np.concatenate([found.images for found in read.values()]) if len(read) > 1 else read[next(iter(read))].images
    )
    labels = np.concatenate([found.labels for found in read.values()])
    described: dict[str, Any] = {"kind": "image", "size": size, "shape": list(images.shape[1:])}
    return Samples(
        where=where,
        kind="image",
        targets=labels,
        class_names=names,
        inputs=lambda training: (images, described),
        inputs_as=lambda as_before: fitting(images, as_before, where),
        told=f"{len(images):,} images, brought to {size[0]}x{size[1]} pixels",
        checksum=checksum_of(images, labels),
        given=given,
    )


def parts_named(names: tuple[str, ...], where: str) -> Mapping[str, str]:
    """Return what the parts of a folder are called, by what they are for."""
    found: dict[str, str] = {}
    for name in names:
        part = PART_OF[name.lower()]
        if part in found:
            raise DataError(f"{where}: expected one part of a kind, received both {found[part]} and {name}.")
        found[part] = name
    if found and "training" not in found:
        raise DataError(f"{where}: expected a part to learn from, such as train, received {', '.join(names)} alone.")
    return found
