# Written by `make stubs`. Do not edit.

"""pellucid: deep learning you can see through.

Public names are imported when they are first used, so that ``import pellucid`` and the command line start quickly.
"""

from collections.abc import Sequence
from typing import Literal

from pellucid import byhand, course, data, live, nn, show, typing
from pellucid.course.checker.check import check_answer
from pellucid.graph import linalg
from pellucid.graph.composite import composite
from pellucid.graph.config import config
from pellucid.graph.decomposition import expand
from pellucid.graph.derivatives import hessian, hessian_vector_product, jacobian, jvp, vjp
from pellucid.graph.errors import (
    DisconnectedError,
    DistributionError,
    DtypeError,
    GradientError,
    InputError,
    LinAlgError,
    NonFiniteError,
    NoSuchNameError,
    OptionError,
    PellucidError,
    PrecisionWarning,
    RewriteError,
    ShapeError,
    StateError,
    StorageError,
    StorageWarning,
    TrainingWarning,
    UseError,
    WrongGradientError,
    WrongOpError,
)
from pellucid.graph.expr import Constant, Expr, Input, Operand, Shared, constant
from pellucid.graph.gradient import grad
from pellucid.graph.gradient_check import verify_grad
from pellucid.graph.inputs import imatrix, iscalar, ivector, matrix, scalar, shared, tensor, tensor3, tensor4, vector
from pellucid.graph.mixed_precision import mixed_precision
from pellucid.graph.naming import named
from pellucid.graph.op_decorator import op
from pellucid.graph.ops import random
from pellucid.graph.ops.concatenate import (
    append,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    column_stack,
    concatenate,
    dstack,
    hstack,
    stack,
    vstack,
)
from pellucid.graph.ops.concatenate import concatenate as concat
from pellucid.graph.ops.cond import cond
from pellucid.graph.ops.creation import eye, full, full_like, identity, ones, ones_like, tri, zeros, zeros_like
from pellucid.graph.ops.cumulative import diff
from pellucid.graph.ops.determinants import slogdet
from pellucid.graph.ops.einsum import einsum, inner, tensordot, vdot
from pellucid.graph.ops.elementwise import clip, positive, reciprocal
from pellucid.graph.ops.gamma import polygamma
from pellucid.graph.ops.indexed_update import at, put_along_axis
from pellucid.graph.ops.indexing import getitem, ravel_multi_index, take, unravel_index
from pellucid.graph.ops.logic import allclose, count_nonzero, isclose
from pellucid.graph.ops.matmul import dot, matrix_power, matvec, vecdot, vecmat
from pellucid.graph.ops.nonzero import flatnonzero, nonzero
from pellucid.graph.ops.norms import matrix_norm, norm
from pellucid.graph.ops.patches import sliding_window_view
from pellucid.graph.ops.permute import fliplr, flipud, matrix_transpose, moveaxis, permute_dims, rot90, swapaxes
from pellucid.graph.ops.pooling import average_pool
from pellucid.graph.ops.ranges import arange, geomspace, indices, linspace, logspace, meshgrid
from pellucid.graph.ops.repeat import repeat
from pellucid.graph.ops.reshape import broadcast_arrays, ndim, ravel, shape
from pellucid.graph.ops.resize import resize
from pellucid.graph.ops.rounding import divmod_ as divmod
from pellucid.graph.ops.scan import foldl, foldr, reduce, scan, taps
from pellucid.graph.ops.scan import map_ as map
from pellucid.graph.ops.sorting import bincount, digitize, top_k
from pellucid.graph.ops.special import ndtr
from pellucid.graph.ops.split import array_split, delete, dsplit, hsplit, split, unstack, vsplit
from pellucid.graph.ops.statistics import average, median, percentile, ptp
from pellucid.graph.ops.triangular import diag, diagflat, matrix_diagonal, matrix_trace, tril_indices, triu_indices
from pellucid.graph.ops.trigonometry import deg2rad, rad2deg
from pellucid.graph.ops.trigonometry import deg2rad as radians
from pellucid.graph.ops.trigonometry import rad2deg as degrees
from pellucid.graph.ops.where import compress, select
from pellucid.graph.ops.while_loops import while_loop
from pellucid.graph.passes import collect_updates, inference
from pellucid.graph.printing import text
from pellucid.graph.range_checks import check_ranges
from pellucid.graph.rewrite_rule import phases, rule
from pellucid.graph.rewriter import Journal, simplify
from pellucid.graph.substitution import replace
from pellucid.graph.traversal import ancestors, parameters
from pellucid.graph.value_ranges import infer_range
from pellucid.inspect import pictures
from pellucid.inspect.cross_framework.compare import compare_with
from pellucid.inspect.diagnostics.diagnosis import diagnose
from pellucid.inspect.equivalence.check import check_equivalence
from pellucid.inspect.explain.model_formulas import explain
from pellucid.inspect.source_export.export import to_source
from pellucid.inspect.source_export.model_from_toml import from_toml
from pellucid.interop import tensorboard
from pellucid.interop.estimators.classifier import Classifier
from pellucid.interop.estimators.regressor import Regressor
from pellucid.interop.onnx.errors import OnnxError
from pellucid.interop.onnx.exporter import to_onnx
from pellucid.interop.onnx.importer import from_onnx
from pellucid.interop.pytorch.state_dict import load_state_dict
from pellucid.live.lab.lab_figure import lab
from pellucid.model.errors import ModelError
from pellucid.model.model import Model, clone_model, load_model
from pellucid.model.sequential import Sequential
from pellucid.nn import losses, optimizers, schedules
from pellucid.nn.lint.linter import lint
from pellucid.optional_packages import MissingPackageError
from pellucid.run.distributed import distribution
from pellucid.run.from_jax import from_jax
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.run.interrupts import Interrupted
from pellucid.run.op_check import check_op
from pellucid.run.vmap import vmap
from pellucid.run.wasm.errors import MissingCompilerError, WasmCompilerError
from pellucid.saving.expressions import load, save
from pellucid.show.costs.costs import cost
from pellucid.show.derivations.derive import derive
from pellucid.show.formulas.formula import formula
from pellucid.show.formulas.tex import latex
from pellucid.show.graphs.graph_drawing import mermaid
from pellucid.show.graphs.tree import tree
from pellucid.show.sources.numpy_script import source
from pellucid.show.why.element_arithmetic import why
from pellucid.training import callbacks
from pellucid.training.run_comparison import compare
from pellucid.training.sweeps.sweep import sweep
from pellucid.typing import ArrayLike, Axes, ConvPadding, DTypeLike, Padding, PadWidth, Sizes
from pellucid.version import __version__

__all__ = [
    "Classifier",
    "Constant",
    "DisconnectedError",
    "DistributionError",
    "DtypeError",
    "Expr",
    "Function",
    "GradientError",
    "Input",
    "InputError",
    "Interrupted",
    "Journal",
    "LinAlgError",
    "MissingCompilerError",
    "MissingPackageError",
    "Model",
    "ModelError",
    "NoSuchNameError",
    "NonFiniteError",
    "OnnxError",
    "OptionError",
    "PellucidError",
    "PrecisionWarning",
    "Regressor",
    "RewriteError",
    "Sequential",
    "ShapeError",
    "Shared",
    "StateError",
    "StorageError",
    "StorageWarning",
    "TrainingWarning",
    "UseError",
    "WasmCompilerError",
    "WrongGradientError",
    "WrongOpError",
    "__version__",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "affine_transform",
    "all",
    "allclose",
    "amax",
    "amin",
    "ancestors",
    "any",
    "append",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "around",
    "array_split",
    "asin",
    "asinh",
    "at",
    "atan",
    "atan2",
    "atanh",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "attach_mask",
    "attention_output",
    "attention_weights",
    "average",
    "average_pool",
    "batch_normalization",
    "betaln",
    "bincount",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "broadcast_arrays",
    "broadcast_to",
    "byhand",
    "callbacks",
    "cast",
    "cbrt",
    "ceil",
    "check_answer",
    "check_equivalence",
    "check_op",
    "check_ranges",
    "cholesky",
    "clip",
    "clip_gradient",
    "clone_model",
    "collect_updates",
    "column_stack",
    "compare",
    "compare_with",
    "composite",
    "compress",
    "concat",
    "concatenate",
    "cond",
    "config",
    "constant",
    "conv",
    "conv_transpose",
    "copysign",
    "cos",
    "cosh",
    "cost",
    "count_nonzero",
    "course",
    "cross",
    "cumprod",
    "cumsum",
    "cumulative_prod",
    "cumulative_sum",
    "data",
    "deg2rad",
    "degrees",
    "delete",
    "derive",
    "det",
    "diag",
    "diagflat",
    "diagnose",
    "diagonal",
    "diff",
    "digamma",
    "digitize",
    "distribution",
    "divide",
    "divide_no_nan",
    "divmod",
    "dot",
    "dsplit",
    "dstack",
    "einsum",
    "equal",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp",
    "exp2",
    "expand",
    "expand_dims",
    "explain",
    "expm1",
    "exprel",
    "extract_patches",
    "eye",
    "fix",
    "flatnonzero",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "foldl",
    "foldr",
    "formula",
    "from_jax",
    "from_onnx",
    "from_toml",
    "full",
    "full_like",
    "function",
    "gammaln",
    "geomspace",
    "getitem",
    "grad",
    "greater",
    "greater_equal",
    "heaviside",
    "hessian",
    "hessian_vector_product",
    "hsplit",
    "hstack",
    "hypot",
    "identity",
    "imatrix",
    "indices",
    "infer_range",
    "inference",
    "inner",
    "inv",
    "invert",
    "iscalar",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "ivector",
    "jacobian",
    "jvp",
    "kl_div",
    "kron",
    "lab",
    "latex",
    "leaky_relu",
    "left_shift",
    "less",
    "less_equal",
    "lgamma",
    "linalg",
    "linspace",
    "lint",
    "live",
    "load",
    "load_model",
    "load_state_dict",
    "local_response_normalization",
    "log",
    "log10",
    "log1m_softmax",
    "log1mexp",
    "log1p",
    "log1prel",
    "log2",
    "log_cosh",
    "log_ndtr",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "losses",
    "map",
    "masked_softmax",
    "matmul",
    "matrix",
    "matrix_diagonal",
    "matrix_norm",
    "matrix_power",
    "matrix_trace",
    "matrix_transpose",
    "matvec",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "median",
    "mermaid",
    "meshgrid",
    "min",
    "minimum",
    "mixed_precision",
    "mod",
    "moveaxis",
    "multiply",
    "named",
    "nan_to_num",
    "ndim",
    "ndtr",
    "ndtri",
    "negative",
    "nn",
    "nonzero",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "op",
    "optimizers",
    "outer",
    "pad",
    "parameters",
    "percentile",
    "permute_dims",
    "phases",
    "pictures",
    "polygamma",
    "positive",
    "pow",
    "power",
    "prod",
    "ptp",
    "put_along_axis",
    "quantile",
    "rad2deg",
    "radians",
    "random",
    "ravel",
    "ravel_multi_index",
    "reciprocal",
    "reduce",
    "relu",
    "remainder",
    "repeat",
    "replace",
    "reshape",
    "resize",
    "right_shift",
    "rint",
    "rms_normalize",
    "roll",
    "rot90",
    "round",
    "rule",
    "save",
    "scalar",
    "scale_gradient",
    "scan",
    "schedules",
    "searchsorted",
    "sech",
    "select",
    "shape",
    "shared",
    "show",
    "sigmoid",
    "sign",
    "signbit",
    "simplify",
    "sin",
    "sinc",
    "sinh",
    "size",
    "sliding_window_view",
    "slogdet",
    "softmax",
    "softplus",
    "softsign",
    "solve",
    "solve_triangular",
    "sort",
    "source",
    "sparse_crossentropy",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "standardize",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "sum_pool",
    "swapaxes",
    "sweep",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "taps",
    "tensor",
    "tensor3",
    "tensor4",
    "tensorboard",
    "tensordot",
    "text",
    "tile",
    "to_onnx",
    "to_source",
    "top_k",
    "trace",
    "training_only",
    "transpose",
    "tree",
    "tri",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "typing",
    "unravel_index",
    "unstack",
    "var",
    "vdot",
    "vecdot",
    "vecmat",
    "vector",
    "vector_norm",
    "verify_grad",
    "vjp",
    "vmap",
    "vsplit",
    "vstack",
    "where",
    "while_loop",
    "why",
    "xlog1py",
    "xlogy",
    "zeros",
    "zeros_like",
]

