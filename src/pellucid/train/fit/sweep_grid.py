"""The grid of a sweep: parses lists and ranges of values, and makes the settings of every trial."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import PellucidError
from pellucid.tracking.errors import UsageError, suggest_name
from pellucid.train.fit.networks import find_head, get_layers, resolve_augmentation
from pellucid.train.fit.recipes import get_recipe, resolve_settings
from pellucid.train.settings.experiment_table import ExperimentTable, expand_variables, parse_assignment
from pellucid.train.settings.settings import MODELS, PARAMETERS, Settings
from pellucid.train.settings.toml_reader import format_settings, get_keys, parse_settings

if TYPE_CHECKING:
    from pellucid.train.prepare.prepared_run import PreparedRun

MAXIMUM_TRIALS = 1_000

NETWORK_KEYS = ("model", "augment", "width", "units")
"""Keys that decide about the layers."""
RECIPE_KEYS = ("learning_rate", "batch_size", "optimizer")
"""Keys that replace a part of the recipe of the network."""
SHORT_KEYS = (*NETWORK_KEYS, *RECIPE_KEYS)
SECTIONS = ("optimizer", "layers")

REFUSED = {
    "seed": "all trials share the split of the data, which the seed draws",
    "loss": "values of other losses cannot be compared",
    "metrics": "the validation loss ranks the trials",
    "epochs": "the number of epochs is the same for all trials; set it with --epochs",
    "patience": "trials end by successive halving",
    "threshold": "it changes no network; choose it for the winner",
}
DATA = "all trials share the data and their split"

FORM = "expected KEY=VALUE,VALUE,... or KEY=LOW..HIGH:COUNT, such as learning_rate=0.001,0.01"


@dataclass(frozen=True)
class TrialSettings:
    """One trial: its number from 1, its values by key, and all settings."""

    number: int
    values: Mapping[str, Any]
    settings: Settings

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.values.items())


def check_sweep(settings: Settings) -> None:
    """Raise `UsageError` for settings that exclude a sweep."""
    from pellucid.run.distributed.process_group import num_processes

    if settings.sweep is None:
        if settings.trials is not None:
            raise UsageError("trials: only for a sweep. Add --sweep with values, or omit it")
        return
    for name, given, fix in (
        ("folds", settings.folds, "Sweep without it, and cross-validate with the experiment.toml of the winner"),
        ("weights", settings.weights, "Sweep over networks that are trained from the start, or omit the sweep"),
        ("class_weights", settings.class_weights, "Sweep without it, and add it to the experiment.toml of the winner"),
        ("distributed", num_processes() > 1, "Sweep in one process"),
    ):
        if given:
            raise UsageError(f"sweep: not available with --{name.replace('_', '-')}. {fix}")


def parse_grid(assignments: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the values of every key.

    Examples
    --------
    >>> parse_grid(["learning_rate=0.001..0.1:3", "units=32,64"])
    {'learning_rate': [0.001, 0.01, 0.1], 'units': [32, 64]}
    """
    grid: dict[str, list[Any]] = {}
    for text in assignments:
        key, equals, values = str(text).partition("=")
        key = key.strip()
        if not isinstance(text, str) or not equals or not key or not values.strip():
            raise UsageError(f"sweep: {FORM}; received {text!r:.100}. Write the data before --sweep")
        check_key(key)
        if key in grid:
            raise UsageError(f"sweep: {key} is given twice. Write all its values once, separated by commas")
        grid[key] = parse_values(key, values)
    if "width" in grid and "units" in grid:
        raise UsageError("sweep: width and units exclude each other: both set the widths of layers. Omit one of them")
    return grid


