"""Expressions: immutable, interned values-to-be, and the leaves they grow from."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.array_conversion import as_array, fit
from pellucid.graph.errors import DtypeError, ShapeError, UseError, brief
from pellucid.graph.extensions import above
from pellucid.graph.methods import Methods
from pellucid.graph.operators import call
from pellucid.graph.source_location import place_of_writing
from pellucid.graph.types import Dim, Shape, Type, as_dtype, as_shape, common_dtype, is_float, shape_text, unify

if TYPE_CHECKING:
    from pellucid.graph.op_def import Op

Settings = tuple[tuple[str, Any], ...]


class Expr(Methods):
    """A value that does not exist yet: an op on other expressions.

    The same op on the same inputs is the same object, so common subexpressions never exist twice. An expression
    never changes. ``==`` is elementwise; two expressions are the same one if ``a is b``.

    Attributes
    ----------
    op : Op or None
        What is done; None for a leaf (an input, a shared variable, a constant).
    inputs : tuple of Expr
        What it is done to.
    settings : dict
        The op's settings, such as ``axis``.
    type : Type
        Shape and dtype (`shape`, `dtype` and `ndim` are shortcuts).
    origin : tuple of (str, int) or None
        The file and line where it was first written.
    calls : tuple
        The calls of layers that wrote it, each with the place of the expression among their results.
    """

    __slots__ = ("__weakref__", "_settings", "calls", "inputs", "name", "op", "origin", "settled", "types")

    op: Op | None
    inputs: tuple[Expr, ...]
    name: str | None
    types: tuple[Type, ...]

    def __init__(
        self,
        op: Op | None,
        inputs: tuple[Expr, ...],
        settings: Settings,
        types: tuple[Type, ...],
        name: str | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self._settings = settings
        self.types = types
        self.name = name
        self.origin = place_of_writing()
        self.settled: object = None
        self.calls: tuple[tuple[Any, int], ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The op's settings by name."""
        return dict(self._settings)

    @property
    def type(self) -> Type:
        """The shape and dtype of the value."""
        return self.types[0]

    @property
    def shape(self) -> Shape:
        """The dimensions: integers, names, or unknown."""
        return self.types[0].shape

    @shape.setter
    def shape(self, shape: object) -> None:
        raise UseError(f"The shape of {brief(self)} never changes. Write x = x.reshape(shape)").about([self])

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of the value."""
        return self.types[0].dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.types[0].shape)

    def __repr__(self) -> str:
        from pellucid.graph.printing import text

        return text(self)

    def _repr_latex_(self) -> str:
        return str(above("latex", self))

    def _repr_html_(self) -> str:
        return str(above("html", self))

    def eval(self, values: Mapping[Any, Any] | None = None, *, mode: str = "auto") -> Any:
        """Return the value for given values of what it depends on; what is compiled is kept for the next time.

        Parameters
        ----------
        values : dict from Expr or name to array or number
            A value for every input, by the input or by its name; or for any expression in between.
        mode : {"auto", "xla", "native", "numpy", "guard"}
            How to run it; see `pellucid.function`.

        Returns
        -------
        array or number
            NumPy's.

        Raises
        ------
        InputError
            If an input has no value, or a value belongs to nothing in the expression.

        Examples
        --------
        >>> import pellucid as pel
        >>> x = pel.vector("x")
        >>> (2 * x).eval({x: [1.0, 2.0]}), (2 * x).eval({"x": [3.0]})
        (array([2., 4.], dtype=float32), array([6.], dtype=float32))
        """
        return above("eval", self, values, mode)

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: Any) -> Expr:
        return self

    def __reduce__(self) -> Any:
        raise UseError(
            f"The expression {brief(self)} cannot be pickled, because what it is depends on which object it is. "
            "Save the values of its shared variables"
        )

    def __len__(self) -> int:
        if not self.ndim:
            raise UseError(f"{brief(self)} is one number, which has no length and no elements").about([self])
        if isinstance(self.shape[0], int):
            return self.shape[0]
        raise UseError(
            f"The length of {brief(self)}, of shape {shape_text(self.shape)}, is not known until it runs. Declare it, "
            "as in shape=(3,); write x.mean() for x.sum() / len(x), and pel.size(x, 0) for len(x); go through the "
            "elements with pel.map or pel.scan"
        ).about([self])

    def __iter__(self) -> Iterator[Expr]:
        return (self[i] for i in range(len(self)))


class Input(Expr):
    """A named value that a compiled function is given; told from others by identity, never by name.

    Examples
    --------
    >>> X = Input("X", ("n", 2))
    >>> X.shape, X.dtype
    (('n', 2), dtype('float32'))
    """

    __slots__ = ()

    def __init__(self, name: str | None = None, shape: Sequence[Dim | None] = (), dtype: Any = None) -> None:
        if name is not None and not isinstance(name, str):
            raise UseError(f"Expected the name of an input first, as in pel.vector('x'). Received: {name!r}")
        super().__init__(None, (), (), (Type(as_shape(shape), as_dtype(dtype)),), name)


class Constant(Expr):
    """A value that is part of the graph. The same value of the same dtype is the same object."""

    __slots__ = ("value",)

    def __init__(self, value: np.ndarray[Any, Any]) -> None:
        super().__init__(None, (), (), (Type(value.shape, value.dtype),))
        self.value = value


class Shared(Expr):
    """A variable that keeps its value between calls; its tags say what training may do with it.

    Parameters
    ----------
    value : array, list or number
        The first value, which fixes shape and dtype. Python numbers and lists become `config.floatx`.
    name : str, optional
        What it is called on the page.
    trainable : bool
        Whether an optimizer may change it.
    regularizable : bool
        Whether a penalty on the weights includes it (biases say no).

    Attributes
    ----------
    times_set : int
        How often `set_value` put a value in its place, which a compiled program does not.

    Examples
    --------
    >>> W = Shared([0.2, 0.7], name="W")
    >>> W.get_value()
    array([0.2, 0.7], dtype=float32)
    """

    __slots__ = ("constraint", "default_update", "learns", "regularizable", "storage", "times_set", "trainable")

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
        super().__init__(None, (), (), (Type(array.shape, array.dtype),), name)
        self.storage: Any = array
        self.times_set = 0
        self.trainable = trainable
        self.regularizable = regularizable
        self.learns = trainable
        self.default_update: Expr | None = None
        self.constraint: Callable[[Any], Any] | None = None

    def get_value(self) -> np.ndarray[Any, Any]:
        """Return a copy of the value as a NumPy array."""
        return np.array(self.storage)

    def set_value(self, value: Any) -> None:
        """Replace the value.

        Raises
        ------
        ShapeError, DtypeError
            If the value has another shape, or numbers that the dtype cannot hold.

        Warns
        -----
        PrecisionWarning
            If numbers are rounded to fit the dtype.
        """
        array = fit(value, self.dtype, str(self))
        if array.shape != self.shape:
            raise ShapeError(
                f"{self} has shape {shape_text(self.shape)}. Received: a value of shape {shape_text(array.shape)}"
            ).about([self])
        self.storage = array.copy()
        self.times_set += 1


_nodes: weakref.WeakValueDictionary[Any, Expr] = weakref.WeakValueDictionary()
_constants: weakref.WeakValueDictionary[Any, Constant] = weakref.WeakValueDictionary()
_noted: list[set[Expr]] = []


def intern(op: Op, inputs: tuple[Expr, ...], settings: Settings, infer: Callable[[], tuple[Type, ...]]) -> Expr:
    """Return the one expression that is this op on these inputs, inferring its type only if it is new."""
    key = (op, inputs, settings)
    found = _nodes.get(key)
    if found is None:
        found = Expr(op, inputs, settings, infer())
        _nodes[key] = found
        for new in _noted:
            new.add(found)
    return found


@contextmanager
def noting() -> Iterator[set[Expr]]:
    """Note what is written meanwhile and was not there before, which is what belongs to a branch."""
    new: set[Expr] = set()
    _noted.append(new)
    try:
        yield new
    finally:
        _noted.pop()


def constant(value: Any, dtype: Any = None) -> Constant:
    """Make a value part of the graph.

    Parameters
    ----------
    value : array, list or number
        NumPy arrays keep their dtype; Python numbers and lists become `config.floatx`.
    dtype : dtype, optional
        Another dtype.

    Returns
    -------
    Constant
        Of the value's shape.

    Examples
    --------
    >>> constant(2.0) is constant(2.0)
    True
    """
    array = as_array(value, dtype)
    key = (array.dtype.str, array.dtype.name, array.shape, array.tobytes())
    found = _constants.get(key)
    if found is None:
        array = array.copy()
        array.setflags(write=False)
        found = Constant(array)
        _constants[key] = found
    return found


def as_expr(value: Any, dtype: Any = None) -> Expr:
    """Return expressions as they are and anything else as a `constant`."""
    return value if isinstance(value, Expr) else constant(value, dtype)


def promote(operands: Sequence[Any], to_float: bool = False) -> list[Expr]:
    """Bring operands to NumPy's common dtype, with Python numbers taking the dtype of the arrays they meet."""
    if all(isinstance(o, Expr) for o in operands):
        # The common case, and the one of rewriting: nothing is left to be brought together.
        dtypes = [o.types[0].dtype for o in operands]
        if all(d == dtypes[0] for d in dtypes) and (not to_float or is_float(dtypes[0])):
            return list(operands)
    strong = [as_expr(o) for o in operands if not _is_weak(o)]
    weak = [o for o in operands if _is_weak(o)]
    dtype = common_dtype([e.dtype for e in strong], weak)
    if to_float and not is_float(dtype):
        dtype = as_dtype(None)
    try:
        same = [as_expr(o, dtype if _is_weak(o) else None) for o in operands]
    except DtypeError as error:
        raise DtypeError(
            f"{error}, in an expression of {', '.join(brief(e) for e in strong)}. Cast one to a wider dtype first"
        ).about(strong) from error
    return [e if e.dtype == dtype else call("cast", e, dtype=dtype) for e in same]


def _is_weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def agree(actual: Shape, declared: Shape) -> bool:
    """Tell whether two shapes can be the same one."""
    return len(actual) == len(declared) and all(unify(a, b) is not None for a, b in zip(actual, declared, strict=True))


def freeze(settings: Mapping[str, Any]) -> Settings:
    """Make settings hashable, in the order of their names."""
    if not settings:
        return ()
    return tuple(sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in settings.items()))
