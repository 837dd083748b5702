"""Pooling, padding, cropping and resizing layers."""

from __future__ import annotations

from tests.nn.peers import single
from tests.nn.peers.single import Case
from tests.nn.peers.store import Values

LINE, IMAGE, VOLUME = (2, 9, 3), (2, 7, 6, 3), (2, 4, 5, 3, 2)
MASK = [[True, True, False, True, False, True, True, False, False], [False, True] + [False] * 7]

CASES: dict[str, Case] = {
    "maximum of a line": Case("MaxPooling1D", LINE),
    "maximum of a line, same": Case("MaxPooling1D", LINE, {"pool_size": 3, "strides": 2, "padding": "same"}),
    "maximum of an image": Case("MaxPooling2D", IMAGE, {"pool_size": (3, 2), "strides": 1}),
    "maximum of an image, same": Case("MaxPooling2D", IMAGE, {"pool_size": 3, "padding": "same"}),
    "maximum of a volume": Case("MaxPooling3D", VOLUME, {"pool_size": (1, 2, 2), "padding": "same"}),
    "mean of a line": Case("AveragePooling1D", LINE, {"pool_size": 2}),
    "mean of a line, same": Case("AveragePooling1D", LINE, {"pool_size": 4, "strides": 3, "padding": "same"}),
    "mean of an image": Case("AveragePooling2D", IMAGE, {"pool_size": (2, 3), "strides": (1, 2)}),
    "mean of an image, same": Case("AveragePooling2D", IMAGE, {"pool_size": 3, "strides": 2, "padding": "same"}),
    "mean of a volume": Case("AveragePooling3D", VOLUME, {"pool_size": 2, "strides": 1}),
    "global maximum of a line": Case("GlobalMaxPooling1D", LINE),
    "global maximum of an image": Case("GlobalMaxPooling2D", IMAGE, {"keepdims": True}),
    "global maximum of a volume": Case("GlobalMaxPooling3D", VOLUME),
    "mean of all of a line": Case("GlobalAveragePooling1D", LINE, {"keepdims": True}),
    "mean of all of a line, masked": Case("GlobalAveragePooling1D", LINE, mask=MASK),
    "mean of all of an image": Case("GlobalAveragePooling2D", IMAGE),
    "mean of all of a volume": Case("GlobalAveragePooling3D", VOLUME, {"keepdims": True}),
    "zeros, line": Case("ZeroPadding1D", LINE, {"padding": (2, 1)}),
    "zeros, image": Case("ZeroPadding2D", IMAGE, {"padding": ((1, 0), (2, 3))}),
    "zeros, image, two": Case("ZeroPadding2D", IMAGE, {"padding": (1, 2)}),
    "zeros, volume": Case("ZeroPadding3D", VOLUME),
    "cut, line": Case("Cropping1D", LINE),
    "cut, image": Case("Cropping2D", IMAGE, {"cropping": ((1, 0), (2, 3))}),
    "cut, volume": Case("Cropping3D", VOLUME, {"cropping": (1, 2, 0)}),
    "larger, line": Case("UpSampling1D", LINE, {"size": 3}),
    "larger, image": Case("UpSampling2D", IMAGE, {"size": (2, 3)}),
    "larger, image, bilinear": Case("UpSampling2D", IMAGE, {"interpolation": "bilinear"}),
    "larger, image, bicubic": Case("UpSampling2D", IMAGE, {"size": (1, 2), "interpolation": "bicubic"}),
    "larger, volume": Case("UpSampling3D", VOLUME, {"size": (1, 2, 3)}),
    "size": Case("Resizing", IMAGE, {"height": 4, "width": 9}),
    "size, nearest": Case("Resizing", IMAGE, {"height": 4, "width": 9, "interpolation": "nearest"}),
    "size, antialias": Case(
        "Resizing", IMAGE, {"height": 3, "width": 4, "interpolation": "lanczos3", "antialias": True}
    ),
    "size, cut": Case("Resizing", IMAGE, {"height": 4, "width": 8, "crop_to_aspect_ratio": True}),
    "size, border": Case("Resizing", IMAGE, {"height": 4, "width": 8, "pad_to_aspect_ratio": True, "fill_value": 0.5}),
    "middle": Case("CenterCrop", IMAGE, {"height": 4, "width": 3}),
    "middle of something smaller": Case("CenterCrop", IMAGE, {"height": 8, "width": 4}),
}


def by_keras(key: str) -> Values:
    """Compute a case with Keras."""
    return single.by_keras(key, CASES[key])


def by_pellucid(key: str) -> Values:
    """Compute a case with pellucid."""
    return single.by_pellucid(key, CASES[key])