def abs(x: Operand) -> Expr:
    """Elementwise absolute value, :math:`|x|`. The gradient at 0 is 0.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.abs(pel.vector("x"))
    abs(x)
    """

def add(x: Operand, y: Operand) -> Expr:
    """Elementwise sum, :math:`x + y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Operands whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Examples
    --------
    >>> pel.vector("x") + 1
    x + 1
    """

def affine_transform(
    images: Operand,
    transform: Operand,
    interpolation: Literal["nearest", "bilinear"] = "bilinear",
    fill_mode: Literal["constant", "nearest", "wrap", "reflect"] = "constant",
    fill_value: float = 0.0,
) -> Expr:
    r"""Affine transformation of images, :math:`y_p = x_{A p + t}`.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Images with one, two or three spatial axes of known sizes. Integers are cast to `config.floatx`.
    transform : Expr or array, shape (axes, axes + 1) or (batch, axes, axes + 1)
        Matrix :math:`A` with :math:`t` as its last column, in pixels. It maps an output index to an input index,
        rows before columns: :math:`(i, j) \mapsto (a_0 i + a_1 j + a_2,\; b_0 i + b_1 j + b_2)`. One for all
        images, or one per image.
    interpolation : {"bilinear", "nearest"}
        Interpolation method.
    fill_mode : {"constant", "nearest", "reflect", "wrap"}
        How points outside the image are filled: with a constant, the edge pixel, the mirror image or the opposite
        edge.
    fill_value : float
        Constant for ``fill_mode="constant"``.

    Returns
    -------
    Expr
        Same shape as ``images``.

    Raises
    ------
    ShapeError
        If a spatial size is unknown, or the transform has the wrong shape.
    ValueError
        If ``interpolation`` or ``fill_mode`` is not one of the choices.

    Examples
    --------
    >>> x = pel.tensor3("x", shape=(1, 4, 1))
    >>> pel.function([x], pel.affine_transform(x, [[1.0, 0.5]]))([[[1], [2], [4], [8]]]).ravel()
    array([1.5, 3. , 6. , 4. ], dtype=float32)

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman and K. Kavukcuoglu, Spatial Transformer Networks, NIPS 2015.
    """

def all(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Test whether all elements along an axis are true, :math:`\bigwedge_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.all(pel.vector("x") > 0)
    (x > 0).all()
    """

def any(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Test whether any element along an axis is true, :math:`\bigvee_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.any(pel.vector("x") > 0)
    (x > 0).any()
    """

def arccos(x: Operand) -> Expr:
    r"""Inverse cosine of every element, :math:`\arccos x`, from :math:`0` to :math:`\pi`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.arccos(-1.0))()
    np.float32(3.1415927)
    """

def arccosh(x: Operand) -> Expr:
    r"""Elementwise inverse hyperbolic cosine, :math:`\log(x + \sqrt{x^2 - 1})`, for :math:`x \ge 1`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.arccosh(1.0))()
    np.float32(0.0)
    """

def arcsin(x: Operand) -> Expr:
    r"""Inverse sine of every element, :math:`\arcsin x`, from :math:`-\pi/2` to :math:`\pi/2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.arcsin(1.0))()
    np.float32(1.5707964)
    """

def arcsinh(x: Operand) -> Expr:
    r"""Elementwise inverse hyperbolic sine, :math:`\log(x + \sqrt{x^2 + 1})`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.arcsinh(0.0))()
    np.float32(0.0)
    """

def arctan(x: Operand) -> Expr:
    r"""Inverse tangent of every element, :math:`\arctan x`, from :math:`-\pi/2` to :math:`\pi/2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.arctan(x), x)
    1 / (1 + x ** 2)
    """

def arctan2(y: Operand, x: Operand) -> Expr:
    r"""Angle of the point :math:`(x, y)`, from :math:`-\pi` to :math:`\pi`. The first operand is :math:`y`.

    Parameters
    ----------
    y, x : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``y`` and ``x``.

    Examples
    --------
    >>> pel.function([], pel.arctan2(1.0, -1.0))()
    np.float32(2.3561945)
    """

def arctanh(x: Operand) -> Expr:
    r"""Elementwise inverse hyperbolic tangent, :math:`\frac{1}{2} \log \frac{1 + x}{1 - x}`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.arctanh(0.0))()
    np.float32(0.0)
    """

def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Expr:
    r"""Index of the first maximum along an axis, :math:`\operatorname{argmax}_i x_i`, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are compared; None flattens the array first.
    keepdims : bool
        Whether the axis stays, with length 1.

    Examples
    --------
    >>> pel.argmax(pel.matrix("p"), axis=-1)
    p.argmax(axis=1)
    """

def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Expr:
    r"""Index of the first minimum along an axis, :math:`\operatorname{argmin}_i x_i`, as int64.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are compared; None flattens the array first.
    keepdims : bool
        Whether the axis stays, with length 1.

    Examples
    --------
    >>> pel.argmin(pel.matrix("p"), axis=-1)
    p.argmin(axis=1)
    """

def argsort(x: Operand, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Expr:
    r"""Indices that sort an array, :math:`x_{i_1} \le x_{i_2} \le \dots`, as int64. The parameters are those of `sort`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are sorted; None flattens the array first.
    descending : bool
        Whether the largest elements come first.
    stable : bool
        Whether equal elements keep their order.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], [pel.argsort(x), pel.argsort(x, descending=True)])([2, 1, 2])
    [array([1, 0, 2]), array([0, 2, 1])]
    """

def attach_mask(x: Operand, mask: Operand) -> Expr:
    """Identity, :math:`x`, that attaches a mask of valid time steps.

    Parameters
    ----------
    x : Expr, shape (batch, time, ...)
        Sequences.
    mask : Expr of bool, shape (batch, time)
        True for the steps to use.

    Returns
    -------
    Expr
        Same value as ``x``. Sequence layers and losses skip the masked steps.

    Examples
    --------
    >>> x = pel.matrix("x", shape=("n", 5))
    >>> pel.nn.find_mask(pel.attach_mask(x, x != 0))
    x != 0
    """

def attention_output(weights: Operand, value: Operand, axes: int | Sequence[int] = (1,)) -> Expr:
    """Attention output of each head: values averaged with the weights of `attention_weights`, :math:`A V`.

    Parameters
    ----------
    weights : Expr, shape (batch, heads, queries, keys)
        Attention weights.
    value : Expr, shape (batch, keys, heads, size)
        Value vectors, one per key.
    axes : int or tuple of int
        Axes of the queries and keys, as for `attention_weights`.

    Returns
    -------
    Expr, shape (batch, queries, heads, size)
        Weighted averages.

    Examples
    --------
    >>> w, v = pel.tensor4("w", shape=("n", 2, 3, 5)), pel.tensor4("v", shape=("n", 5, 2, 4))
    >>> pel.attention_output(w, v).shape
    ('n', 3, 2, 4)

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

def attention_weights(query: Operand, key: Operand, *mask: Operand, axes: int | Sequence[int] = (1,)) -> Expr:
    r"""Attention weights of each head, :math:`\operatorname{softmax}(Q K^\top / \sqrt d)`.

    Parameters
    ----------
    query : Expr, shape (batch, queries, heads, size)
        Query vectors.
    key : Expr, shape (batch, keys, heads, size)
        Key vectors.
    mask : Expr of bool, optional
        True for the keys that a query may attend to. Broadcasts to the result.
    axes : int or tuple of int
        Axes of the queries and keys, for inputs with more than four axes.

    Returns
    -------
    Expr, shape (batch, heads, queries, keys)
        Weights that sum to 1 over the keys, or 0 for a query whose keys are all masked.

    Examples
    --------
    >>> q, k = pel.tensor4("q", shape=("n", 3, 2, 4)), pel.tensor4("k", shape=("n", 5, 2, 4))
    >>> pel.expand(pel.attention_weights(q, k))
    softmax(einsum('abcd,aecd->acbe', 0.5 * q, k))

    References
    ----------
    A. Vaswani et al., Attention Is All You Need, NeurIPS 2017.
    """

