"""Controls of a figure: sliders, choices and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError, OptionError, UseError
from pellucid.graph.expr import Input
from pellucid.graph.validation import is_integer
from pellucid.typing import Json

__all__ = ["Choice", "Control", "Seed", "Slider", "choice", "seed", "slider"]

SCALES = ("linear", "log")
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Control:
    """Base class of controls. ``id`` is the key of the control in the scripting interface of the page."""

    id: str
    label: str
    target: str = "input"
    input: Input | None = None

    def to_json(self) -> dict[str, Json]:
        return {"id": self.id, "label": self.label, "target": self.target}

    @property
    def initial_value(self) -> float | str:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Slider(Control):
    minimum: float
    maximum: float
    value: float
    step: float | None
    scale: str
    unit: str

    @property
    def initial_value(self) -> float:
        return self.value

    def to_json(self) -> dict[str, Json]:
        own = ("minimum", "maximum", "value", "step", "scale", "unit")
        return {**super().to_json(), "kind": "slider", **{name: getattr(self, name) for name in own}}


@dataclass(frozen=True, kw_only=True)
class Choice(Control):
    """Choice among options. ``presets`` has the values that options set: by label, and by the id of another control."""

    options: tuple[tuple[str, Any], ...]
    value: Any
    presets: Mapping[str, Mapping[str, float]] | None = None

    @property
    def initial_value(self) -> Any:
        return self.value

    def to_json(self) -> dict[str, Json]:
        options = [{"label": label, "value": value, **self.describe_preset(label)} for label, value in self.options]
        buttons = {} if self.presets is None else {"buttons": True}
        return {**super().to_json(), "kind": "choice", "options": options, "value": self.value, **buttons}

    def describe_preset(self, label: str) -> dict[str, Json]:
        return {} if self.presets is None or label not in self.presets else {"sets": dict(self.presets[label])}


@dataclass(frozen=True, kw_only=True)
class Seed(Control):
    value: int

    @property
    def initial_value(self) -> int:
        return self.value

    def to_json(self) -> dict[str, Json]:
        return {**super().to_json(), "kind": "seed", "value": self.value, "maximum": MAX_SEED}


def check_input(control: str, target: object) -> Input:
    if not isinstance(target, Input) or target.ndim:
        raise UseError(
            f"pel.live.{control}: expected a scalar input of the training function first, such as pel.scalar('rate'). "
            f"Received: {target!r}"
        )
    return target


def name_control(target: Input, label: str | None) -> dict[str, Any]:
    name = target.name or str(target)
    return {"id": name, "label": label or name.replace("_", " "), "input": target}


def slider(
    target: Input,
    minimum: float,
    maximum: float,
    value: float | None = None,
    *,
    step: float | None = None,
    scale: str = "linear",
    label: str | None = None,
    unit: str = "",
) -> Slider:
    r"""Slider for a scalar input of the training function.

    Parameters
    ----------
    target : Input
        The input, such as ``pel.scalar("rate")``.
    minimum, maximum : float
        The ends of the slider.
    value : float, optional
        Value at the start. By default the middle of the range, :math:`(a + b) / 2` on a linear scale and
        :math:`\sqrt{a b}` on a logarithmic one.
    step : float, optional
        Distance of the values. By default a linear scale has 100 steps, or steps of 1 for an integer input.
    scale : {"linear", "log"}
        Whether equal distances on the slider are equal differences or equal ratios.
    label : str, optional
        Text next to the slider; the name of the input by default.
    unit : str
        Unit after the number.

    Returns
    -------
    Slider

    Raises
    ------
    UseError
        If the target is not a scalar input.
    OptionError
        If the range is empty or not finite, the value is outside of it, or a logarithmic range includes 0.

    Examples
    --------
    >>> rate = pel.scalar("rate")
    >>> pel.live.slider(rate, 0.001, 0.1, scale="log").value
    0.01
    """
    check_input("slider", target)
    name = f"pel.live.slider({target}, ...)"
    low, high = float(minimum), float(maximum)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"{name}: expected finite numbers minimum < maximum. Received: {minimum!r} and {maximum!r}")
    if scale not in SCALES:
        raise OptionError(f"{name}: expected scale to be 'linear' or 'log'. Received: {scale!r}")
    if scale == "log" and low <= 0:
        raise OptionError(
            f"{name}: expected a minimum above 0 on a logarithmic scale. Received: {minimum!r}. Use scale='linear'"
        )
    integer = target.dtype.kind in "iu"
    if step is None and scale == "linear":
        step = 1.0 if integer else (high - low) / 100
    if step is not None and not 0 < step <= high - low:
        raise OptionError(f"{name}: expected a step above 0 and up to {high - low:g}. Received: step={step!r}")
    if value is None:
        value = float(f"{math.sqrt(low * high):.3g}") if scale == "log" else (low + high) / 2
        value = float(round(value)) if integer else value
    if not low <= value <= high:
        raise OptionError(f"{name}: expected a value from {low:g} to {high:g}. Received: value={value!r}")
    return Slider(
        **name_control(target, label), minimum=low, maximum=high, value=float(value), step=step, scale=scale, unit=unit
    )


def choice(
    target: Input | str,
    options: Sequence[Any] | Mapping[str, Any],
    value: object = None,
    *,
    label: str | None = None,
    presets: Mapping[str, Mapping[Input, float]] | None = None,
) -> Choice:
    """Choice among some values, for a scalar input or for an argument of `pel.live.vary`.

    Parameters
    ----------
    target : Input or str
        A scalar input of the training function, or the name of an argument of the function that builds the figure.
    options : sequence of numbers, or dict from str to number
        The values, with labels if it is a dict.
    value : number, optional
        Value at the start; the first option by default.
    label : str, optional
        Text next to the choice; the name of the target by default.
    presets : dict from str to dict, optional
        Values of other controls, by their inputs, that the page sets when an option is chosen, by the labels of the
        options. The options are then buttons.

    Returns
    -------
    Choice

    Raises
    ------
    OptionError
        If there are no options, an option occurs twice, the value is not an option, or a preset is for no option.

    Examples
    --------
    >>> batch_size = pel.iscalar("batch_size")
    >>> pel.live.choice(batch_size, [10, 30, 100]).value
    10
    """
    if isinstance(target, str):
        naming: dict[str, Any] = {"id": target, "label": label or target.replace("_", " "), "target": "variant"}
    else:
        naming = name_control(check_input("choice", target), label)
    pairs = options.items() if isinstance(options, Mapping) else [(str(option), option) for option in options]
    listed = tuple((str(name), option.item() if isinstance(option, np.generic) else option) for name, option in pairs)
    values = [option for _, option in listed]
    if not listed or len(set(values)) < len(values):
        raise OptionError(
            f"pel.live.choice({target}, ...): expected different options, at least one. Received: {values}"
        )
    chosen = values[0] if value is None else value
    if chosen not in values:
        raise OptionError(f"pel.live.choice({target}, ...): expected value to be one of {values}. Received: {value!r}")
    return Choice(**naming, options=listed, value=chosen, presets=convert_presets(target, listed, presets))


def convert_presets(
    target: Input | str, options: Sequence[tuple[str, Any]], presets: Mapping[str, Mapping[Input, float]] | None
) -> dict[str, dict[str, float]] | None:
    """Return presets with the ids of controls as keys."""
    if presets is None:
        return None
    labels = [label for label, _ in options]
    unknown = next((label for label in presets if label not in labels), None)
    if unknown is not None:
        raise OptionError(
            f"pel.live.choice({target}, ...): expected presets for the options {', '.join(labels)}. "
            f"Received: {unknown!r}"
        )
    return {label: {i.name or str(i): value for i, value in values.items()} for label, values in presets.items()}


def seed(value: int = 0, *, label: str = "seed") -> Seed:
    """Seed of the initial values, with a button that draws a new one.

    With the initial seed, the shared variables begin with their present values. Every other seed draws new values: from
    ``initial`` of the figure if it is given, else from uniform distributions around 0 with the standard deviations of
    the present values.

    Parameters
    ----------
    value : int
        Seed at the start, from 0 to 2**32 - 1.
    label : str
        Text next to the number.

    Returns
    -------
    Seed

    Raises
    ------
    OptionError
        If the value is not an integer in this range.

    Examples
    --------
    >>> pel.live.seed().value
    0
    """
    if not is_integer(value) or not 0 <= value <= MAX_SEED:
        raise OptionError(f"pel.live.seed: expected an integer from 0 to {MAX_SEED}. Received: {value!r}")
    return Seed(id="seed", label=label, target="seed", value=int(value))


def check_controls(controls: Sequence[Any]) -> list[Control]:
    """Check that controls have different ids, and return them as a list."""
    for control in controls:
        if not isinstance(control, Control):
            raise UseError(
                "Figure: expected controls such as pel.live.slider(rate, 0.001, 0.1), pel.live.choice(...) or "
                f"pel.live.seed(). Received: {control!r}"
            )
    ids = [control.id for control in controls]
    repeated = next((name for name in ids if ids.count(name) > 1), None)
    if repeated is not None:
        raise InputError(f"Figure: expected one control for each input. Received: several for {repeated!r}")
    for control in controls:
        if isinstance(control, Choice):
            check_presets(control, {c.id: c for c in controls})
    return list(controls)


def check_presets(control: Choice, controls: Mapping[str, Control]) -> None:
    """Check that presets set controls of the figure to values that these have."""
    for label, values in (control.presets or {}).items():
        for name, value in values.items():
            if name not in controls:
                raise InputError(f"Figure: the preset {label!r} of {control.id} sets {name}, which has no control")
            if not accepts(controls[name], value):
                raise OptionError(
                    f"Figure: the preset {label!r} of {control.id} sets {name} = {value!r}, which is outside of its "
                    "control"
                )


def accepts(control: Control, value: Any) -> bool:
    if isinstance(control, Slider):
        return bool(control.minimum <= value <= control.maximum)
    return isinstance(control, Choice) and any(value == option for _, option in control.options)
