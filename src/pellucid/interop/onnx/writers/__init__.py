"""Writers of pellucid's ops as ONNX nodes, one family per file."""

from pellucid.interop.onnx.writers import (  # noqa: F401 - fill the table
    convolution_pooling,
    elementwise,
    indexing,
    loops,
    reductions,
    shapes,
)