def batch_normalization(
    x: Operand,
    moving_mean: Operand,
    moving_variance: Operand,
    *mask: Operand,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 0.001,
) -> Expr:
    r"""Batch normalization, :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon}` with the mean and variance of the batch.

    Training updates the moving averages, :math:`m \leftarrow \alpha m + (1 - \alpha) \mu` with :math:`\alpha` =
    ``momentum`` (see `pellucid.collect_updates`). Inference uses them instead of the batch statistics.

    Parameters
    ----------
    x : Expr
        Floating-point input of any shape.
    moving_mean, moving_variance : Shared, shape (features,)
        Moving averages.
    mask : Expr of bool, optional
        Mask over the leading axes of ``x``: True for the values to include in mean and variance.
    axis : int
        Feature axis. Mean and variance are computed over all other axes.
    momentum : float
        Fraction of the moving averages kept by an update, between 0 and 1.
    epsilon : float
        Small constant that prevents division by zero.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> x, m, v = pel.matrix("x", shape=("n", 3)), pel.shared([0.0] * 3, "m"), pel.shared([1.0] * 3, "v")
    >>> y = pel.batch_normalization(x, m, v)
    >>> pel.inference(y)
    (x - m) / sqrt(v + 0.001)
    >>> pel.collect_updates(y)[m]
    0.99 * m + 0.01 * x.mean(axis=0)

    References
    ----------
    S. Ioffe and C. Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift, ICML 2015.
    """

def betaln(a: Operand, b: Operand) -> Expr:
    r"""Logarithm of the beta function, :math:`\log B(a, b) = \log \frac{\Gamma(a) \Gamma(b)}{\Gamma(a + b)}`.

    Parameters
    ----------
    a, b : Expr, array or number
        Positive numbers. They broadcast together.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.betaln(1.0, 1e8))()
    np.float32(-18.420681)
    """

def bitwise_and(x: Operand, y: Operand) -> Expr:
    r"""Elementwise bitwise AND, :math:`x \mathbin{\&} y`. For booleans this is the logical AND.

    Parameters
    ----------
    x, y : Expr, array or number
        Integers or booleans whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape and common dtype.

    Raises
    ------
    DtypeError
        If an operand is floating-point.

    Examples
    --------
    >>> pel.function([], pel.bitwise_and(np.array([6, 5]), 3))()
    array([2, 1])
    """

def bitwise_or(x: Operand, y: Operand) -> Expr:
    r"""Elementwise bitwise OR, :math:`x \mid y`. For booleans this is the logical OR.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: booleans and integers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.bitwise_or(np.array([6, 5]), 3))()
    array([7, 7])
    """

def bitwise_xor(x: Operand, y: Operand) -> Expr:
    r"""Elementwise bitwise exclusive OR, :math:`x \oplus y`. For booleans this is the logical XOR.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: booleans and integers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.bitwise_xor(np.array([6, 5]), 3))()
    array([5, 6])
    """

def broadcast_to(x: Operand, shape: int | str | Sequence[int | str] = ()) -> Expr:
    """Broadcast an array to a shape, :math:`y_{ij} = x_j` or :math:`y_{ij} = x_{i1}`.

    Parameters
    ----------
    x : Expr or array
        A shape that broadcasts to ``shape``.
    shape : int or tuple of int or Expr
        Shape of the result.

    Examples
    --------
    >>> pel.broadcast_to(pel.vector("x", shape=(3,)), (2, 3)).shape
    (2, 3)
    """

def cast(x: Operand, dtype: DTypeLike | None = None) -> Expr:
    """Cast to another dtype (default `config.floatx`), :math:`y = x`. Casts to integers truncate.

    The cast of NaN, infinity or an out-of-range number to an integer is undefined: NumPy and XLA return different
    values. Replace them first, as in ``pel.cast(pel.clip(pel.nan_to_num(x), 0, 255), "uint8")``. ``mode="guard"``
    raises an error for NaN before the cast.

    Parameters
    ----------
    x : Expr, array or number
        Any shape.
    dtype : str or dtype
        Dtype of the result.

    Examples
    --------
    >>> pel.cast(pel.ivector("i"), "float64")
    cast(i, dtype=float64)
    """

def cbrt(x: Operand) -> Expr:
    r"""Elementwise cube root, :math:`\sqrt[3]{x}`, with the sign of the input.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.cbrt(-27.0))()
    np.float32(-3.0)
    """

def ceil(x: Operand) -> Expr:
    r"""Ceiling of every element, :math:`\lceil x \rceil`, the smallest integer not below it.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.ceil(2.2))()
    np.float32(3.0)
    """

def cholesky(x: Operand) -> Expr:
    r"""Cholesky factor of symmetric positive definite matrices: lower triangular :math:`L` with :math:`L L^\top = A`.

    The matrix is symmetrized first, :math:`\frac{1}{2}(A + A^\top)`, so that the gradient is symmetric.

    Parameters
    ----------
    x : Expr or array
        Symmetric matrix or stack of symmetric matrices.

    Returns
    -------
    Expr
        Lower triangular matrices, same shape as ``x``.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a matrix is not positive definite. XLA returns NaN.

    Examples
    --------
    >>> pel.cholesky(pel.matrix("A", shape=(2, 2)))
    cholesky(A)

    References
    ----------
    I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527, 2016.
    """

def clip_gradient(x: Operand, low: float | None = None, high: float | None = None) -> Expr:
    r"""Identity that clips the gradient elementwise: :math:`g \mapsto \min(\max(g, a), b)`.

    The clipping is applied to the total gradient of ``x``, after the contributions of all uses are summed.

    Parameters
    ----------
    x : Expr, array or number
        Floating-point input of any shape.
    low, high : number, optional
        Bounds; None for no bound.

    Returns
    -------
    Expr
        Same value as ``x``.

    Raises
    ------
    GradientError
        If a bound is not a number, or ``low`` is greater than ``high``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.clip_gradient(x, -1, 1), x)
    1
    """

