"""Expressions: immutable, interned nodes of a graph, and its leaves (inputs, constants, shared variables)."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pellucid.extension_points import (
    expression_copy,
    expression_html,
    expression_latex,
    expression_reduction,
    expression_text,
    expression_value,
    size_expression,
)
from pellucid.graph.array_conversion import as_array, cast_to_dtype, read_storage
from pellucid.graph.errors import DtypeError, ShapeError, UseError, brief
from pellucid.graph.operators import MAX_TEXT, ArrayMethods, call_op
from pellucid.graph.source_location import Location, get_current_location, later_locations, record_location
from pellucid.graph.types import (
    Dim,
    NamedDim,
    Shape,
    Type,
    Unknown,
    as_dtype,
    as_shape,
    common_dtype,
    format_shape,
    get_origins,
    is_float,
    is_formula,
    unify_shapes,
)

if TYPE_CHECKING:
    from types import EllipsisType

    from pellucid.graph.op import Op
    from pellucid.typing import Array, ArrayLike, Mode

Settings = tuple[tuple[str, Any], ...]
"""Settings of an op in hashable form, sorted by name."""

OpSettings = dict[str, Any]
"""Settings of an op by name. Their types depend on the op."""

Operand: TypeAlias = "Expr | ArrayLike"
"""Argument of functions on expressions: an expression, or a value that becomes a constant."""

IndexPart: TypeAlias = "Operand | slice | EllipsisType | None"
IndexKey: TypeAlias = "IndexPart | tuple[Any, ...]"
"""Index in ``x[...]``: integers, slices, ``None``, ``...``, integer arrays and constant masks."""


class Expr(ArrayMethods):
    """A node of a graph: an op on other expressions, or a leaf.

    Expressions are immutable and interned: the same op on the same inputs is the same object, so every common
    subexpression exists once. ``==`` is elementwise; ``a is b`` tells whether two expressions are the same.

    Attributes
    ----------
    op : Op or None
        The op; None for a leaf (an input, a shared variable, a constant).
    inputs : tuple of Expr
        The operands of the op.
    types : tuple of Type
        Shape and dtype of each result. `type`, `shape`, `dtype` and `ndim` are those of the first.
    name : str or None
        The name of a leaf, or the name that `pellucid.named` attached.
    call : object or None
        The record of the layer call that returned this expression. This package only stores it.

    Examples
    --------
    >>> x = pel.vector("x", shape=("n",))
    >>> y = pel.tanh(x).sum()
    >>> y.op, y.inputs, y.shape
    (<op sum>, (tanh(x),), ())
    >>> pel.tanh(x) is y.inputs[0]
    True
    """

    __slots__ = ("__weakref__", "_base", "_origin", "_settings", "call", "inputs", "is_labeled", "name", "op", "types")

    op: Op | None
    inputs: tuple[Expr, ...]
    types: tuple[Type, ...]
    name: str | None
    call: Any
    is_labeled: bool
    """Whether this expression, or any that it depends on, has a name or a call."""
    _settings: Settings
    _base: Expr | None
    _origin: Location | None

    def __setattr__(self, name: str, value: Any) -> None:
        raise UseError(explain_immutability(self, name)).with_operands([self])

    def __delattr__(self, name: str) -> None:
        raise UseError(explain_immutability(self, name)).with_operands([self])

    @property
    def unlabeled(self) -> Expr:
        """The same op on the same inputs without name and call. Its inputs keep theirs."""
        return self if self._base is None else self._base

    @property
    def origin(self) -> Location | None:
        """The file and line of user code that built it, the latest if several did."""
        return later_locations.get(self, self._origin)

    @property
    def settings(self) -> OpSettings:
        """The op's settings by name, such as ``axis``."""
        return dict(self._settings)

    @property
    def type(self) -> Type:
        """Shape and dtype."""
        return self.types[0]

    @property
    def shape(self) -> tuple[Any, ...]:
        """Dimensions: integers, and names, which allow arithmetic: ``x.shape[0] // 2`` is a size too."""
        return self.types[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype."""
        return self.types[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.types[0].shape)

    def __repr__(self) -> str:
        return expression_text(self, MAX_TEXT)

    def _repr_latex_(self) -> str:
        return expression_latex(self)

    def _repr_html_(self) -> str:
        return expression_html(self)

    def eval(self, values: Mapping[Any, Any] | None = None, *, mode: Mode = "auto") -> Any:
        """Compute the value for given inputs. The compiled function is cached for later calls.

        Parameters
        ----------
        values : dict from Expr or name to array or number
            A value for every input, by the input or its name. Intermediate expressions can have values too.
        mode : {"auto", "xla", "native", "numpy", "guard"}
            How to run it; see `pellucid.function`.

        Returns
        -------
        array or number
            A NumPy array or scalar.

        Raises
        ------
        InputError
            If an input has no value, or a value is for an expression that does not occur.

        Examples
        --------
        >>> x = pel.vector("x")
        >>> (2 * x).eval({x: [1.0, 2.0]}), (2 * x).eval({"x": [3.0]})
        (array([2., 4.], dtype=float32), array([6.], dtype=float32))
        """
        return expression_value(self, values, mode)

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Expr:
        copy: Expr = expression_copy(self, memo)
        return copy

    def __reduce__(self) -> Any:
        return expression_reduction(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise UseError(f"{brief(self)} is a scalar, which has no length and no elements").with_operands([self])
        if isinstance(self.shape[0], int):
            return self.shape[0]
        raise UseError(
            f"The length of {brief(self)}, of shape {format_shape(self.shape)}, is not known until it runs. Declare "
            "it, as in shape=(3,); write x.mean() for x.sum() / len(x), and x.shape[0] for len(x); go through the "
            "elements with pel.map or pel.scan"
        ).with_operands([self])

    def __iter__(self) -> Iterator[Expr]:
        return (self[i] for i in range(len(self)))


class Input(Expr):
    """Named argument of compiled functions. Inputs are compared by identity, not by name.

    Parameters
    ----------
    name : str, optional
        Name in printed formulas.
    shape : sequence of int, str or None
        Dimensions: sizes, names of sizes, None for unknown sizes.
    dtype : dtype, optional
        By default `config.floatx`.

    Examples
    --------
    >>> X = Input("X", ("n", 2))
    >>> X.shape, X.dtype
    (('n', 2), dtype('float32'))
    """

    __slots__ = ()

    def __init__(self, name: str | None = None, shape: Sequence[Dim | None] = (), dtype: Any = None) -> None:
        if name is not None and not isinstance(name, str):
            raise UseError(
                f"Expected the name of an input first, as in pel.vector('x'). Received: {name!r}. "
                "Values are made by pel.constant(value), and variables by pel.shared(value, name)"
            )
        # Names that were taken from another input are sizes of this one, too.
        dims = tuple(NamedDim(d) if type(d) is NamedDim and not is_formula(d) else d for d in as_shape(shape))
        set_leaf_attributes(self, Type(dims, as_dtype(dtype)), name)
        set_origins(self)


class Constant(Expr):
    """Constant array or scalar. Equal values of one dtype are the same object.

    Parameters
    ----------
    value : ndarray
        The value, which must not change afterwards.

    Examples
    --------
    >>> c = pel.Constant(np.array([1.0, 2.0]))
    >>> c.shape, c.dtype
    ((2,), dtype('float64'))
    """

    __slots__ = ("value",)

    value: Array

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, ...]:
            """Sizes of the axes, which are known."""

    def __init__(self, value: Array) -> None:
        set_leaf_attributes(self, Type(value.shape, value.dtype))
        object.__setattr__(self, "value", value)


class Shared(Expr):
    """Variable that keeps its value between calls, such as a parameter. The only expression with mutable attributes.

    The parameters are those of `pellucid.shared`.

    Parameters
    ----------
    value, name, dtype, trainable, regularizable
        As for `pellucid.shared`.

    Attributes
    ----------
    trainable, regularizable : bool
        Whether optimizers update it, and whether weight penalties include it (False for biases).
    trainable_by_default : bool
        Whether it was created as trainable. Freezing a layer and unfreezing it restores this.
    indexed_by : str or None
        Name of the Embedding layer that selects its rows by indices from 0; None for other variables.
    set_count : int
        Number of calls of `set_value`. Updates by compiled programs do not count.

    Examples
    --------
    >>> W = Shared([0.2, 0.7], name="W")
    >>> W.get_value()
    array([0.2, 0.7], dtype=float32)
    """

    __slots__ = (
        "constraint",
        "default_update",
        "indexed_by",
        "regularizable",
        "set_count",
        "storage",
        "trainable",
        "trainable_by_default",
    )

    if not TYPE_CHECKING:  # mutable again
        __setattr__ = object.__setattr__
        __delattr__ = object.__delattr__

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, ...]:
            """Sizes of the axes, which are known."""

    def __init__(
        self,
        value: Any,
        name: str | None = None,
        *,
        dtype: Any = None,
        trainable: bool = True,
        regularizable: bool = True,
    ) -> None:
        array = as_array(value, dtype).copy()
        set_leaf_attributes(self, Type(array.shape, array.dtype), name)
        self.storage: Any = array
        self.set_count: int = 0
        self.trainable: bool = trainable
        self.regularizable: bool = regularizable
        self.trainable_by_default: bool = trainable
        self.default_update: Expr | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.indexed_by: str | None = None

    def __copy__(self) -> Shared:
        copy: Shared = expression_copy(self, {})  # a variable has no parts that a copy could share
        return copy

    def get_value(self) -> Array:
        """Return a copy of the value as a NumPy array."""
        return np.array(read_storage(self.storage))

    def set_value(self, value: Any) -> None:
        """Replace the value.

        Parameters
        ----------
        value : array, list or number
            The new value, of the same shape.

        Raises
        ------
        ShapeError, DtypeError
            If the value has another shape, or numbers that the dtype cannot hold.

        Warns
        -----
        PrecisionWarning
            If an array is rounded to the dtype.
        """
        array = cast_to_dtype(value, self.dtype, str(self))
        if array.shape != self.shape:
            raise ShapeError(
                f"{self} has shape {format_shape(self.shape)}. Received: a value of shape {format_shape(array.shape)}"
            ).with_operands([self])
        self.storage = array.copy()
        self.set_count += 1


class _MutableExpr(Expr):
    """An op node under construction. It has no `__setattr__` in Python, so that building many nodes is fast."""

    __slots__ = ()
    __setattr__ = object.__setattr__  # type: ignore[assignment]


def set_leaf_attributes(leaf: Expr, type: Type, name: str | None = None) -> None:
    put = object.__setattr__
    put(leaf, "op", None)
    put(leaf, "inputs", ())
    put(leaf, "_settings", ())
    put(leaf, "types", (type,))
    put(leaf, "name", name)
    put(leaf, "call", None)
    put(leaf, "is_labeled", False)
    put(leaf, "_base", None)
    put(leaf, "_origin", get_current_location())


def _build(
    op: Op,
    inputs: tuple[Expr, ...],
    settings: Settings,
    types: tuple[Type, ...],
    name: str | None = None,
    call: Any = None,
    base: Expr | None = None,
) -> Expr:
    made: Expr = _MutableExpr.__new__(_MutableExpr)
    made.op = op
    made.inputs = inputs
    made._settings = settings
    made.types = types
    made.name = name
    made.call = call
    made.is_labeled = base is not None or has_labels(inputs, settings)
    made._base = base
    made._origin = get_current_location()
    made.__class__ = Expr
    if len(types) == 1 and Unknown in map(type, types[0].shape):
        set_origins(made)
    for new in _recordings.get():
        new.add(made)
    return made


def set_origins(e: Expr) -> None:
    """Remember in the names of an expression's sizes which axes have them, unless they are those of another one."""
    for axis, dim in enumerate(e.types[0].shape):
        if isinstance(dim, NamedDim) and not get_origins(dim) and not is_formula(dim):
            dim.origins = {str(dim): (weakref.ref(e), axis)}


def has_labels(inputs: tuple[Expr, ...], settings: Settings) -> bool:
    for i in inputs:  # runs for every node; `any` of a generator takes twice as long
        if i.is_labeled:
            return True
    return bool(settings) and any(getattr(value, "is_labeled", False) for _, value in settings)  # of a Subgraph


class _Entry(weakref.ref[Expr]):
    """Weak reference in an interning table, which removes its entry when the expression is freed."""

    __slots__ = ("key", "table")

    key: Any
    table: dict[Any, _Entry]


interning_lock = threading.RLock()
"""Lock of the interning tables. It is reentrant, because the collector may free an expression while it is held."""

if hasattr(os, "register_at_fork"):  # a child process would wait for a lock that another thread holds
    release = interning_lock.release
    os.register_at_fork(before=interning_lock.acquire, after_in_parent=release, after_in_child=release)


def _remove(entry: _Entry) -> None:
    with interning_lock:
        if entry.table.get(entry.key) is entry:
            del entry.table[entry.key]


_Table = dict[Any, _Entry]  # `weakref.WeakValueDictionary` does the same in twice the time
_nodes: _Table = {}
_labeled_nodes: _Table = {}
_constants: _Table = {}
_recordings: ContextVar[tuple[set[Expr], ...]] = ContextVar("recordings", default=())


def _add(table: _Table, key: Any, made: Expr) -> Expr:
    """Add an expression and return it, or the one that another thread has added since the key was looked up."""
    with interning_lock:
        if key in table and (found := table[key]()) is not None:
            return found
        entry = _Entry(made, _remove)
        entry.key, entry.table = key, table
        table[key] = entry
    return made


def intern(op: Op, inputs: tuple[Expr, ...], settings: Settings, infer: Callable[[], tuple[Type, ...]]) -> Expr:
    """Return the unique expression of this op on these inputs. Types are inferred if it is new."""
    key = (op, inputs, settings)
    entry = _nodes.get(key)
    found = None if entry is None else entry()
    if found is None:
        return _add(_nodes, key, _build(op, inputs, settings, infer()))
    record_location(found, found._origin)
    return found


@contextmanager
def pause_gc() -> Iterator[None]:
    """Pause the cyclic garbage collector while many expressions are built.

    Each collection visits every expression, and finds nothing: expressions form no reference cycles.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def attach_label(e: Expr, *, name: str | None, call: Any = None) -> Expr:
    """Return the unique expression of the same op on the same inputs with this name and this call."""
    base = e.unlabeled
    if (name is None and call is None) or base.op is None:
        return base
    key = (base, name, call)
    entry = _labeled_nodes.get(key)
    found = None if entry is None else entry()
    if found is None:
        made = _build(base.op, base.inputs, base._settings, base.types, name, call, base)
        return _add(_labeled_nodes, key, made)
    record_location(found, found._origin)
    return found


FIXES = {
    "shape": "Write x = x.reshape(shape)",
    "dtype": "Write x = x.astype(dtype)",
    "name": "Write h = pel.named('h', expression); an input gets its name where it is made",
    "value": "Write pel.constant(value) for another constant; pel.shared(value) makes a variable",
}


def explain_immutability(e: Expr, attribute: str) -> str:
    fix = FIXES.get(attribute, "Store your own data in a dictionary, as in notes[x] = ...")
    return f"Expressions are immutable: {attribute} of {brief(e)} cannot be assigned. {fix}"


@contextmanager
def record_new_nodes() -> Iterator[set[Expr]]:
    """Collect the expressions that are built in this context and did not exist before, such as those of a branch."""
    new: set[Expr] = set()
    token = _recordings.set((*_recordings.get(), new))
    try:
        yield new
    finally:
        _recordings.reset(token)


def constant(value: Any, dtype: Any = None) -> Constant:
    """Make a constant.

    Parameters
    ----------
    value : array, list or number
        The value. NumPy arrays keep their dtype; Python numbers and lists get `config.floatx`.
    dtype : dtype, optional
        Another dtype.

    Returns
    -------
    Constant
        Of the shape of the value.

    Examples
    --------
    >>> constant(2.0) is constant(2.0)
    True
    """
    array = as_array(value, dtype)
    key = (array.dtype.str, array.dtype.name, array.shape, array.tobytes())
    entry = _constants.get(key)
    found: Any = None if entry is None else entry()
    if found is None:
        array = array.copy()
        array.setflags(write=False)
        found = _add(_constants, key, Constant(array))
    return found  # type: ignore[no-any-return]


def as_expr(value: Any, dtype: Any = None) -> Expr:
    """Return an expression unchanged, the size of an axis as its value, and any other value as a `constant`."""
    if isinstance(value, Expr):
        return value
    return size_expression(value, dtype) if isinstance(value, NamedDim) else constant(value, dtype)


def promote_operands(operands: Sequence[Any], to_float: bool = False) -> list[Expr]:
    """Cast operands to NumPy's common dtype. Python numbers and sizes take the dtype of the other operands."""
    if all(isinstance(o, Expr) for o in operands):
        # The fast path of rewriting, where all operands have one dtype already.
        dtypes = [o.types[0].dtype for o in operands]
        if all(d == dtypes[0] for d in dtypes) and (not to_float or is_float(dtypes[0])):
            return list(operands)
    strong = [as_expr(o) for o in operands if not _is_weak(o)]
    weak = [0 if isinstance(o, NamedDim) else o for o in operands if _is_weak(o)]
    dtype = common_dtype([e.dtype for e in strong], weak)
    if to_float and not is_float(dtype):
        dtype = as_dtype(None)
    try:
        exprs = [as_expr(o, dtype if _is_weak(o) else None) for o in operands]
    except DtypeError as error:
        raise DtypeError(
            f"{error}, in an expression with {', '.join(brief(e) for e in strong)}. Cast one to a wider dtype first"
        ).with_operands(strong) from error
    return [e if e.dtype == dtype else call_op("cast", e, dtype=dtype) for e in exprs]


def _is_weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float, NamedDim)) and not isinstance(value, np.generic)


def is_compatible_shape(actual: Shape, declared: Shape) -> bool:
    return unify_shapes(actual, declared) is not None


def to_hashable(settings: Mapping[str, Any]) -> Settings:
    """Convert settings to a hashable form, sorted by name."""
    if not settings:
        return ()
    return tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in settings.items()))
