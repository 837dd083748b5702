"""Places of the elements of arrays in pictures: a matrix is one tile, images and kernels are many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pellucid.typing import Json


def make_tile_layout(shape: Sequence[int], image_shape: Sequence[int] | None = None) -> dict[str, Json]:
    """Return numbers of rows and columns of tiles, and of cells in a tile, with their strides.

    A vector is a row of cells. A kernel of a convolution, shape (height, width, inputs, outputs), has a row of tiles
    for each input. With ``image_shape``, each column of a matrix is an image. Other arrays are matrices with rows as
    long as the last axis.

    Examples
    --------
    >>> make_tile_layout((2, 3))
    {'counts': [1, 1, 2, 3], 'strides': [0, 0, 3, 1]}
    >>> make_tile_layout((784, 10), (28, 28))
    {'counts': [1, 10, 28, 28], 'strides': [0, 1, 280, 10]}
    """
    if image_shape is not None:
        height, width = image_shape
        return {"counts": [1, shape[1], height, width], "strides": [0, 1, width * shape[1], shape[1]]}
    if len(shape) == 4:
        height, width, inputs, outputs = shape
        strides = [outputs, 1, width * inputs * outputs, inputs * outputs]
        return {"counts": [inputs, outputs, height, width], "strides": strides}
    columns = shape[-1] if shape else 1
    rows = math.prod(shape) // max(columns, 1)
    return {"counts": [1, 1, rows, columns], "strides": [0, 0, columns, 1]}
