"""Writers of pellucid's ops as ONNX nodes, one family per file."""

from pellucid.interop.onnx.writers import (
    elementwise,
    indexing,
    loops,
    networks,
    reductions,
    shapes,
    sorting,
)

__all__ = ["elementwise", "indexing", "loops", "networks", "reductions", "shapes", "sorting"]
