"""Recipes: the training settings that each built-in network has by default.

`benchmarks/recipes.py` compares them on many data sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pellucid.train.settings.settings import Settings

EPOCHS, MINIMUM_EPOCHS, MAXIMUM_EPOCHS = 20, 2, 200
MINIMUM_PATIENCE = 5
STEPS_PER_EPOCH = 1_000

WARMUP = 0.05
"""Fraction of the steps in which the learning rate rises, before it falls along a cosine."""


@dataclass(frozen=True)
class Recipe:
    """Default settings of a training.

    Attributes
    ----------
    batch_size : int
        Samples per step.
    maximum_batch_size : int, optional
        The batch size is doubled up to this number while an epoch has more than `STEPS_PER_EPOCH` steps.
    optimizer : mapping
        Kind and arguments of the optimizer.
    peak_rate : float, optional
        Learning rate after a warm-up, from which it falls to 0 along a cosine. None keeps the optimizer's rate.
    steps : int
        Small training sets get more epochs than `EPOCHS`, up to `MAXIMUM_EPOCHS`, to reach this number of steps.
    maximum_steps : int, optional
        Large training sets get fewer epochs, at least `MINIMUM_EPOCHS`, not to exceed this number of steps.
    patience : float
        Fraction of the epochs after which training stops without a lower validation loss. A network with batch
        normalization gets its lowest loss near the end, when the learning rate is small.
    """

    batch_size: int = 32
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {"kind": "Adam"})
    peak_rate: float | None = None
    steps: int = 2_000
    patience: float = 0.1
    maximum_batch_size: int | None = None
    maximum_steps: int | None = None


PLAIN = Recipe()
RECIPES = {
    "ensemble": Recipe(
        batch_size=128,
        optimizer={"kind": "AdamW", "weight_decay": 0.02, "beta_2": 0.95},
        peak_rate=0.002,
        steps=4_000,
        patience=0.25,
        maximum_batch_size=2_048,
        maximum_steps=20_000,
    ),
    "cnn": Recipe(
        batch_size=32,
        optimizer={"kind": "AdamW", "weight_decay": 0.05},
        peak_rate=0.002,
        steps=2_000,
        patience=1.0,
        maximum_steps=30_000,
    ),
}
"""Recipes of built-in networks; all other networks have the plain one."""


def get_recipe(settings: Settings, name: str) -> Recipe:
    """Return the recipe of a network; layers of a file have the plain one."""
    return PLAIN if settings.layers is not None else RECIPES.get(name, PLAIN)


def resolve_settings(settings: Settings, recipe: Recipe, samples: int) -> Settings:
    """Return settings with batch size, epochs, patience and optimizer resolved for a number of training samples.

    Examples
    --------
    >>> few, many = (resolve_settings(Settings("moons"), PLAIN, n) for n in (700, 60_000))
    >>> (few.epochs, few.patience), (many.epochs, many.patience)
    ((90, 9), (20, 5))
    >>> large = resolve_settings(Settings("x.csv"), RECIPES["ensemble"], 20_000_000)
    >>> large.batch_size, large.epochs
    (2048, 2)
    >>> resolve_settings(Settings("flats.csv"), RECIPES["ensemble"], 10_000).optimizer["kind"]
    'AdamW'
    """
    batch_size = settings.batch_size or choose_batch_size(recipe, samples)
    steps = -(-samples // batch_size)
    epochs = settings.epochs or min(max(EPOCHS, recipe.steps // steps), MAXIMUM_EPOCHS)
    if settings.epochs is None and recipe.maximum_steps is not None:
        epochs = max(MINIMUM_EPOCHS, min(epochs, recipe.maximum_steps // steps))
    patience = settings.patience
    if patience is None:
        patience = max(MINIMUM_PATIENCE, int(epochs * recipe.patience))
    optimizer, rate = settings.optimizer, settings.learning_rate
    if optimizer is None or (isinstance(optimizer, Mapping) and "kind" not in optimizer):
        optimizer = {**recipe.optimizer, **(optimizer or {})}
        if recipe.peak_rate is not None and "learning_rate" not in optimizer:
            optimizer["learning_rate"] = make_schedule(rate or recipe.peak_rate, epochs * steps)
            rate = None
    return replace(
        settings, batch_size=batch_size, epochs=epochs, patience=patience, optimizer=optimizer, learning_rate=rate
    )


def choose_batch_size(recipe: Recipe, samples: int) -> int:
    size = recipe.batch_size
    while size < (recipe.maximum_batch_size or size) and samples > size * STEPS_PER_EPOCH:
        size *= 2
    return size


def make_schedule(rate: float, steps: int) -> dict[str, Any]:
    """Return a schedule that rises to a learning rate and falls to 0 along a cosine.

    Examples
    --------
    >>> make_schedule(0.002, 1_000)["warmup_steps"], make_schedule(0.002, 10)["initial_learning_rate"]
    (50, 0.002)
    """
    warmup = int(WARMUP * steps)
    if not warmup:
        return {"kind": "CosineDecay", "initial_learning_rate": rate, "decay_steps": steps}
    rise = {"initial_learning_rate": 0.0, "warmup_target": rate, "warmup_steps": warmup}
    return {"kind": "CosineDecay", **rise, "decay_steps": steps - warmup}
