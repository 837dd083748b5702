"""Readers of ONNX operators, one family per file."""

from pellucid.interop.onnx.readers import (  # noqa: F401 - fill the table
    activations,
    constants,
    control,
    convolution,
    elementwise,
    fourier,
    grid_sample,
    indexing,
    joining,
    normalization,
    pooling,
    products,
    quantization,
    recurrent,
    reductions,
    resizing,
    shapes,
    training,
)