def conv(
    x: Operand,
    kernel: Operand,
    strides: Sizes = 1,
    padding: ConvPadding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
) -> Expr:
    r"""Convolution (cross-correlation), in one, two or three dimensions, channels last:
    :math:`y_{n,i,c} = \sum_{k,d} x_{n,\, s i + r k,\, d} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        Input.
    kernel : Expr or array, shape (..., channels in / groups, channels out)
        Kernel.
    strides, dilation : int or tuple of int
        Stride :math:`s` of the window and dilation :math:`r` of the kernel.
    padding : {"valid", "same", "full", "causal"} or pairs of int
        ``"valid"``: no padding. ``"same"``: zeros that keep the size (divided by the strides). ``"full"``: zeros
        such that every window that overlaps the input is included. ``"causal"``, for one spatial axis: zeros in
        front, so that no output depends on later inputs. Otherwise the number of zeros (before, after) each axis.
    groups : int
        Number of groups of channels. Each group of output channels depends on one group of input channels. With as
        many groups as input channels this is a depthwise convolution.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        One vector of output channels per window.

    Raises
    ------
    ShapeError
        If the channels do not match or the window does not fit.

    Examples
    --------
    >>> x, w = pel.tensor4("x", shape=("n", 28, 28, 1)), pel.tensor4("w", shape=(5, 5, 1, 32))
    >>> pel.conv(x, w, padding="same").shape
    ('n', 28, 28, 32)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

def conv_transpose(
    x: Operand,
    kernel: Operand,
    strides: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes | None = None,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Expr:
    r"""Transposed convolution, channels last: :math:`y_{n,j,d} = \sum_{s i + r k = j} \sum_c x_{n,i,c} \; w_{k,d,c}`.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels in)
        Input.
    kernel : Expr or array, shape (..., channels out / groups, channels in)
        Kernel of the convolution that this op transposes.
    strides, dilation : int or tuple of int
        Stride :math:`s` of the output and dilation :math:`r` of the kernel.
    padding : {"valid", "same"} or pairs of int
        No cropping, cropping to the input size times the strides, or the number of elements to crop (before, after)
        each axis.
    output_padding : int or tuple of int, optional
        Number of elements to add after each axis, less than the strides. With ``"same"`` the size is
        :math:`(n - 1) s + k \bmod 2` plus this number, as in Keras.
    groups : int
        Number of groups of channels. Each group of output channels depends on one group of input channels.

    Returns
    -------
    Expr, shape (batch, ..., channels out)
        :math:`(n - 1) s + \max(k, s)` elements along an axis for ``"valid"``, :math:`n s` for ``"same"``.

    Raises
    ------
    ShapeError
        If the channels do not match, or the padding crops everything.

    Examples
    --------
    >>> x, w = pel.tensor4("x", shape=("n", 7, 7, 32)), pel.tensor4("w", shape=(3, 3, 16, 32))
    >>> pel.conv_transpose(x, w, strides=2, padding="same").shape
    ('n', 14, 14, 16)

    References
    ----------
    V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285.
    """

def copysign(x: Operand, y: Operand) -> Expr:
    r"""Magnitude of the first with the sign of the second operand, :math:`|x| \operatorname{sign}(y)`. The sign of
    :math:`-0` counts as negative.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.copysign([1.0, -2.0], [-3.0, -0.0]))()
    array([-1., -2.], dtype=float32)
    """

def cos(x: Operand) -> Expr:
    r"""Cosine of every element, in radians, :math:`\cos x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cos(x), x)
    -sin(x)
    """

def cosh(x: Operand) -> Expr:
    r"""Elementwise hyperbolic cosine, :math:`\cosh x = (e^x + e^{-x}) / 2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.cosh(x), x)
    sinh(x)
    """

def cross(x: Operand, y: Operand, axis: int = -1) -> Expr:
    r"""Cross product of vectors in three dimensions, :math:`(x \times y)_1 = x_2 y_3 - x_3 y_2` and so on.

    Parameters
    ----------
    x, y : Expr or array
        Vectors of 3 elements along the axis. The other axes broadcast.
    axis : int
        Axis of the vectors.

    Returns
    -------
    Expr
        Vectors orthogonal to both.

    Raises
    ------
    ShapeError
        If the vectors do not have 3 elements.

    Examples
    --------
    >>> x, y, r = (pel.vector(name, shape=(3,)) for name in "xyr")
    >>> pel.grad(r @ pel.cross(x, y), x)
    cross(y, r)
    """

def cumprod(x: Operand, axis: int | None = None) -> Expr:
    r"""Cumulative product along an axis, :math:`y_i = \prod_{j \le i} x_j`. The parameters are those of `cumsum`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or None
        Axis along which elements are multiplied; None flattens the array first.

    Examples
    --------
    >>> pel.function([], pel.cumprod([1.0, 2.0, 3.0]))()
    array([1., 2., 6.], dtype=float32)
    """

def cumsum(x: Operand, axis: int | None = None) -> Expr:
    r"""Cumulative sum along an axis, :math:`y_i = \sum_{j \le i} x_j`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Booleans and small integers are summed as 64-bit integers, as in NumPy.
    axis : int, optional
        Axis. By default the array is flattened.

    Returns
    -------
    Expr
        Same shape as ``x``, or a vector if ``axis`` is None.

    Examples
    --------
    >>> pel.function([], pel.cumsum([1.0, 2.0, 3.0]))()
    array([1., 3., 6.], dtype=float32)
    """

def det(x: Operand) -> Expr:
    r"""Determinant of square matrices, :math:`\det A`.

    The gradient is the matrix of cofactors, :math:`\det(A) A^{-\top}` for an invertible matrix. First and second
    derivatives are finite for singular matrices too; the third derivative needs an invertible matrix. The determinant
    of a large matrix can overflow or underflow; use `slogdet` for its logarithm.

    Parameters
    ----------
    x : Expr or array
        Square matrices in the last two axes.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.grad(pel.det(A), A)
    cofactors(A)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """

def diagonal(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    r"""Diagonal of matrices along a new last axis, :math:`y_i = x_{i,\,i+k}` for the offset :math:`k`.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of matrices.
    offset : int
        Offset above the main diagonal; negative below it.
    axis1, axis2 : int
        Axes of rows and of columns.

    Returns
    -------
    Expr
        Both axes are removed, and the diagonal is the last axis.

    Raises
    ------
    ShapeError
        If there are fewer than two axes, or both axes are the same.

    Examples
    --------
    >>> pel.diagonal(pel.matrix("A", shape=(3, 4)), 2).shape
    (2,)
    """

def digamma(x: Operand) -> Expr:
    r"""Derivative of the logarithm of the gamma function, :math:`\psi(x) = \Gamma'(x) / \Gamma(x)`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.digamma(x), x)
    polygamma(1, x)
    """

def divide_no_nan(x: Operand, y: Operand) -> Expr:
    r"""Quotient, :math:`\frac{x}{y}`, and 0 where :math:`y` is 0.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.grad(pel.norm(x), x)
    divide_no_nan(x, vector_norm(x))
    """

def equal(x: Operand, y: Operand) -> Expr:
    """Elementwise test for equality, :math:`x = y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.ivector("y") == 1
    y == 1
    """

def erf(x: Operand) -> Expr:
    r"""Elementwise error function, :math:`\frac{2}{\sqrt{\pi}} \int_0^x e^{-t^2} dt`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.erf(0.0))()
    np.float32(0.0)
    """

def erfc(x: Operand) -> Expr:
    r"""Complementary error function, :math:`1 - \operatorname{erf}(x)`, accurate for large :math:`x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.erfc(0.0))()
    np.float32(1.0)
    """

def erfcx(x: Operand) -> Expr:
    r"""Scaled complementary error function, :math:`e^{x^2} \operatorname{erfc}(x)`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.erfcx(0.0))()
    np.float32(1.0)
    """

def erfinv(x: Operand) -> Expr:
    r"""Elementwise inverse error function, :math:`\operatorname{erf}^{-1}(x)`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.erfinv(0.0))()
    np.float32(0.0)
    """

def exp(x: Operand) -> Expr:
    """Elementwise exponential, :math:`e^x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.exp(pel.vector("x"))
    exp(x)
    """

def exp2(x: Operand) -> Expr:
    """Elementwise power of two, :math:`2^x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.exp2([3.0, -1.0]))()
    array([8. , 0.5], dtype=float32)
    """

def expand_dims(x: Operand, axis: int | Sequence[int] = 0) -> Expr:
    """Insert axes of length 1 at the given positions of the new shape, :math:`y_{i1j} = x_{ij}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or tuple of int
        Positions of the new axes.

    Examples
    --------
    >>> pel.expand_dims(pel.vector("x", shape=("n",)), 1).shape
    ('n', 1)
    """

def expm1(x: Operand) -> Expr:
    """Elementwise :math:`e^x - 1`, accurate for small :math:`x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.simplify(pel.exp(pel.vector("x")) - 1)
    expm1(x)
    """

def exprel(x: Operand) -> Expr:
    """Relative exponential, :math:`(e^x - 1) / x`, which is 1 at 0 and infinity at infinity.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify((pel.exp(x) - 1) / x)
    exprel(x)
    """

def extract_patches(
    images: Operand, size: Sizes = 3, strides: Sizes | None = None, dilation: Sizes = 1, padding: Padding = "valid"
) -> Expr:
    r"""Elements of each sliding window as one vector (im2col), :math:`y_{n,i} = (x_{n,\, s i + r k})_k`.

    A convolution is the matrix product of the patches and the kernel.

    Parameters
    ----------
    images : Expr or array, shape (batch, ..., channels)
        Images with one, two or three spatial axes.
    size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``size``).
    dilation : int or tuple of int
        Step between elements of a window.
    padding : {"valid", "same"} or pairs of int
        No padding, zeros that keep the size (divided by the strides), or zeros (before, after) each axis.

    Returns
    -------
    Expr, shape (batch, ..., window elements * channels)
        One vector per window: the window's positions in row-major order, with the channels of each position together.

    Raises
    ------
    ShapeError
        If the window does not fit or the size or padding is invalid.

    Examples
    --------
    >>> pel.extract_patches(pel.tensor4("x", shape=("n", 28, 28, 3)), 4).shape
    ('n', 7, 7, 48)
    """

def flip(x: Operand, axis: Axes = None) -> Expr:
    """Reverse the order of the elements along axes (by default all), :math:`y_i = x_{n - 1 - i}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes along which the order changes; all by default.

    Examples
    --------
    >>> pel.flip(pel.vector("x"))
    flip(x, axis=0)
    """

def floor(x: Operand) -> Expr:
    r"""Floor of every element, :math:`\lfloor x \rfloor`, the largest integer not above it.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.floor(2.7))()
    np.float32(2.0)
    """

def floor_divide(x: Operand, y: Operand) -> Expr:
    r"""Floor of the quotient, :math:`\lfloor x / y \rfloor`. An integer divided by 0 gives 0, as in NumPy.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.floor_divide(7.0, 2.0))()
    np.float32(3.0)
    """

def fmax(x: Operand, y: Operand) -> Expr:
    r"""Elementwise maximum that ignores NaN, :math:`\max(x, y)`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.fmax([1.0, np.nan], 0.0))()
    array([1., 0.], dtype=float32)
    """

def fmin(x: Operand, y: Operand) -> Expr:
    r"""Elementwise minimum that ignores NaN, :math:`\min(x, y)`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.fmin([1.0, np.nan], 0.0))()
    array([0., 0.], dtype=float32)
    """

def fmod(x: Operand, y: Operand) -> Expr:
    r"""Remainder with the sign of the dividend, as in C, :math:`x - y \operatorname{trunc}(x / y)`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.fmod(-7.0, 4.0))()
    np.float32(-3.0)
    """

def gammaln(x: Operand) -> Expr:
    r"""Logarithm of the absolute value of the gamma function, :math:`\log |\Gamma(x)|`, where
    :math:`\Gamma(n) = (n - 1)!`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.gammaln(x), x)
    digamma(x)
    """

def greater(x: Operand, y: Operand) -> Expr:
    """Elementwise comparison :math:`x > y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") > 0
    x > 0
    """

def greater_equal(x: Operand, y: Operand) -> Expr:
    r"""Elementwise comparison :math:`x \ge y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") >= 0
    x >= 0
    """

def heaviside(x: Operand, y: Operand) -> Expr:
    """Heaviside step function, 0 where :math:`x < 0`, 1 where :math:`x > 0`, and the second operand at 0.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.heaviside([-2.0, 0.0, 2.0], 0.5))()
    array([0. , 0.5, 1. ], dtype=float32)
    """

def hypot(x: Operand, y: Operand) -> Expr:
    r"""Length of the vector :math:`(x, y)`, :math:`\sqrt{x^2 + y^2}`, without overflow of the squares. The gradient at
    the origin is 0.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.hypot(3.0, 4.0))()
    np.float32(5.0)
    """

def inv(x: Operand) -> Expr:
    """Inverse of square matrices, :math:`A^{-1} A = I`.

    To solve a linear system use `solve`, which is faster and more accurate.

    Parameters
    ----------
    x : Expr or array
        Square matrix or stack of square matrices.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a matrix is singular. XLA returns NaN or infinity.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(2, 2))
    >>> pel.inv(A)
    inv(A)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """

def invert(x: Operand) -> Expr:
    """Elementwise bitwise NOT, :math:`-x - 1` for signed integers. For booleans this is the logical NOT.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: booleans and integers.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.invert(np.array([0, 5])))()
    array([-1, -6])
    """

def isfinite(x: Operand) -> Expr:
    r"""Elementwise test for finite numbers, :math:`|x| < \infty`; false for NaN.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.isfinite(1.0))()
    np.True_
    """

def isinf(x: Operand) -> Expr:
    r"""Elementwise test for infinity, :math:`|x| = \infty`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.isinf(1.0))()
    np.False_
    """

def isnan(x: Operand) -> Expr:
    r"""Elementwise test for NaN, :math:`x \ne x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.isnan(1.0))()
    np.False_
    """

def kl_div(x: Operand, y: Operand) -> Expr:
    r"""Term of a Kullback-Leibler divergence, :math:`x \log \frac{x}{y} - x + y`, accurate where
    :math:`x \approx y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Nonnegative numbers. They broadcast together.

    Returns
    -------
    Expr
        The broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.kl_div(1.0, 1.0001))()
    np.float32(5.0e-09)
    """

def kron(x: Operand, y: Operand) -> Expr:
    r"""Kronecker product, :math:`(x \otimes y)_{ip+k,\, jq+l} = x_{ij} y_{kl}` for ``y`` of shape :math:`p \times q`.

    Parameters
    ----------
    x, y : Expr or array
        Factors of any shapes. The one with fewer axes gets axes of length 1 in front.

    Returns
    -------
    Expr
        Array in which the length of each axis is the product of the two lengths.

    Examples
    --------
    >>> pel.kron(pel.matrix("x", shape=(2, 3)), pel.matrix("y", shape=(4, 5))).shape
    (8, 15)

    References
    ----------
    C. F. Van Loan, The ubiquitous Kronecker product, Journal of Computational and Applied Mathematics 123 (2000).
    """

def leaky_relu(x: Operand, negative_slope: float = 0.2) -> Expr:
    r"""Leaky rectified linear unit of every element, :math:`x` where :math:`x \ge 0` and :math:`a x` below, with
    :math:`a` the ``negative_slope``.

    Parameters
    ----------
    x : Expr or array
        Any shape; integers are converted to `config.floatx`.
    negative_slope : float
        :math:`a`.

    Examples
    --------
    >>> pel.expand(pel.leaky_relu(pel.vector("x")))
    where(x >= 0, x, 0.2 * x)

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.
    """

def left_shift(x: Operand, y: Operand) -> Expr:
    r"""Elementwise left shift of the bits of ``x`` by ``y`` places, :math:`x \, 2^y` unless it overflows.

    Booleans raise `DtypeError`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.ivector("i") << 2
    i << 2
    """

def less(x: Operand, y: Operand) -> Expr:
    """Elementwise comparison :math:`x < y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") < 0
    x < 0
    """

def less_equal(x: Operand, y: Operand) -> Expr:
    r"""Elementwise comparison :math:`x \le y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") <= 0
    x <= 0
    """

def local_response_normalization(
    x: Operand, n: int = 5, k: float = 2.0, alpha: float = 0.0001, beta: float = 0.75
) -> Expr:
    r"""Local response normalization: division by the squares of neighboring channels,
    :math:`x_c / \bigl(k + \alpha \sum_{|d - c| \le n/2} x_d^2\bigr)^\beta`.

    Parameters
    ----------
    x : Expr or array, shape (..., channels)
        Input, such as images.
    n : int
        Number of channels in the sum, an odd number.
    k, alpha, beta : float
        Constants of the formula. Caffe and PyTorch use :math:`\alpha / n` in the place of :math:`\alpha`.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Raises
    ------
    ShapeError
        If the number of channels is unknown.
    ValueError
        If ``n`` is not odd or ``k`` is not positive.

    Examples
    --------
    >>> pel.local_response_normalization(pel.matrix("x", shape=("n", 8))).shape
    ('n', 8)

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet Classification with Deep Convolutional Neural Networks,
    NeurIPS 2012, section 3.3.
    """

def log(x: Operand) -> Expr:
    r"""Elementwise natural logarithm, :math:`\log x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.log(x), x)
    1 / x
    """

def log10(x: Operand) -> Expr:
    r"""Elementwise base-10 logarithm, :math:`\log_{10} x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.log10(1000.0))()
    np.float32(3.0)
    """

def log1m_softmax(x: Operand, axis: Axes = -1) -> Expr:
    r"""Logarithm of one minus the softmax, :math:`\log(1 - p_i) = \log \sum_{j \ne i} e^{x_j} - \log \sum_j e^{x_j}`.

    For the maximum :math:`x_i` the first sum is computed over the other elements, shifted by the largest of them. For
    all other elements :math:`\log(1 - p_i)` does not cancel and is computed directly.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the probabilities sum to 1.

    Examples
    --------
    >>> pel.simplify(pel.log(1 - pel.softmax(pel.matrix("z"))))
    log1m_softmax(z)
    """

def log1mexp(x: Operand) -> Expr:
    r"""Logarithm of one minus an exponential, :math:`\log(1 - e^x)` for :math:`x < 0`, accurate near 0 and far from it.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.simplify(pel.log(1 - pel.exp(pel.vector("x"))))
    log1mexp(x)

    References
    ----------
    M. Maechler, Accurately computing ``log(1 - exp(-|a|))``, vignette of the R package Rmpfr, 2012.
    """

def log1p(x: Operand) -> Expr:
    r"""Elementwise :math:`\log(1 + x)`, accurate for small :math:`x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.simplify(pel.log(1 + pel.vector("x")))
    log1p(x)
    """

def log1prel(x: Operand) -> Expr:
    r"""Relative logarithm, :math:`\log(1 + x) / x`, which is 1 at 0 and 0 at infinity.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(1 + x) / x)
    log1prel(x)
    """

def log2(x: Operand) -> Expr:
    r"""Elementwise base-2 logarithm, :math:`\log_2 x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.log2(8.0))()
    np.float32(3.0)
    """

def log_cosh(x: Operand) -> Expr:
    r"""Logarithm of the hyperbolic cosine, :math:`\log \cosh x`, which does not overflow for large :math:`|x|`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.simplify(pel.log(pel.cosh(pel.vector("x"))))
    log_cosh(x)
    """

def log_ndtr(x: Operand) -> Expr:
    r"""Logarithm of the standard normal distribution function, :math:`\log \Phi(x)`, finite where the probability
    underflows.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.log_ndtr(0.0))()
    np.float32(-0.6931472)
    """

def log_softmax(x: Operand, axis: Axes = -1) -> Expr:
    r"""Logarithm of the softmax, :math:`x_i - \log \sum_j e^{x_j}`, finite wherever :math:`x` is.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the probabilities sum to 1.

    Examples
    --------
    >>> pel.simplify(pel.log(pel.softmax(pel.matrix("z"))))
    log_softmax(z)
    """

def logaddexp(x: Operand, y: Operand) -> Expr:
    r"""Logarithm of the sum of two exponentials, :math:`\log(e^x + e^y)`, without overflow or underflow.

    Parameters
    ----------
    x, y : Expr, array or number
        Operands whose shapes broadcast.

    Returns
    -------
    Expr
        Broadcast shape.

    Examples
    --------
    >>> pel.function([], pel.logaddexp(1000.0, 0.0))()
    np.float32(1000.0)
    """

def logaddexp2(x: Operand, y: Operand) -> Expr:
    r"""Base-2 logarithm of the sum of two powers of two, :math:`\log_2(2^x + 2^y)`, without overflow or underflow.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.logaddexp2(1000.0, 1000.0))()
    np.float32(1001.0)
    """

def logical_and(x: Operand, y: Operand) -> Expr:
    r"""Elementwise logical AND, :math:`x \wedge y`. Nonzero numbers are true.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x > 0) & (x < 1)
    (x > 0) & (x < 1)
    """

def logical_not(x: Operand) -> Expr:
    r"""Elementwise logical NOT, :math:`\neg x`. Nonzero numbers are true.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> ~(pel.vector("x") > 0)
    ~(x > 0)
    """

def logical_or(x: Operand, y: Operand) -> Expr:
    r"""Elementwise logical OR, :math:`x \vee y`. Nonzero numbers are true.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x < 0) | (x > 1)
    (x < 0) | (x > 1)
    """

def logical_xor(x: Operand, y: Operand) -> Expr:
    r"""Elementwise logical XOR, :math:`(x \vee y) \wedge \neg (x \wedge y)`. Nonzero numbers are true.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> (x > 0) ^ (x > 1)
    (x > 0) ^ (x > 1)
    """

def logit(x: Operand) -> Expr:
    r"""Log-odds of a probability, :math:`\log \frac{x}{1 - x}`, the inverse of `sigmoid`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.logit(0.5))()
    np.float32(0.0)
    """

def logsumexp(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Logarithm of the sum of exponentials along axes, :math:`\log \sum_i e^{x_i}`.

    Computed as :math:`m + \log \sum_i e^{x_i - m}` with :math:`m = \max_i x_i`, which neither overflows nor underflows.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int, optional
        Axes to sum over (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(pel.log(pel.exp(x).sum()))
    logsumexp(x)

    References
    ----------
    P. Blanchard, D. J. Higham and N. J. Higham, Accurately computing the log-sum-exp and softmax functions,
    IMA Journal of Numerical Analysis 41 (2021).
    """

def masked_softmax(mask: Operand, x: Operand, axis: Axes = -1) -> Expr:
    r"""Softmax over the unmasked elements, :math:`m_i e^{x_i} / \sum_j m_j e^{x_j}`; masked elements become 0.

    Parameters
    ----------
    mask : Expr or array of bool
        True for the elements to include. Broadcasts to the shape of ``x``. If all elements along the axis are
        masked, the result is 0.
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axis along which the result sums to 1.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.masked_softmax(np.array([True, False, True]), pel.constant([1.0, 9.0, 1.0])).eval()
    array([0.5, 0. , 0.5], dtype=float32)
    """

def matmul(x: Operand, y: Operand) -> Expr:
    r"""Matrix product, :math:`(x y)_{ij} = \sum_k x_{ik} y_{kj}`, with NumPy's rules for vectors and stacks.

    Parameters
    ----------
    x, y : Expr or array
        Vectors, matrices, or stacks of matrices whose batch axes broadcast.

    Returns
    -------
    Expr
        Matrix product.

    Raises
    ------
    ShapeError
        If the number of columns of ``x`` differs from the number of rows of ``y``.

    Examples
    --------
    >>> pel.matrix("X", shape=("n", 2)) @ pel.matrix("W", shape=(2, 3))
    X @ W
    """

def max(x: Operand, axis: Axes = None, keepdims: bool = False, initial: float | None = None) -> Expr:
    r"""Maximum of the elements along axes, :math:`\max_i x_i`. Equal maxima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.
    initial : number, optional
        Another element, such as the maximum of no elements. By default, data without elements raise `ShapeError`.

    Examples
    --------
    >>> pel.max(pel.matrix("x"), axis=1)
    x.max(axis=1)
    """

def max_pool(x: Operand, pool_size: Sizes = 2, strides: Sizes | None = None, padding: Padding = "valid") -> Expr:
    r"""Max pooling, :math:`y_{n,i,c} = \max_k x_{n,\, s i + k,\, c}`. The first of several equal maxima receives the
    gradient.

    Parameters
    ----------
    x : Expr or array, shape (batch, ..., channels)
        Input.
    pool_size : int or tuple of int
        Window size.
    strides : int or tuple of int, optional
        Step between windows (default ``pool_size``).
    padding : {"valid", "same"} or pairs of int
        No padding, padding that keeps the size (divided by the strides), or widths (before, after) each axis. A padded
        element is never a maximum.

    Returns
    -------
    Expr, shape (batch, ..., channels)
        One maximum per window.

    Raises
    ------
    ShapeError
        If the window does not fit or the size or padding is invalid.

    Examples
    --------
    >>> pel.max_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """

def maximum(x: Operand, y: Operand) -> Expr:
    r"""Elementwise maximum, :math:`\max(x, y)`. For equal elements the gradient flows to the first.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.maximum(pel.vector("x"), 0)
    maximum(x, 0)
    """

def mean(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Arithmetic mean of the elements along axes, :math:`\frac{1}{n} \sum_i x_i`.

    Integers and booleans are cast to `config.floatx`. The parameters are those of `sum`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x", shape=(4,))
    >>> pel.grad(pel.mean(x), x)
    broadcast_like(0.25, x)
    """

def min(x: Operand, axis: Axes = None, keepdims: bool = False, initial: float | None = None) -> Expr:
    r"""Minimum of the elements along axes, :math:`\min_i x_i`. Equal minima share the gradient equally.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.
    initial : number, optional
        Another element, such as the minimum of no elements. By default, data without elements raise `ShapeError`.

    Examples
    --------
    >>> pel.min(pel.matrix("x"), axis=1)
    x.min(axis=1)
    """

def minimum(x: Operand, y: Operand) -> Expr:
    r"""Elementwise minimum, :math:`\min(x, y)`. For equal elements the gradient flows to the first.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.minimum(pel.vector("x"), 1)
    minimum(x, 1)
    """

def multiply(x: Operand, y: Operand) -> Expr:
    r"""Elementwise product, :math:`x \, y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> 2 * pel.vector("x")
    2 * x
    """

def nan_to_num(x: Operand, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Expr:
    """Replace NaN and infinities by finite numbers; other elements are unchanged, :math:`y = x`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.
    nan : float
        Replacement for NaN.
    posinf, neginf : float, optional
        Replacements for the infinities. By default the largest and smallest finite numbers of the dtype.

    Returns
    -------
    Expr
        Same shape and dtype as ``x``.

    Examples
    --------
    >>> pel.function([], pel.nan_to_num([1.0, np.nan]))()
    array([1., 0.], dtype=float32)
    """

def ndtri(x: Operand) -> Expr:
    r"""Quantile function of the standard normal distribution, :math:`\Phi^{-1}(p)`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.ndtri(0.5))()
    np.float32(0.0)
    """

def negative(x: Operand) -> Expr:
    """Elementwise negation, :math:`-x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> -pel.vector("x")
    -x
    """

def not_equal(x: Operand, y: Operand) -> Expr:
    r"""Elementwise test for inequality, :math:`x \ne y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: all.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.ivector("y") != 1
    y != 1
    """

def one_hot(x: Operand, num_classes: int | None = None, dtype: DTypeLike | None = None) -> Expr:
    """One-hot encoding of integers along a new last axis, :math:`t_{k} = [x = k]`.

    Parameters
    ----------
    x : Expr or array of integers
        From 0 to ``num_classes - 1``. Any other integer gives a row of zeros.
    num_classes : int
        Length of the new axis.
    dtype : dtype, optional
        Defaults to `config.floatx`.

    Returns
    -------
    Expr
        Array with one more axis.

    Examples
    --------
    >>> pel.one_hot(pel.ivector("y", shape=("n",)), 10).shape
    ('n', 10)
    """

def outer(x: Operand, y: Operand) -> Expr:
    r"""Outer product of two vectors, :math:`(x \otimes y)_{ij} = x_i y_j`. Other arrays are flattened first.

    Parameters
    ----------
    x, y : Expr or array
        Vectors, or arrays that are flattened.

    Examples
    --------
    >>> pel.outer(pel.vector("x", shape=(2,)), pel.vector("y", shape=(3,))).shape
    (2, 3)
    """

def pad(
    x: Operand,
    pad_width: PadWidth = 0,
    mode: Literal["constant", "edge", "reflect", "symmetric", "wrap"] = "constant",
    constant_values: float | Sequence[float] | Sequence[Sequence[float]] = 0,
) -> Expr:
    r"""Array with a border, :math:`n \to a + n + b` elements along each axis.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    pad_width : int, (int, int), sequence of such pairs, or dict from axis to width
        Number of elements added before and after, for each axis.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        Values of the border: a constant; the last element; the mirror image without the last element, or with it; the
        elements from the other end.
    constant_values : number, or as ``pad_width``
        Value of the border for ``"constant"``.

    Returns
    -------
    Expr
        Padded array.

    Raises
    ------
    ShapeError
        For negative widths, an unknown mode, or an empty axis in any mode but ``"constant"``.

    Examples
    --------
    >>> pel.pad(pel.vector("x", shape=(3,)), (1, 2), mode="edge").shape
    (6,)
    """

def power(x: Operand, y: Operand) -> Expr:
    """Elementwise power, :math:`x^y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") ** 3
    x ** 3
    """

def prod(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Product of the elements along axes, :math:`\prod_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> pel.prod(pel.matrix("x"), axis=1)
    x.prod(axis=1)
    """

def quantile(x: Operand, q: ArrayLike = 0.5, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Quantile of the elements along axes, linearly interpolated between neighbors:
    :math:`(1 - t)\, x_{(i)} + t\, x_{(i + 1)}` at :math:`i + t = q (n - 1)`, with :math:`i` counted from 0.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Integers are cast to `config.floatx`.
    q : float, list or array
        Fractions from 0 to 1.
    axis : int or tuple of int, optional
        Axes to reduce (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the axes of ``q``, then the remaining axes. NaN if an element is NaN.

    Raises
    ------
    ValueError
        If a fraction is outside [0, 1].

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.quantile(x, 0.25))([4, 1, 2, 3])
    np.float32(1.75)

    References
    ----------
    R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), type 7.
    """