def check_key(key: str) -> None:
    first, _, rest = key.partition(".")
    if key in SHORT_KEYS or (first in SECTIONS and rest) or key == "training.batch_size":
        return
    name = rest if first in ("training", "data") and rest else key
    if name in REFUSED:
        raise UsageError(f"sweep: {key} cannot be swept: {REFUSED[name]}")
    keys = get_keys(name) if name in PARAMETERS else ()
    if first == "data" or keys[:1] == ("data",):
        raise UsageError(f"sweep: {key} cannot be swept: {DATA}")
    if name in PARAMETERS:
        raise UsageError(f"sweep: {key} cannot be swept. {suggest_name(key, SHORT_KEYS, 'keys')}")
    hint = suggest_name(key, [*SHORT_KEYS, *(f"{each}." for each in SECTIONS)], "keys")
    raise UsageError(f"sweep: unknown key {key!r:.100}. {hint}")


def parse_values(key: str, text: str) -> list[Any]:
    """Return the values of a list, or of a range such as ``0.001..0.1:5`` or ``0..0.5:6:linear``."""
    if ".." in text:
        return parse_range(key, text)
    try:
        values = [parse_assignment(f"value={part}")[1] for part in text.split(",")]
    except UsageError:
        raise UsageError(f"sweep: {FORM}; received {key}={text!r:.100}") from None
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"sweep: {key}: {value!r} is given twice. Remove one of them")
    return values


def parse_range(key: str, text: str) -> list[Any]:
    ends, *rest = text.split(":")
    low, _, high = ends.partition("..")
    scale = rest[1] if len(rest) == 2 else "log"
    try:
        if len(rest) not in (1, 2) or scale not in ("log", "linear"):
            raise ValueError
        first, last, count = float(low), float(high), int(rest[0])
    except ValueError:
        raise UsageError(
            f"sweep: {key}: expected a range such as 0.001..0.1:5 (logarithmic) or 0..0.5:6:linear; received "
            f"{text!r:.100}"
        ) from None
    if not first < last or count < 2 or (scale == "log" and first <= 0):
        raise UsageError(
            f"sweep: {key}: expected a range from a smaller to a larger number, above 0 if it is logarithmic, with at "
            f"least 2 values; received {text!r:.100}. Linear ranges end in :linear"
        )
    points = np.geomspace(first, last, count) if scale == "log" else np.linspace(first, last, count)
    if "." not in low and "." not in high.replace("..", ""):
        return list(dict.fromkeys(round(value) for value in points.tolist()))
    return [float(f"{value:.4g}") for value in points.tolist()]


def draw_trials(grid: Mapping[str, Sequence[Any]], trials: int | None, seed: int) -> list[dict[str, Any]]:
    """Return all combinations of the values, or a random sample of them in the same order.

    Examples
    --------
    >>> [each["a"] for each in draw_trials({"a": range(9)}, 4, seed=0)]
    [2, 4, 5, 7]
    """
    combinations = int(np.prod([len(values) for values in grid.values()], dtype=object))
    if trials is None and combinations > MAXIMUM_TRIALS:
        raise UsageError(
            f"sweep: expected at most {MAXIMUM_TRIALS:,} combinations; received {combinations:,}. Draw some at random "
            "with --trials"
        )
    if combinations < 2:
        raise UsageError("sweep: expected at least two combinations of values; received one. Add values")
    indices = range(combinations)
    if trials is not None and trials < combinations:
        generator = np.random.default_rng(seed)
        drawn: set[int] = set()
        while len(drawn) < trials:
            drawn.add(int(generator.integers(combinations)))
        indices = sorted(drawn)  # type: ignore[assignment]
    keys, choices = list(grid), list(grid.values())
    if trials is None:
        return [dict(zip(keys, values, strict=True)) for values in itertools.product(*choices)]
    return [dict(zip(keys, pick(choices, index), strict=True)) for index in indices]


def pick(choices: Sequence[Sequence[Any]], index: int) -> list[Any]:
    """Return the combination with a number in the order of `itertools.product`."""
    found = []
    for values in reversed(choices):
        index, position = divmod(index, len(values))
        found.append(values[position])
    return found[::-1]


