"""What every optimizer can be told besides its own settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import shape_text
from pellucid.nn.validation import count, number, positive_number

Rate = float | Expr | Callable[[Any], Any]
"""A learning rate: a number, an expression, or a function from the number of steps to one of them."""


class Options(TypedDict, total=False):
    """The options of every optimizer; `pellucid.nn.optimizers.Optimizer` says what they mean."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    gradient_accumulation_steps: int | None
    loss_scale_factor: float | None
    multipliers: Mapping[Shared | str, float] | None


DEFAULTS: Options = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "gradient_accumulation_steps": None,
    "loss_scale_factor": None,
    "multipliers": None,
}


def checked_rate(rate: Any) -> Rate:
    """Return a learning rate, or say what it must be."""
    if isinstance(rate, Expr):
        if rate.ndim:
            raise OptionError(f"Expected one learning rate. Received: {rate}, of shape {shape_text(rate.shape)}")
        return rate
    if callable(rate):
        return rate  # type: ignore[no-any-return]
    return number("learning_rate", rate, low=0.0)


def checked(options: Options) -> Options:
    """Return all options, with the defaults of those not given, or say what is wrong with one."""
    result: Options = {**DEFAULTS, **options}
    ways = ("clipnorm", "clipvalue", "global_clipnorm")
    clips = {name: value for name, value in result.items() if name in ways and value is not None}
    if len(clips) > 1:
        raise OptionError(f"Gradients can be clipped in one way at a time. Received: {' and '.join(clips)}")
    for name, value in clips.items():
        positive_number(name, value)
    if result["weight_decay"] is not None:
        number("weight_decay", result["weight_decay"], low=0.0)
    if result["gradient_accumulation_steps"] is not None:
        count("gradient_accumulation_steps", result["gradient_accumulation_steps"], least=2)
    if result["loss_scale_factor"] is not None:
        positive_number("loss_scale_factor", result["loss_scale_factor"])
    check_averages(result)
    if result["multipliers"] is not None:
        if not isinstance(result["multipliers"], Mapping):
            raise UseError(
                "Expected multipliers by parameter or by name, such as {layer.bias: 2.0}. "
                f"Received: {result['multipliers']!r}"
            )
        for key, factor in result["multipliers"].items():
            number(f"the multiplier of {key}", factor, low=0.0)
    return result


def check_averages(options: Options) -> None:
    """Refuse what moving averages cannot be told."""
    if not 0 <= number("ema_momentum", options["ema_momentum"], low=0.0) <= 1:
        raise OptionError(
            f"Expected ema_momentum to be from 0 to 1. Received: ema_momentum={options['ema_momentum']!r}"
        )
    if options["ema_overwrite_frequency"] is not None:
        count("ema_overwrite_frequency", options["ema_overwrite_frequency"])
        if not options["use_ema"]:
            raise OptionError("ema_overwrite_frequency says how often averages are taken over. Give use_ema=True too")