def relu(x: Operand) -> Expr:
    r"""Rectified linear unit of every element, :math:`\max(x, 0)`. The gradient at 0 is 0.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.expand(pel.relu(pel.vector("x")))
    maximum(x, 0)

    References
    ----------
    V. Nair and G. E. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """

def remainder(x: Operand, y: Operand) -> Expr:
    r"""Remainder with the sign of the divisor, :math:`x - y \lfloor x / y \rfloor`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.remainder(-7.0, 4.0))()
    np.float32(1.0)
    """

def reshape(x: Operand, shape: int | str | Sequence[int | str] = ()) -> Expr:
    """Change the shape and keep the order of the elements, as in :math:`y_{i n + j} = x_{ij}` for :math:`n` columns.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    shape : tuple of int and str
        New shape. One size may be ``-1``, which is inferred. A name is the size of the axis of that name. Formulas of
        sizes are allowed, such as ``x.shape[0] // 2``.

    Returns
    -------
    Expr
        Array of the new shape.

    Raises
    ------
    ShapeError
        If the numbers of elements differ, or more than one size is unknown when the program runs.

    Examples
    --------
    >>> pel.reshape(pel.tensor4("x", shape=("n", 2, 2, 3)), ("n", -1)).shape
    ('n', 12)
    >>> x = pel.vector("x", shape=("n",))
    >>> pel.reshape(x, (x.shape[0] // 2, 2)).shape
    ('n//2', 2)
    """

