"""Export of models, functions and expressions as programs at several levels of detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.graph.expr import Expr
from pellucid.graph.validation import check_integer
from pellucid.inspect.source_export.expression_source import (
    write_expression_source,
    write_function_source,
    write_model_source,
)
from pellucid.inspect.source_export.layer_source import write_layer_source
from pellucid.inspect.source_export.model_to_toml import write_toml
from pellucid.inspect.source_export.numpy_script import write_numpy_script
from pellucid.inspect.source_export.training_loop import ExportOptions
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.nn.random_seed import validate_seed
from pellucid.show.sources.numpy_script import source
from pellucid.training.data_adapter import make_dataset
from pellucid.typing import Array, Values

LEVELS = {0: "numpy", 1: "expressions", 2: "layers", 4: "toml"}
"""Export levels; level 3 is the model itself."""


def to_source(
    what: Any,
    level: str | int,
    x: Values | None = None,
    y: Values | None = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    weights: bool = False,
) -> str:
    r"""Write a network :math:`f(x; \theta)` and its training as a program of another level.

    Parameters
    ----------
    what : Model, Function, Expr or sequence of Expr
        What to export. A model must be compiled, except for ``"layers"``. Functions and expressions can be exported as
        ``"expressions"`` and ``"numpy"``.
    level : {"toml", "layers", "expressions", "numpy"} or {4, 2, 1, 0}
        A TOML file, which `from_toml` and the command line read; Python with layers; Python with expressions for the
        loss and the update; or a script with backpropagation written out, which needs only NumPy (and SciPy for
        functions that NumPy does not have).
    x, y : arrays, optional
        Training data of a model to embed in the program. By default the program reads a file of arrays x and y, as
        `np.savez` writes it.
    epochs, batch_size, seed : int, optional
        Training settings; the mini-batches are those of ``model.fit(x, y, batch_size, epochs, seed=seed)``. The
        defaults are those of the file that `from_toml` read the model from, or else 1, 32 and 0.
    weights : bool
        Whether code with layers contains the weights; otherwise it initializes new ones. The lower levels always
        contain them, and a TOML file never does.

    Returns
    -------
    str
        The program. Run as a script it trains the model; it defines ``step``, ``predict`` and ``fit`` (with layers,
        ``model`` and ``fit``).

    Raises
    ------
    ValueError
        For an unknown level, or for options that do not belong to it.
    ModelError
        If the model is not built or not compiled, or cannot be written at that level.
    TypeError
        For other objects.

    Examples
    --------
    >>> from pellucid import nn
    >>> model = pel.Sequential([nn.Input((2,), name="x"), nn.Dense(1, name="line")], name="line")
    >>> print(pel.to_source(model, "layers"))
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
    name = resolve_level(level)
    if not is_model(what):
        options = {"x": x, "y": y, "epochs": epochs, "batch_size": batch_size, "seed": seed}
        return export_expressions(what, name, [option for option, value in options.items() if value is not None])
    if weights and name != "layers":
        raise OptionError(f"weights=True is only for level 'layers'. Received: level={level!r}")
    if name == "toml" and x is not None:
        raise OptionError("A TOML file holds no data. Received: x and y with level='toml'; leave them out")
    write = {"layers": write_layer_source, "expressions": write_model_source, "numpy": write_numpy_script}
    write["toml"] = write_toml
    return write[name](what, make_options(what, x, y, epochs, batch_size, seed, weights))


def resolve_level(level: object) -> str:
    if isinstance(level, int) and not isinstance(level, bool) and level in LEVELS:
        return LEVELS[level]
    if level in LEVELS.values():
        return str(level)
    known = ", ".join(f"{name!r} ({number})" for number, name in LEVELS.items())
    hint = " Level 3 is the model itself." if level == 3 else near_miss(str(level), list(LEVELS.values()))
    raise OptionError(f"There is no level {level!r}.{hint} Levels: {known}")


def export_expressions(what: Any, level: str, model_options: Sequence[str]) -> str:
    is_function = hasattr(what, "program")
    outputs = [what] if isinstance(what, Expr) else what
    if not is_function and not (
        isinstance(outputs, (list, tuple)) and outputs and all(isinstance(e, Expr) for e in outputs)
    ):
        raise UseError(f"to_source expects a model, a function or expressions. Received: {what!r}")
    if level not in ("expressions", "numpy"):
        raise ModelError(
            "A function or an expression can be exported as 'expressions' or 'numpy'. Received: "
            f"level={level!r}; make a model of it for the levels above"
        )
    if model_options:
        raise OptionError(
            f"{', '.join(model_options)}: only for a model. Received with a function or expressions; "
            "pel.source(step, X, y, after=1000) writes a script that runs a function on data"
        )
    if level == "numpy":
        return source(what) + "\n"
    return write_function_source(what) if is_function else write_expression_source(list(outputs))


def make_options(
    model: ModelLike,
    x: Values | None,
    y: Values | None,
    epochs: int | None,
    batch_size: int | None,
    seed: int | None,
    weights: bool,
) -> ExportOptions:
    """Validate the data and the training settings; defaults are those the model was read with."""
    if (x is None) != (y is None):
        raise ModelError(f"Expected both x and y, or neither. Received: only {'x' if y is None else 'y'}")
    data: list[Array] = [] if x is None else list(make_dataset(model, x, y).arrays)
    defaults = model.training
    return ExportOptions(
        data,
        check_integer("epochs", defaults.get("epochs", 1) if epochs is None else epochs),
        check_integer("batch_size", defaults.get("batch_size", 32) if batch_size is None else batch_size),
        validate_seed(defaults.get("seed", 0) if seed is None else seed),
        weights,
    )
