"""The runs of a sweep: every combination of the settings, seeds and subsamples, each with a model of its own."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.random_seed import as_seed, seeded
from pellucid.training import data_validation
from pellucid.training.data_adapter import Samples, samples_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes
    ----------
    settings : dict
        What the model was built with.
    seed : int
        Of its first weights and of the orders.
    subsample : int or None
        Which of the subsamples it learns from; None for all samples.
    model : Model
        Built and compiled.
    samples : Samples
        All samples, as the model takes them.
    rows : array or None
        The numbers of those that it learns from; None for all.
    """

    settings: dict[str, Any]
    seed: int
    subsample: int | None
    model: Model
    samples: Samples
    rows: Array | None

    def __len__(self) -> int:
        return len(self.samples) if self.rows is None else len(self.rows)

    def __str__(self) -> str:
        told = {**self.settings, "seed": self.seed}
        if self.subsample is not None:
            told["rows"] = self.subsample
        return ", ".join(f"{name}={value}" for name, value in told.items())


def is_varied(value: Any) -> bool:
    """Tell whether a setting has several values to go through."""
    return isinstance(value, (list, tuple, range)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def choices(name: str, value: Any) -> list[Any]:
    """Return the values of a setting, as numbers of Python where they are NumPy's."""
    listed = list(value) if is_varied(value) else [value]
    if not listed:
        raise OptionError(f"sweep: expected at least one value of {name}. Received: {name}={value!r}")
    plain = [v.item() if isinstance(v, np.generic) else v for v in listed]
    twice = next((v for i, v in enumerate(plain) if any(v is w or repr(v) == repr(w) for w in plain[:i])), None)
    if twice is not None:
        raise OptionError(f"sweep: expected each value of {name} once. Received: {twice!r} more than once")
    return plain


def make_runs(
    build: Callable[..., Any], settings: Mapping[str, Any], seed: Any, rows: Sequence[Array] | None, x: Any, y: Any
) -> list[Run]:
    """Build the model of every run.

    Parameters
    ----------
    build : function
        From settings to a compiled model.
    settings : dict
        Each a value, or several in a list, tuple, range or array.
    seed : int or several
        Each seeds the first weights; ``build`` is given it if it has a parameter of that name.
    rows : sequence of array or None
        The subsamples.
    x, y
        What the models learn from.

    Raises
    ------
    OptionError, UseError
        For settings that ``build`` does not take, or no values.
    ModelError, ShapeError
        If what it returns is no compiled model, or the data do not fit it.
    """
    takes_seed = check_builder(build, settings)
    table = {name: choices(name, value) for name, value in settings.items()}
    seeds = [as_seed(each) for each in choices("seed", seed)]
    drawn: list[tuple[int | None, Array | None]] = [(None, None)] if rows is None else list(enumerate(rows))
    known: dict[Any, Samples] = {}
    runs = []
    for values in itertools.product(*table.values()):
        chosen = dict(zip(table, values, strict=True))
        for each, (subsample, own) in itertools.product(seeds, drawn):
            model = built(build, {**chosen, "seed": each} if takes_seed else chosen, each, x)
            kind = kind_of(model)
            if kind not in known:
                known[kind] = samples_of(model, x, y)
            runs.append(Run(chosen, each, subsample, model, known[kind], own))
    return runs


def kind_of(model: Model) -> Any:
    """Return what decides how data look to a model."""
    goals = model.goal.of(model.output_names)
    types = [(str(e.type), e.name if len(goals) > 1 else None) for e in (*model.inputs, *model.outputs)]
    return tuple(types), tuple(id(data_validation.formula(goal.loss)) for goal in goals)


def built(build: Callable[..., Any], settings: Mapping[str, Any], seed: int, x: Any) -> Model:
    """Return the model that some settings and a seed lead to."""
    told = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    try:
        with seeded(seed):
            model = build(**settings)
            if not isinstance(model, Model):
                raise ModelError(f"sweep: expected build({told}) to return a model. Received: {model!r}")
            if not model.stages:
                model.on(np.shape(x)[1:])
            model.goal  # noqa: B018  (says that the model is not compiled)
    except Exception as error:
        error.add_note(f"  in the run of a sweep with {told}" if told else "  in a run of a sweep")
        raise
    return model


def check_builder(build: Any, settings: Mapping[str, Any]) -> bool:
    """Refuse a builder that does not take the settings, and tell whether it takes a seed."""
    if not callable(build) or isinstance(build, Model):
        raise UseError(
            f"sweep: expected a function that builds a compiled model. Received: {build!r}; "
            "write def build(hidden, learning_rate): ... return model"
        )
    parameters = inspect.signature(build).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in settings:
        if name not in parameters and not takes_any:
            raise UseError(
                f"sweep: {getattr(build, '__name__', 'build')} takes no setting {name!r}."
                f"{near_miss(name, parameters)} It takes: {', '.join(parameters) or 'none'}"
            )
    missing = [
        name
        for name, p in parameters.items()
        if p.default is p.empty and name not in {*settings, "seed"} and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if missing:
        raise UseError(
            f"sweep: {getattr(build, '__name__', 'build')} needs {', '.join(missing)}: give a value, or several"
        )
    return "seed" in parameters