def make_trial(number: int, values: Mapping[str, Any], prepared: PreparedRun, base: Settings) -> TrialSettings:
    """Return the settings of a trial; ``prepared`` is the run of ``base``, the settings without the sweep."""
    dataset, text = prepared.dataset, ", ".join(f"{key}={value}" for key, value in values.items())
    try:
        settings = replace(base, sweep=None, trials=None, epochs=prepared.settings.epochs, checksum=dataset.checksum)
        shape = prepared.x.shape[1:]
        settings = choose_network(settings, values)
        settings = replace(settings, **{key: values[key] for key in RECIPE_KEYS if key in values})
        settings = resolve_augmentation(settings, prepared.x)
        name, layers = get_layers(settings, shape, dataset.outputs, dataset.task)
        settings = resolve_settings(settings, get_recipe(settings, name), len(prepared.parts["training"]))
        layers = scale_layers(layers, values, settings.outputs)
        content = tomllib.loads(format_settings(settings, name, layers, shape, dataset.task))
        table = ExperimentTable("the sweep", expand_variables(content, (), "the sweep"))
        others = [
            (get_keys(key) if "." not in key else tuple(key.split(".")), key)
            for key in values
            if key not in (*NETWORK_KEYS, *RECIPE_KEYS)
        ]
        for keys, key in sorted(others, key=lambda each: (len(each[0]), each[0][-1] != "kind")):
            table = table.assign_value(keys, values[key], f"--sweep {key}={values[key]}")
        return TrialSettings(number, values, Settings(**parse_settings(table)))
    except PellucidError as error:
        end = "" if str(error).endswith("?") else "."
        raise UsageError(f"{str(error).removesuffix('.')}{end} This is the trial with {text}") from error


def choose_network(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return settings with the built-in network and the augmentation of a trial."""
    if settings.layers is not None and ("model" in values or "augment" in values):
        key = "model" if "model" in values else "augment"
        raise UsageError(f"sweep: {key}: expected a built-in network; received layers. Omit the layers, or the key")
    model, augment = values.get("model", settings.model), values.get("augment", settings.augment)
    if settings.layers is None and model is not None and model not in MODELS:
        raise UsageError(f"sweep: model: no built-in network {model!r}. {suggest_name(str(model), MODELS, 'networks')}")
    return replace(settings, model=model, augment=augment)


def scale_layers(
    layers: Sequence[Mapping[str, Any]], values: Mapping[str, Any], outputs: str | Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return layers with widths multiplied by ``width``, or ``units`` in Dense layers; the last and the outputs stay.

    Examples
    --------
    >>> mlp = [{"kind": "Dense", "units": 128}, {"kind": "Dense", "units": 64}, {"kind": "Dense", "units": 2}]
    >>> [each["units"] for each in scale_layers(mlp, {"width": 0.5})]
    [64, 32, 2]
    >>> [each["units"] for each in scale_layers(mlp, {"units": 16})]
    [16, 16, 2]
    """
    last = find_head(layers)
    final = [outputs] if isinstance(outputs, str) else outputs or ()
    hidden = [
        k
        for k, each in enumerate(layers)
        if k != last and each.get("name") not in final and ("units" in each or "filters" in each)
    ]
    scaled = [dict(each) for each in layers]
    for key in ("width", "units"):
        if key not in values:
            continue
        value = values[key]
        is_valid = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        if not is_valid or (key == "units" and not isinstance(value, int)):
            kind = "a factor above 0" if key == "width" else "a number of units"
            raise UsageError(f"sweep: {key}: expected {kind}; received {value!r}")
        found = [k for k in hidden if key == "width" or "units" in layers[k]]
        if not found:
            raise UsageError(f"sweep: {key}: expected a network with hidden layers; received none. Omit the key")
        for k in found:
            name = "units" if "units" in scaled[k] else "filters"
            scaled[k][name] = value if key == "units" else max(1, round(scaled[k][name] * value))
    return scaled