def right_shift(x: Operand, y: Operand) -> Expr:
    r"""Elementwise right shift of the bits of ``x`` by ``y`` places, :math:`\lfloor x / 2^y \rfloor`.

    Booleans raise `DtypeError`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.ivector("i") >> 2
    i >> 2
    """

def rint(x: Operand) -> Expr:
    r"""Nearest integer to every element, :math:`|y - x| \le \frac{1}{2}`, as a float. Halves are rounded to even.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.rint([0.5, 1.5, 1.7]))()
    array([0., 2., 2.], dtype=float32)
    """

def rms_normalize(x: Operand, axis: Axes = -1, epsilon: float = 1e-06) -> Expr:
    r"""Division by the root mean square along axes, :math:`x / \sqrt{\overline{x^2} + \epsilon}`. The parameters are
    those of `standardize`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int or tuple of int
        Axes of the mean.
    epsilon : float
        :math:`\epsilon`, added for stability.

    Examples
    --------
    >>> pel.expand(pel.rms_normalize(pel.matrix("x")))
    x / sqrt((x ** 2).mean(axis=1, keepdims=True) + 1e-06)

    References
    ----------
    B. Zhang and R. Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019.
    """

def roll(x: Operand, shift: int | Sequence[int] = 0, axis: Axes = None) -> Expr:
    r"""Shift the elements along axes, with wrap-around, :math:`y_i = x_{(i - s) \bmod n}`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    shift : int or tuple of int
        Number of positions; negative shifts move elements backwards.
    axis : int or tuple of int, optional
        Axes to shift along; by default the flattened array is shifted.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.roll(pel.vector("x"), 1, axis=0)
    roll(x, axis=0, shift=1)
    """

def round(x: Operand, decimals: int = 0) -> Expr:
    r"""Round every element to a number of decimals, :math:`\operatorname{rint}(10^d x) / 10^d`, with halves to even.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape. Integers stay integers.
    decimals : int
        Number of decimals. A negative number rounds to a power of 10.

    Returns
    -------
    Expr
        Same shape and dtype as ``x``.

    Examples
    --------
    >>> pel.function([], pel.round([1.26, 15.0], 1))()
    array([ 1.3, 15. ], dtype=float32)
    """

def scale_gradient(x: Operand, factor: float = 1.0) -> Expr:
    r"""Identity that multiplies the gradient by a number, :math:`g \mapsto k g`.

    A factor of -1 gives the gradient reversal layer of domain adaptation.

    Parameters
    ----------
    x : Expr, array or number
        Floating-point input of any shape.
    factor : number
        Factor :math:`k`.

    Returns
    -------
    Expr
        Same value as ``x``.

    Raises
    ------
    GradientError
        If the factor is not a number.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(5 * pel.scale_gradient(x, -1), x)
    -5

    References
    ----------
    Y. Ganin and V. Lempitsky, Unsupervised Domain Adaptation by Backpropagation, ICML 2015.
    """

