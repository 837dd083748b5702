# Written by `make stubs`. Do not edit.

"""Linear algebra under the names of ``np.linalg``.

The functions are those of `pellucid`, except that ``trace`` and ``diagonal`` use the last two axes, as in NumPy.
"""

from pellucid import LinAlgError, cholesky, cross, det, inv, matmul, outer, solve, solve_triangular, vector_norm
from pellucid.graph.ops.determinants import slogdet
from pellucid.graph.ops.einsum import tensordot
from pellucid.graph.ops.matmul import matrix_power, vecdot
from pellucid.graph.ops.norms import matrix_norm, norm
from pellucid.graph.ops.permute import matrix_transpose
from pellucid.graph.ops.triangular import matrix_diagonal as diagonal
from pellucid.graph.ops.triangular import matrix_trace as trace

__all__ = [
    "LinAlgError",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_transpose",
    "norm",
    "outer",
    "slogdet",
    "solve",
    "solve_triangular",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
