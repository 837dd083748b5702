"""Options that every optimizer takes: clipping, weight decay, averaging, accumulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from pellucid.graph.errors import OptionError, UseError
from pellucid.graph.expr import Expr, Shared
from pellucid.graph.types import format_shape
from pellucid.graph.validation import check_integer, check_number, check_positive_number

LearningRate = float | Expr | Callable[[Any], Expr | float]
"""A number, a scalar expression, or a function from the step count to one of them, such as a schedule."""


class Options(TypedDict, total=False):
    """Keyword options of every optimizer, described in `pellucid.nn.optimizers.Optimizer`."""

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


def validate_learning_rate(rate: LearningRate) -> LearningRate:
    if isinstance(rate, Expr):
        if rate.ndim:
            raise OptionError(f"Expected a scalar learning rate. Received: {rate}, of shape {format_shape(rate.shape)}")
        return rate
    if callable(rate):
        return rate
    if isinstance(rate, (list, tuple)) and any(isinstance(p, Shared) for p in rate):
        raise OptionError(
            f"Expected a learning rate first, a number of 0 or more. Received: {len(rate)} shared variables. "
            "Parameters are found in the loss: optimizer.updates(loss), or optimizer.updates(loss, parameters)"
        )
    if isinstance(rate, str):
        raise OptionError(
            f"Expected a learning rate, a number of 0 or more. Received: learning_rate={rate!r}. Schedules are "
            "objects, such as pel.schedules.CosineDecay(0.1, 1000)"
        )
    return check_number("learning_rate", rate, minimum=0.0)


def validate_options(options: Options) -> Options:
    """Fill in defaults and check the range of every option."""
    result: Options = {**DEFAULTS, **options}
    ways = ("clipnorm", "clipvalue", "global_clipnorm")
    clips = {name: value for name, value in result.items() if name in ways and value is not None}
    if len(clips) > 1:
        raise OptionError(
            f"Expected at most one of clipnorm, clipvalue and global_clipnorm. Received: {' and '.join(clips)}"
        )
    for name, value in clips.items():
        check_positive_number(name, value)
    if result["weight_decay"] is not None:
        check_number("weight_decay", result["weight_decay"], minimum=0.0)
    if result["gradient_accumulation_steps"] is not None:
        check_integer("gradient_accumulation_steps", result["gradient_accumulation_steps"], minimum=2)
    if result["loss_scale_factor"] is not None:
        check_positive_number("loss_scale_factor", result["loss_scale_factor"])
    validate_ema_options(result)
    multipliers = {} if result["multipliers"] is None else result["multipliers"]
    if not isinstance(multipliers, Mapping):
        raise UseError(
            "Expected multipliers to map parameters or their names to factors, such as {layer.bias: 2.0}. "
            f"Received: {multipliers!r}"
        )
    for key, factor in multipliers.items():
        check_number(f"the multiplier of {key}", factor, minimum=0.0)
    return result


def validate_ema_options(options: Options) -> None:
    if not 0 <= check_number("ema_momentum", options["ema_momentum"], minimum=0.0) <= 1:
        raise OptionError(f"Expected ema_momentum to be in [0, 1]. Received: ema_momentum={options['ema_momentum']!r}")
    if options["ema_overwrite_frequency"] is not None:
        check_integer("ema_overwrite_frequency", options["ema_overwrite_frequency"])
        if not options["use_ema"]:
            raise OptionError("ema_overwrite_frequency needs use_ema=True. Received: use_ema=False")