def searchsorted(a: Operand, v: Operand, side: Literal["left", "right"] = "left") -> Expr:
    r"""Indices at which values would be inserted into a sorted vector: the :math:`i` with
    :math:`a_{i-1} < v \le a_i`, or :math:`a_{i-1} \le v < a_i` for ``side="right"``.

    Parameters
    ----------
    a : Expr or array of one axis
        Numbers in ascending order.
    v : Expr or array
        Numbers of any shape.
    side : {"left", "right"}
        Whether the index is before or after equal elements.

    Returns
    -------
    Expr of int64
        Same shape as ``v``, with values from 0 to the length of ``a``.

    Raises
    ------
    ShapeError
        If ``a`` is not a vector, or a constant that is not sorted.
    ValueError
        If ``side`` is anything else.

    Examples
    --------
    >>> v = pel.vector("v")
    >>> pel.function([v], pel.searchsorted(np.array([1.0, 2.0], "float32"), v))([0.5, 2.0, 3.0])
    array([0, 1, 2])
    """

def sech(x: Operand) -> Expr:
    r"""Elementwise hyperbolic secant, :math:`1 / \cosh x = 2 / (e^x + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(2 / (pel.exp(x) + pel.exp(-x)))
    sech(x)
    """

def sigmoid(x: Operand) -> Expr:
    r"""Logistic sigmoid of every element, :math:`\sigma(x) = 1 / (1 + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same shape as ``x``, with values between 0 and 1.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.simplify(1 / (1 + pel.exp(-x)))
    sigmoid(x)
    """

def sign(x: Operand) -> Expr:
    """Sign of every element: :math:`-1`, :math:`0` or :math:`1`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.sign(-3.0))()
    np.float32(-1.0)
    """

def signbit(x: Operand) -> Expr:
    """Whether the sign bit of every element is set, as it is for negative numbers and :math:`-0`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.signbit([-0.0, 0.0]))()
    array([ True, False])
    """

def sin(x: Operand) -> Expr:
    r"""Sine of every element, in radians, :math:`\sin x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sin(x), x)
    cos(x)
    """

def sinc(x: Operand) -> Expr:
    r"""Normalized sinc function of every element, :math:`\sin(\pi x) / (\pi x)`, which is 1 at 0.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.sinc([0.0, 0.5]))()
    array([1.       , 0.63661975], dtype=float32)
    """

def sinh(x: Operand) -> Expr:
    r"""Elementwise hyperbolic sine, :math:`\sinh x = (e^x - e^{-x}) / 2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.sinh(x), x)
    cosh(x)
    """

def size(x: Operand, axis: Axes = None, dtype: DTypeLike | None = None) -> Expr:
    r"""Number of elements along axes, :math:`n_1 n_2 \cdots`, as int64 by default.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes whose lengths are multiplied; all by default.
    dtype : str or dtype, optional
        An integer dtype.

    Examples
    --------
    >>> pel.size(pel.matrix("x", shape=("n", 3)), axis=0)
    size(x, axis=0)
    """

def softmax(x: Operand, axis: Axes = -1) -> Expr:
    r"""Softmax along an axis, :math:`\operatorname{softmax}(x)_i = e^{x_i} / \sum_j e^{x_j}`.

    The maximum is subtracted from :math:`x` first. The result is the same and the exponentials cannot overflow. If an
    element is infinite, all are NaN, as in Keras and JAX; elements of minus infinity have the probability 0.

    Parameters
    ----------
    x : Expr or array
        Scores.
    axis : int or tuple of int
        Axes along which the result sums to 1.

    Returns
    -------
    Expr
        Probabilities, same shape as ``x``.

    Examples
    --------
    >>> z = pel.matrix("z")
    >>> pel.simplify(pel.exp(z) / pel.exp(z).sum(axis=1, keepdims=True))
    softmax(z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """

def softplus(x: Operand) -> Expr:
    r"""Smooth ReLU of every element, :math:`\log(1 + e^x)`, computed as :math:`\max(x, 0) + \log(1 + e^{-|x|})`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.simplify(pel.log(1 + pel.exp(pel.vector("x"))))
    softplus(x)
    """

def softsign(x: Operand) -> Expr:
    """Softsign of every element, :math:`x / (1 + |x|)`, with the derivative :math:`1 / (1 + |x|)^2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.simplify(x / (1 + pel.abs(x)))
    softsign(x)
    """

def solve(a: Operand, b: Operand) -> Expr:
    """Solution of the linear system :math:`A x = b`, :math:`x = A^{-1} b`.

    Parameters
    ----------
    a : Expr or array
        Square matrix or stack of square matrices.
    b : Expr or array
        Vector, matrix of columns, or stack of such matrices. As in NumPy 2, only a 1-D array is a vector.

    Returns
    -------
    Expr
        Same shape as ``b``, with the broadcast batch axes of both.

    Raises
    ------
    ShapeError
        If the matrix is not square, or ``b`` has a different number of rows.
    LinAlgError
        In the NumPy interpreter, if a matrix is singular. XLA returns NaN or infinity.

    Examples
    --------
    >>> A, b, r = pel.matrix("A", shape=(2, 2)), pel.matrix("b", shape=(2, 1)), pel.matrix("r", shape=(2, 1))
    >>> pel.grad((r * pel.solve(A, b)).sum(), b)
    solve(A.T, r)

    References
    ----------
    M. B. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, in:
    Advances in Automatic Differentiation, Springer 2008.
    """

def solve_triangular(a: Operand, b: Operand, lower: bool = False) -> Expr:
    """Solution of the linear system :math:`A x = b` with a triangular matrix, by substitution.

    Parameters
    ----------
    a : Expr or array
        Square matrix or stack of square matrices. The other triangle is ignored.
    b : Expr or array
        As for `solve`.
    lower : bool
        Use the lower triangle of ``a``; by default the upper one, as in SciPy.

    Returns
    -------
    Expr
        As for `solve`.

    Raises
    ------
    LinAlgError
        In the NumPy interpreter, if a diagonal element is 0. XLA returns NaN or infinity.

    Examples
    --------
    >>> L, b = pel.matrix("L", shape=(2, 2)), pel.vector("b", shape=(2,))
    >>> pel.solve_triangular(L, b, lower=True)
    solve_triangular(L, b, lower=True)
    """

def sort(x: Operand, axis: int | None = -1, descending: bool = False, stable: bool = True) -> Expr:
    r"""Sort the elements along an axis, :math:`x_{(1)} \le x_{(2)} \le \dots`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int, optional
        Axis to sort along; ``None`` sorts the flattened array.
    descending : bool
        Whether the largest elements, and NaN, come first.
    stable : bool
        Accepted for compatibility with NumPy. Equal elements keep their order in either case.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.sort(x, descending=True))([2, 3, 1])
    array([3., 2., 1.], dtype=float32)
    """

def sparse_crossentropy(labels: Operand, scores: Operand) -> Expr:
    r"""Cross-entropy of integer labels and logits,
    :math:`-\log \operatorname{softmax}(z)_y = \log \sum_j e^{z_j} - z_y`.

    The gradient is :math:`\operatorname{softmax}(z) - t`, with :math:`t` the one-hot encoded label. The simplifier
    rewrites a cross-entropy that is written with a softmax and a logarithm into this op.

    Parameters
    ----------
    labels : Expr or array of integers, shape (...)
        Class indices.
    scores : Expr or array, shape (..., classes)
        Logits.

    Returns
    -------
    Expr, shape (...)
        Cross-entropy of each label, in nats.

    Raises
    ------
    ShapeError
        If the shapes do not match.

    Examples
    --------
    >>> y, z = pel.ivector("y", shape=("n",)), pel.matrix("z", shape=("n", 3))
    >>> pel.simplify(-pel.log(pel.take_along_axis(pel.softmax(z), y[:, None]))[:, 0])
    sparse_crossentropy(y, z)

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """

def sqrt(x: Operand) -> Expr:
    r"""Elementwise square root, :math:`\sqrt{x}`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.sqrt(pel.vector("x"))
    sqrt(x)
    """

def square(x: Operand) -> Expr:
    """Elementwise square, :math:`x^2`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.grad(pel.square(pel.scalar("x")), pel.scalar("x"), disconnected="zero")
    0
    """

def squeeze(x: Operand, axis: Axes = None) -> Expr:
    """Remove axes of length 1, by default all axes known to have length 1, :math:`y_{ij} = x_{i1j}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes of length 1.

    Examples
    --------
    >>> pel.squeeze(pel.matrix("x", shape=("n", 1))).shape
    ('n',)
    """

def standardize(x: Operand, axis: Axes = -1, epsilon: float = 0.001) -> Expr:
    r"""Standardization to zero mean and unit variance along axes,
    :math:`(x - \bar x) / \sqrt{\operatorname{var} x + \epsilon}`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int
        Axes along which mean and variance are computed.
    epsilon : float
        Small constant added to the variance, which prevents division by zero.

    Returns
    -------
    Expr
        Same shape as ``x``.

    Examples
    --------
    >>> pel.expand(pel.standardize(pel.matrix("x")))
    (x - x.mean(axis=1, keepdims=True)) / sqrt(x.var(axis=1, keepdims=True) + 0.001)

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, arXiv:1607.06450.
    """

def std(x: Operand, axis: Axes = None, ddof: float = 0, keepdims: bool = False) -> Expr:
    r"""Standard deviation of the elements along axes, :math:`\sqrt{\operatorname{var}(x)}`.

    The gradient is 0 where all elements are equal. The parameters are those of `var`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    axis : int, tuple of int or None
        Axes to reduce; all by default.
    ddof : int
        Number that is subtracted from the number of elements in the divisor.
    keepdims : bool
        Whether reduced axes stay, with length 1.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.function([x], pel.grad(pel.std(x), x))([3.0, 3.0])
    array([0., 0.], dtype=float32)
    """

def stop_gradient(x: Operand) -> Expr:
    """Identity with zero gradient: :math:`f(x) = x`, :math:`f'(x) = 0`.

    Theano calls it ``zero_grad``, ``disconnected_grad`` and ``consider_constant``.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same value as ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(x * pel.stop_gradient(x), x)
    stop_gradient(x)
    """

