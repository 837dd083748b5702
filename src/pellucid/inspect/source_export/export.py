"""`peel`: the same network one level or more further down."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.inspect.source_export.expressions import expression_code, function_code, model_code
from pellucid.inspect.source_export.layers import layers_code
from pellucid.inspect.source_export.numpy_script import numpy_script
from pellucid.inspect.source_export.toml_writer import toml_text
from pellucid.inspect.source_export.training_loop import Settings
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.show.numpy_script import source
from pellucid.training import data_validation

LEVELS = {0: "numpy", 1: "expressions", 2: "layers", 4: "toml"}
"""The levels at which a network can be written; level 3 is the model itself."""


def peel(
    what: Any,
    level: str | int,
    x: Any = None,
    y: Any = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    weights: bool = False,
) -> str:
    r"""Write a network as a program of another level: what :math:`f(x; \theta)` is, and how it is trained.

    Parameters
    ----------
    what : Model, Function, Expr or sequence of Expr
        What to open. A model must be compiled for every level but ``"layers"``; functions and expressions open into
        ``"expressions"`` and ``"numpy"``.
    level : {"toml", "layers", "expressions", "numpy"} or {4, 2, 1, 0}
        A TOML file, which `from_toml` and the command line read; Python with layers; Python with symbols, the loss and
        the update written out; or a script of plain NumPy, backpropagation written out, that needs nothing else (SciPy
        aside, for functions that NumPy does not have).
    x, y : arrays, optional
        Data of a model that the program then holds. Without them it takes a file of arrays x and y, as `np.savez`
        writes it.
    epochs, batch_size, seed : int, optional
        How the program trains: its batches are those of ``model.fit(x, y, batch_size, epochs, seed=seed)``. Without
        them as the model was read by `from_toml`, or 1, 32 and 0.
    weights : bool
        Whether the weights stand in the code of layers, which else draws its own. The two levels below always hold
        them, and a TOML file never does.

    Returns
    -------
    str
        The program: a model's trains when it is run, and has ``step``, ``predict`` and ``fit`` (with layers, ``model``
        and ``fit``).

    Raises
    ------
    ValueError
        For an unknown level, which is named beside the nearest, or options that do not belong to it.
    ModelError
        If the model is not built or not compiled, or holds what cannot be written at that level.
    TypeError
        For something that cannot be opened.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,), name="x"), nn.Dense(1, name="line")], name="line")
    >>> print(pel.peel(model, "layers"))
    import pellucid as pel
    from pellucid import nn
    <BLANKLINE>
    model = pel.Sequential(
        [
            nn.Input((2,), dtype="float32", name="x"),
            nn.Dense(name="line", units=1),
        ],
        name="line",
    )
    """
    name = level_name(level)
    if not isinstance(what, Model):
        return peel_below(what, name, given_options(x=x, y=y, epochs=epochs, batch_size=batch_size, seed=seed))
    if weights and name != "layers":
        raise OptionError(f"weights=True belongs to level 'layers'. Received: level={level!r}")
    settings = settings_of(what, x, y, epochs, batch_size, seed, weights)
    if name == "toml":
        if x is not None:
            raise OptionError("A TOML file holds no data. Received: x and y with level='toml'; leave them out")
        return toml_text(what, settings)
    write = {"layers": layers_code, "expressions": model_code, "numpy": numpy_script}[name]
    return write(what, settings)


def level_name(level: Any) -> str:
    """Return the name of a level that is given by name or number."""
    if isinstance(level, int) and not isinstance(level, bool) and level in LEVELS:
        return LEVELS[level]
    if level in LEVELS.values():
        return str(level)
    known = ", ".join(f"{name!r} ({number})" for number, name in LEVELS.items())
    hint = " Level 3 is the model itself." if level == 3 else near_miss(str(level), list(LEVELS.values()))
    raise OptionError(f"There is no level {level!r} to open into.{hint} Levels: {known}")


def peel_below(what: Any, name: str, given: list[str]) -> str:
    """Write a function or expressions."""
    is_function = hasattr(what, "program")
    outputs = [what] if isinstance(what, Expr) else what
    if not is_function and not (
        isinstance(outputs, (list, tuple)) and outputs and all(isinstance(e, Expr) for e in outputs)
    ):
        raise UseError(f"peel opens a model, a function or expressions. Received: {what!r}")
    if name not in ("expressions", "numpy"):
        raise ModelError(
            f"A function or an expression is level 1 already, and opens into 'expressions' and 'numpy'. Received: "
            f"level={name!r}; make a model of its layers for the levels above"
        )
    if given:
        raise OptionError(
            f"{', '.join(given)} belong to a model's training. Received with a function or expressions; "
            "pel.source(step, X, y, after=1000) writes a script that runs a function on data"
        )
    if name == "numpy":
        return source(what) + "\n"
    return function_code(what) if is_function else expression_code(list(outputs))


def given_options(**options: Any) -> list[str]:
    """Return the names of the options that were given."""
    return [name for name, value in options.items() if value is not None]


def settings_of(model: Model, x: Any, y: Any, epochs: Any, batch_size: Any, seed: Any, weights: bool) -> Settings:
    """Return how a program trains, held against the model."""
    if (x is None) != (y is None):
        raise ModelError(f"A program holds x and y or neither. Received: {'x' if y is None else 'y'} alone")
    data: list[np.ndarray[Any, Any]] = [] if x is None else list(model.checked(x, y))
    before = model.training
    return Settings(
        data,
        data_validation.positive("epochs", before.get("epochs", 1) if epochs is None else epochs),
        data_validation.positive("batch_size", before.get("batch_size", 32) if batch_size is None else batch_size),
        int(before.get("seed", 0) if seed is None else seed),
        weights,
    )
