"""Linear algebra under the names of ``np.linalg``.

The functions are those of `pellucid`, except that ``trace`` and ``diagonal`` use the last two axes, as in NumPy.
"""

from pellucid.graph.errors import LinAlgError, suggest_near_misses
from pellucid.graph.ops.determinants import det, slogdet
from pellucid.graph.ops.einsum import tensordot
from pellucid.graph.ops.linear_solve import cholesky, inv, solve, solve_triangular
from pellucid.graph.ops.matmul import matmul, matrix_power, vecdot
from pellucid.graph.ops.norms import matrix_norm, norm, vector_norm
from pellucid.graph.ops.outer_products import cross, outer
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

suggest_near_misses(globals(), "pel.linalg", " For other functions, wrap one of JAX with pel.from_jax.")
