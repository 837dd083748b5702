"""Errors of building, differentiating, rewriting and running expressions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import NoSuchNameError as NoSuchNameError
from pellucid.errors import OptionError as OptionError
from pellucid.errors import PellucidError as PellucidError
from pellucid.errors import brief as brief
from pellucid.errors import near_miss as near_miss
from pellucid.graph.foreign_names import FOREIGN_FUNCTIONS


class UseError(PellucidError, TypeError):
    """An operation that expressions do not support, or wrong arguments of a function.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> try:
    ...     bool(x)
    ... except pel.UseError as error:
    ...     print(str(error).split(". ")[0])
    The truth value of x is not known until it runs
    """


class ShapeError(PellucidError, ValueError):
    """Incompatible shapes, detected on the line that builds the expression.

    Examples
    --------
    >>> X, W = pel.matrix("X", shape=("n", 2)), pel.matrix("W", shape=(3, 4))
    >>> try:
    ...     X @ W
    ... except pel.ShapeError as error:
    ...     print(str(error).split(". ")[0])
    X @ W: the left operand has 2 columns and the right operand has 3 rows
    """


class DtypeError(PellucidError, TypeError):
    """Incompatible dtypes, or a value that a dtype cannot hold.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> try:
    ...     x & True
    ... except pel.DtypeError as error:
    ...     print(str(error).split(". ")[0])
    bitwise_and: expected booleans or integers
    """


class GradientError(PellucidError, ValueError):
    """A gradient that does not exist: of a non-scalar, or with respect to an integer.

    Examples
    --------
    >>> x = pel.vector("x")
    >>> try:
    ...     pel.grad(2 * x, x)
    ... except pel.GradientError as error:
    ...     print(str(error).split(". ")[0])
    Expected a scalar cost
    """


class DisconnectedError(GradientError):
    """A gradient with respect to an expression that the cost does not depend on.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> try:
    ...     pel.grad(x**2, y)
    ... except pel.DisconnectedError as error:
    ...     print(str(error).split(". ")[0])
    The cost x ** 2 does not depend on y
    """


class LinAlgError(PellucidError, np.linalg.LinAlgError):
    """A singular or indefinite matrix in the NumPy interpreter.

    Examples
    --------
    >>> A = pel.matrix("A")
    >>> f = pel.function([A], pel.linalg.inv(A), mode="numpy")
    >>> try:
    ...     f([[0.0]])
    ... except pel.LinAlgError as error:
    ...     print(str(error).split(". ")[0])
    inv(A): Singular matrix
    """


class WrongGradientError(GradientError):
    """A gradient that disagrees with finite differences.

    Examples
    --------
    >>> @pel.op(grad=lambda g, y, x: 3 * g)
    ... def doubled(xp, x):
    ...     return 2 * x
    >>> try:
    ...     pel.verify_grad(doubled, [1.0])
    ... except pel.WrongGradientError as error:
    ...     print(str(error).split(". ")[0])
    The gradient of doubled(x0) with respect to x0 differs from finite differences
    """


class WrongOpError(PellucidError):
    """An op that differs between NumPy and XLA, or violates its own shape or dtype rule.

    Examples
    --------
    >>> @pel.op(xla=lambda xp, x: x + 1, grad=lambda g, y, x: g)
    ... def same(xp, x):
    ...     return x
    >>> try:
    ...     pel.check_op(same)
    ... except pel.WrongOpError as error:
    ...     print(str(error).split(", at ")[0])
    NumPy and XLA disagree on same(x0) in float64
    """


class InputError(PellucidError, ValueError):
    """A missing, superfluous or invalid input of a function.

    Examples
    --------
    >>> x, y = pel.scalar("x"), pel.scalar("y")
    >>> try:
    ...     pel.function([x], x + y)
    ... except pel.InputError as error:
    ...     print(str(error).split(". ")[0])
    The function needs the input y, which x + y uses
    """


class RewriteError(PellucidError, RuntimeError):
    """Rewrite rules that do not reach a fixed point, or a rule that changes a shape or dtype.

    Examples
    --------
    >>> try:
    ...     raise pel.RewriteError("the rule swaps its operands forever")
    ... except RuntimeError as error:
    ...     print(error)
    the rule swaps its operands forever
    """


class NonFiniteError(PellucidError, ArithmeticError):
    """A NaN or infinity, computed by a program or among its inputs.

    Examples
    --------
    >>> x = pel.scalar("x")
    >>> f = pel.function([x], pel.log(x), mode="guard")
    >>> try:
    ...     f(-1.0)
    ... except pel.NonFiniteError as error:
    ...     print(str(error).splitlines()[0])
    log(x) became nan
    """


class StateError(PellucidError, RuntimeError):
    """Shared variables whose values were lost, because a run that donates their buffers failed.

    Examples
    --------
    >>> try:
    ...     raise pel.StateError("the values of W are lost")
    ... except RuntimeError as error:
    ...     print(error)
    the values of W are lost
    """


class DistributionError(PellucidError, RuntimeError):
    """Devices or processes that cannot compute together: one is lost, or their arguments differ.

    Examples
    --------
    >>> try:
    ...     raise pel.DistributionError("rank 1 is lost")
    ... except RuntimeError as error:
    ...     print(error)
    rank 1 is lost
    """


class StorageError(PellucidError, ValueError):
    """A graph that cannot be serialized, or a file that is damaged or of another format.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("notes.txt").write_text("no graph", "utf-8")
    >>> try:
    ...     pel.load("notes.txt")
    ... except pel.StorageError as error:
    ...     print(error)
    Cannot read notes.txt: it is not a .pel file
    """


class StorageWarning(UserWarning):
    """A part of a file that was not read or written, such as an optimizer that the other program does not have.

    Examples
    --------
    >>> import warnings
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,)), nn.Dense(1)])
    >>> model.compile("sgd", loss=lambda y_true, y_pred: abs(y_true - y_pred).mean(axis=-1))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model.save("line.keras")
    >>> caught[0].category.__name__
    'StorageWarning'
    """


class PrecisionWarning(UserWarning):
    """A value was rounded to the dtype of the input that received it.

    Examples
    --------
    >>> import warnings
    >>> x = pel.scalar("x")
    >>> f = pel.function([x], x)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     y = f(np.float64(0.1))
    >>> [warning.category.__name__ for warning in caught]
    ['PrecisionWarning']
    """


class TrainingWarning(UserWarning):
    """Training continues but cannot succeed, because of a mistake in the network or its loss, or a loss that is NaN.

    Examples
    --------
    >>> import warnings
    >>> layers = [pel.nn.Input((2,)), pel.nn.Dense(2, activation="softmax"), pel.nn.Softmax()]
    >>> model = pel.Sequential(layers)
    >>> model.compile("sgd", "sparse_categorical_crossentropy")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     history = model.fit(np.ones((4, 2)), [0, 1, 0, 1], verbose=0)
    >>> pel.TrainingWarning in [warning.category for warning in caught]
    True
    """


def suggest_near_misses(module: dict[str, Any], known_as: str, instead: str = "") -> None:
    """Give a module a ``__getattr__`` that suggests the nearest name for a misspelled one.

    It is set at run time, because a type checker that sees it would accept every name. ``module`` is its ``globals()``,
    ``known_as`` its public name, and ``instead`` the hint if no name is similar.
    """

    def suggest(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        prefix = module["__name__"]
        own = [n for n, v in module.items() if str(getattr(v, "__module__", "")).startswith(prefix)]
        hint = f" {FOREIGN_FUNCTIONS[name]}" if name in FOREIGN_FUNCTIONS else ""
        hint = hint or near_miss(name, module.get("__all__") or [n for n in own if not n.startswith("_")])
        raise NoSuchNameError(f"{known_as} has no {name!r}.{hint or instead}")

    module["__getattr__"] = suggest


for _kind in (
    *PellucidError.__subclasses__(),
    *GradientError.__subclasses__(),
    PrecisionWarning,
    StorageWarning,
    TrainingWarning,
):
    _kind.__module__ = "pellucid"  # the public name, which tracebacks print
