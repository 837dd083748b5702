"""Trials of a sweep: all combinations of settings, seeds and subsamples, each with its own model."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, UseError, near_miss
from pellucid.model.errors import ModelError
from pellucid.model.interfaces import ModelLike, is_model
from pellucid.nn.random_seed import temporary_seed, validate_seed
from pellucid.training.array_source import ArrayDataset
from pellucid.training.data_adapter import make_dataset
from pellucid.training.target_checks import get_loss_function
from pellucid.typing import Array, Values


@dataclass(frozen=True)
class TrialChoice:
    """The settings, seed and subsample of a trial, from which its model can be built."""

    settings: dict[str, Any]  # arguments that the model is built with
    seed: int  # of the initial weights and of the sample order
    subsample: int | None  # number of the subsample it trains on; None for all samples
    rows: Array | None  # indices of the samples it trains on; None for all

    def __str__(self) -> str:
        settings = {**self.settings, "seed": self.seed}
        if self.subsample is not None:
            settings["rows"] = self.subsample
        return ", ".join(f"{name}={value}" for name, value in settings.items())


@dataclass(frozen=True)
class Trial(TrialChoice):
    """One trial of a sweep."""

    model: ModelLike
    samples: ArrayDataset  # all samples, converted for the model

    def __len__(self) -> int:
        return len(self.samples) if self.rows is None else len(self.rows)

    @property
    def choice(self) -> TrialChoice:
        """The trial without its model and data."""
        return TrialChoice(self.settings, self.seed, self.subsample, self.rows)


@dataclass(frozen=True)
class TrialBuilder:
    """Makes trials on the same data. Trials whose models convert the data in the same way share the converted ones."""

    build: Callable[..., ModelLike]
    takes_seed: bool  # whether the function has a parameter of that name
    x: Values
    y: Values

    def make_trials(self, choices: Iterable[TrialChoice]) -> list[Trial]:
        """Build the models of trials, and convert the data for them."""
        datasets: dict[Any, ArrayDataset] = {}
        trials = []
        for choice in choices:
            settings = {**choice.settings, "seed": choice.seed} if self.takes_seed else choice.settings
            model = build_model(self.build, settings, choice.seed, self.x)
            signature = get_data_signature(model)
            if signature not in datasets:
                datasets[signature] = make_dataset(model, self.x, self.y)
            data = datasets[signature]
            trials.append(Trial(choice.settings, choice.seed, choice.subsample, choice.rows, model, data))
        return trials


def is_varied(value: Any) -> bool:
    return isinstance(value, (list, tuple, range)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def get_choices(name: str, value: Any) -> list[Any]:
    """Return the values of a setting, with NumPy scalars as Python numbers."""
    choices = list(value) if is_varied(value) else [value]
    if not choices:
        raise OptionError(f"sweep: expected at least one value of {name}. Received: {name}={value!r}")
    choices = [v.item() if isinstance(v, np.generic) else v for v in choices]
    for i, v in enumerate(choices):
        if any(v is w or repr(v) == repr(w) for w in choices[:i]):
            raise OptionError(f"sweep: expected each value of {name} once. Received: {v!r} more than once")
    return choices


def list_choices(
    settings: Mapping[str, Any], seed: int | Sequence[int] | Array, rows: Sequence[Array] | None
) -> list[TrialChoice]:
    """Return all combinations of settings, seeds and subsamples; for the arguments see `sweep`."""
    values = {name: get_choices(name, value) for name, value in settings.items()}
    seeds = [validate_seed(each) for each in get_choices("seed", seed)]
    subsamples: list[tuple[int | None, Array | None]] = [(None, None)] if rows is None else list(enumerate(rows))
    return [
        TrialChoice(dict(zip(values, chosen, strict=True)), each, number, indices)
        for chosen in itertools.product(*values.values())
        for each, (number, indices) in itertools.product(seeds, subsamples)
    ]


def get_data_signature(model: ModelLike) -> Any:
    """Return the parts of a model that its data are converted for: types of inputs and outputs, and loss functions."""
    configs = model.compile_config.for_outputs(model.output_names)
    types = [(str(e.type), e.name if len(configs) > 1 else None) for e in (*model.inputs, *model.outputs)]
    return tuple(types), tuple(id(get_loss_function(config.loss)) for config in configs)


def build_model(build: Callable[..., ModelLike], settings: Mapping[str, Any], seed: int, x: Any) -> ModelLike:
    """Build the model of a trial."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    try:
        with temporary_seed(seed):
            model = build(**settings)
            if not is_model(model):
                raise ModelError(f"sweep: expected build({arguments}) to return a model. Received: {model!r}")
            if not model.stages:
                model.build_for(np.shape(x)[1:])
            _ = model.compile_config  # raises if the model is not compiled
    except Exception as error:
        error.add_note(f"  in the trial of a sweep with {arguments}" if arguments else "  in a trial of a sweep")
        raise
    return model


def check_builder(build: object, settings: Mapping[str, Any]) -> bool:
    """Check that a builder takes the settings, and return whether it takes a seed."""
    if not callable(build) or is_model(build):
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
        name = getattr(build, "__name__", "build")
        raise UseError(f"sweep: {name} requires {', '.join(missing)}: pass a value or several values")
    return "seed" in parameters


def prepare_validation(trial: Trial, data: object) -> ArrayDataset | None:
    """Return validation data as the model of a trial reads them."""
    if data is None:
        return None
    if not isinstance(data, (list, tuple)) or len(data) != 2:
        raise ModelError(f"Expected validation_data to be a pair (x, y). Received: {type(data).__name__}")
    return make_dataset(trial.model, data[0], data[1], prefix="validation ")