def subtract(x: Operand, y: Operand) -> Expr:
    """Elementwise difference, :math:`x - y`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: integers and real numbers.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> 1 - pel.vector("x")
    1 - x
    """

def sum(x: Operand, axis: Axes = None, keepdims: bool = False) -> Expr:
    r"""Sum of the elements along axes, :math:`\sum_i x_i`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Booleans and small integers are summed as 64-bit integers, as in NumPy.
    axis : int or tuple of int, optional
        Axes to sum over (default all).
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Examples
    --------
    >>> pel.sum(pel.matrix("x"), axis=1)
    x.sum(axis=1)
    """

def sum_pool(x: Operand, pool_size: Sizes = 2, strides: Sizes | None = None, padding: Padding = "valid") -> Expr:
    r"""Sum pooling, :math:`y_{n,i,c} = \sum_k x_{n,\, s i + k,\, c}`. The parameters are those of `max_pool`; padded
    elements are 0.

    Parameters
    ----------
    x : Expr or array
        Channels last: (batch, spatial axes, channels).
    pool_size : int or tuple of int
        Size of the window.
    strides : int or tuple of int, optional
        Step of the window, by default its size.
    padding : "valid", "same" or pairs of int
        Padding of the spatial axes.

    Examples
    --------
    >>> pel.sum_pool(pel.tensor4("x", shape=("n", 28, 28, 32)), 2).shape
    ('n', 14, 14, 32)
    """

def take_along_axis(x: Operand, indices: Operand, axis: int = -1) -> Expr:
    """Take elements at indices along an axis, paired with the positions along the other axes, :math:`x_{k, i_k}`.

    Parameters
    ----------
    x : Expr or array
        Any shape.
    indices : Expr or array
        Integers, with as many axes as ``x``; other axes broadcast.
    axis : int
        Axis of ``x`` that is indexed.

    Examples
    --------
    >>> p, y = pel.matrix("p", shape=("n", 10)), pel.ivector("y", shape=("n",))
    >>> pel.take_along_axis(p, y[:, None]).shape
    ('n', 1)
    """

def tan(x: Operand) -> Expr:
    r"""Tangent of every element, in radians, :math:`\tan x = \sin x / \cos x`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.tan(x), x)
    1 + tan(x) ** 2
    """

def tanh(x: Operand) -> Expr:
    r"""Elementwise hyperbolic tangent, :math:`\tanh x = (e^x - e^{-x}) / (e^x + e^{-x})`.

    Parameters
    ----------
    x : Expr, array or number
        Input of any shape.

    Returns
    -------
    Expr
        Same shape as ``x``, with values between -1 and 1.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> pel.grad(pel.tanh(x), x)
    1 - tanh(x) ** 2
    """

def tile(x: Operand, reps: int | Sequence[int] = 1) -> Expr:
    """Repeat the whole array along its axes: :math:`a, b, a, b` from :math:`a, b`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    reps : int or tuple of int
        Number of repetitions along the last axes; numbers may be sizes of expressions, such as ``x.shape[0]``. For
        more numbers than axes, axes are added in front.

    Returns
    -------
    Expr
        The length of each axis is multiplied by its number of repetitions.

    Raises
    ------
    ShapeError
        If a number of repetitions is not an integer of 0 or more.

    Examples
    --------
    >>> pel.tile(pel.matrix("x", shape=("n", 3)), 2).shape
    ('n', 6)
    """

def trace(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    r"""Trace of matrices, :math:`\operatorname{tr} A = \sum_i A_{ii}`.

    Parameters
    ----------
    x : Expr or array
        A matrix or a stack of matrices.
    offset : int
        Offset of the diagonal above the main diagonal.
    axis1, axis2 : int
        Axes of rows and of columns: the first two, as in ``np.trace``. `pellucid.linalg.trace` uses the last two.

    Returns
    -------
    Expr
        Both axes are removed.

    Examples
    --------
    >>> A = pel.matrix("A", shape=(3, 3))
    >>> pel.trace(A)
    trace(A)
    """

def training_only(training: Operand, inference: Operand) -> Expr:
    """Expression with separate values for training, :math:`t`, and for inference.

    The value is the first operand until `pellucid.inference` replaces it by the second. Use it for noise, random crops
    or batch statistics. Only one of the operands is computed.

    Parameters
    ----------
    training : Expr or array
        Value during training. It receives the gradient.
    inference : Expr or array
        Value at inference, of the same shape.

    Returns
    -------
    Expr
        Same shape as the operands.

    Raises
    ------
    ShapeError
        If the shapes differ.

    Examples
    --------
    >>> x, rng = pel.vector("x"), pel.random.Generator(0)
    >>> noisy = pel.training_only(x + rng.normal(0, 0.1, like=x), x)
    >>> pel.inference(pel.tanh(noisy))
    tanh(x)
    """

def transpose(x: Operand, axes: Sequence[int] | None = None) -> Expr:
    r"""Permutation of the axes, :math:`x^\top`.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axes : sequence of int, optional
        New order of the axes; by default reversed.

    Returns
    -------
    Expr
        The same elements with permuted axes.

    Raises
    ------
    ShapeError
        If ``axes`` is not a permutation of the axes.

    Examples
    --------
    >>> pel.matrix("x", shape=("n", 3)).T.shape
    (3, 'n')
    """

def tril(x: Operand, k: int = 0) -> Expr:
    r"""Lower triangle of matrices, :math:`x_{ij}` where :math:`j \le i + k`, with zeros above.

    Parameters
    ----------
    x : Expr or array
        Matrices in the last two axes.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.tril(pel.matrix("A"), -1)
    tril(A, k=-1)
    """

def triu(x: Operand, k: int = 0) -> Expr:
    r"""Upper triangle of matrices, :math:`x_{ij}` where :math:`j \ge i + k`, with zeros below.

    Parameters
    ----------
    x : Expr or array
        Matrices in the last two axes.
    k : int
        Number of the diagonal: 0 is the main one, positive numbers are above it.

    Examples
    --------
    >>> pel.triu(pel.matrix("A"), 1)
    triu(A, k=1)
    """

def true_divide(x: Operand, y: Operand) -> Expr:
    """Elementwise quotient, :math:`x / y`. Integers are cast to `config.floatx`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.vector("x") / 2
    x / 2
    """

def trunc(x: Operand) -> Expr:
    r"""Integer part of every element, rounded toward 0, :math:`\operatorname{sign}(x) \lfloor |x| \rfloor`.

    Parameters
    ----------
    x : Expr, array or number
        Any shape. Dtypes: all.

    Returns
    -------
    Expr
        The shape of ``x``.

    Examples
    --------
    >>> pel.function([], pel.trunc([-2.7, 2.7]))()
    array([-2.,  2.], dtype=float32)
    """

def var(x: Operand, axis: Axes = None, ddof: float = 0, keepdims: bool = False) -> Expr:
    r"""Variance of the elements along axes, :math:`\frac{1}{n - d} \sum_i (x_i - \bar{x})^2` with :math:`d` = ``ddof``.

    Parameters
    ----------
    x : Expr or array
        Input of any shape. Integers and booleans are cast to `config.floatx`.
    axis : int or tuple of int, optional
        Axes to reduce (default all).
    ddof : int
        Delta degrees of freedom, subtracted from the number of elements; 1 for an unbiased estimate.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Examples
    --------
    >>> pel.var(pel.matrix("x"), axis=0)
    x.var(axis=0)
    """

def vector_norm(x: Operand, axis: Axes = None, ord: float = 2, keepdims: bool = False) -> Expr:
    r"""Vector norm along axes, :math:`\left\| x \right\|_p = \left(\sum_i |x_i|^p\right)^{1/p}`.

    Elements are divided by the largest one before they are raised to a power, so that the powers cannot overflow.
    The gradient is 0 where the norm is 0.

    Parameters
    ----------
    x : Expr or array
        Input of any shape.
    axis : int or tuple of int, optional
        Axes of the vectors (default all).
    ord : number, inf or -inf
        Order p: inf for the largest absolute value, -inf for the smallest, 0 for the number of nonzero elements.
    keepdims : bool
        Keep the reduced axes with length 1.

    Returns
    -------
    Expr
        Array with the remaining axes.

    Raises
    ------
    ShapeError
        If an axis does not exist or ``ord`` is not a number.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.vector_norm(x)
    vector_norm(x)

    References
    ----------
    J. L. Blue, A portable Fortran program to find the Euclidean norm of a vector, ACM TOMS 4 (1978).
    """

def where(condition: Operand, x: Operand, y: Operand) -> Expr:
    """Elementwise selection by a condition: :math:`x` where it is true, :math:`y` elsewhere.

    Parameters
    ----------
    condition : Expr or array of bool
        Condition.
    x, y : Expr, array or number
        Values. All three operands broadcast.

    Returns
    -------
    Expr
        Broadcast shape.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> pel.where(x > 0, x, 0.1 * x)
    where(x > 0, x, 0.1 * x)
    """

def xlog1py(x: Operand, y: Operand) -> Expr:
    r"""Product with the logarithm of one plus a number, :math:`x \log(1 + y)`, and 0 where :math:`x = 0`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.xlog1py(0.0, -1.0))()
    np.float32(0.0)
    """

def xlogy(x: Operand, y: Operand) -> Expr:
    r"""Product with a logarithm, :math:`x \log y`, and 0 where :math:`x = 0`, even for :math:`y = 0`.

    Parameters
    ----------
    x, y : Expr, array or number
        Any shapes that broadcast with one another. Dtypes: real numbers; integers and booleans are converted to `config.floatx`.

    Returns
    -------
    Expr
        The broadcast shape of ``x`` and ``y``.

    Examples
    --------
    >>> pel.function([], pel.xlogy(0.0, 0.0))()
    np.float32(0.0)
    """

absolute = abs
acos = arccos
acosh = arccosh
amax = max
amin = min
around = round
asin = arcsin
asinh = arcsinh
atan = arctan
atan2 = arctan2
atanh = arctanh
bitwise_invert = invert
bitwise_left_shift = left_shift
bitwise_not = invert
bitwise_right_shift = right_shift
cumulative_prod = cumprod
cumulative_sum = cumsum
divide = true_divide
fix = trunc
lgamma = gammaln
mod = remainder
pow = power
