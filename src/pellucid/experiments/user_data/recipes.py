"""Recipes: the training settings that each built-in network has by default.

`benchmarks/recipes.py` compares them on many data sets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pellucid.experiments.user_data.settings import Settings

EPOCHS, MAXIMUM_EPOCHS = 20, 200
MINIMUM_PATIENCE = 5

ADAM: Mapping[str, Any] = {"kind": "Adam"}


@dataclass(frozen=True)
class Recipe:
    """Default settings of a training.

    Attributes
    ----------
    batch_size : int
        Samples per step.
    optimizer : mapping
        Kind and arguments of the optimizer; a schedule gets the length of the training.
    steps : int
        Small training sets get more epochs than `EPOCHS`, up to `MAXIMUM_EPOCHS`, to reach this number of steps.
    patience : float
        Fraction of the epochs after which training stops without a lower validation loss.
    """

    batch_size: int = 32
    optimizer: Mapping[str, Any] = field(default_factory=lambda: ADAM)
    steps: int = 2_000
    patience: float = 0.1


def make_one_cycle(rate: float, **options: Any) -> dict[str, Any]:
    """Return AdamW with a short warm-up and cosine decay to 0."""
    schedule = {"kind": "OneCycle", "max_learning_rate": rate, "warmup_fraction": 0.05}
    return {"kind": "AdamW", "learning_rate": schedule, **options}


PLAIN = Recipe()
RECIPES = {
    "ensemble": Recipe(128, make_one_cycle(0.002, weight_decay=0.02, beta_2=0.95), steps=4_000, patience=0.25),
    "cnn": Recipe(32, make_one_cycle(0.002, weight_decay=0.05), steps=2_000, patience=0.25),
}
"""Recipes of the built-in networks that have one of their own; all other networks have the plain one."""


def get_recipe(settings: Settings, name: str) -> Recipe:
    """Return the recipe of a network; layers of a file have the plain one."""
    return PLAIN if settings.layers is not None else RECIPES.get(name, PLAIN)


def resolve_settings(settings: Settings, name: str, samples: int) -> Settings:
    """Return settings with batch size, epochs, patience and optimizer resolved for a number of training samples.

    Examples
    --------
    >>> few, many = (resolve_settings(Settings("moons"), "mlp", n) for n in (700, 60_000))
    >>> (few.epochs, few.patience), (many.epochs, many.patience)
    ((90, 9), (20, 5))
    >>> resolve_settings(Settings("flats.csv"), "ensemble", 10_000).optimizer["kind"]
    'AdamW'
    """
    recipe = get_recipe(settings, name)
    batch_size = settings.batch_size or recipe.batch_size
    steps = -(-samples // batch_size)
    epochs = settings.epochs or min(max(EPOCHS, recipe.steps // steps), MAXIMUM_EPOCHS)
    patience = settings.patience
    if patience is None:
        patience = max(MINIMUM_PATIENCE, int(epochs * recipe.patience))
    optimizer, rate = settings.optimizer, settings.learning_rate
    if optimizer is None:
        optimizer = dict(recipe.optimizer)
        schedule = optimizer.get("learning_rate")
        if rate is not None and isinstance(schedule, Mapping):
            optimizer["learning_rate"], rate = {**schedule, "max_learning_rate": rate}, None
    return replace(
        settings, batch_size=batch_size, epochs=epochs, patience=patience, optimizer=optimizer, learning_rate=rate
    )
