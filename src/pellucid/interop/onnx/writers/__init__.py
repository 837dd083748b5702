"""Writers of pellucid's ops as ONNX nodes, one family per file."""

from pellucid.interop.onnx.writers import (  # noqa: F401 - fill the table
    elementwise,
    indexing,
    loops,
    networks,
    reductions,
    shapes,
)
