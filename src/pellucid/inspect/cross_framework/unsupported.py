"""What a twin cannot be built of, gathered so that all of it is said at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pellucid.model.errors import ModelError
from pellucid.model.model import Model
from pellucid.nn.layers import Layer
from pellucid.nn.layers.noise import Noise


class Lacking:
    """The parts of a model that another framework has nothing for.

    Parameters
    ----------
    title : str
        What the framework is called.
    model : Model
        Whose parts they are.
    """

    def __init__(self, title: str, model: Model) -> None:
        self.title, self.model = title, model
        self.found: list[str] = []

    def trying(self, name: str, part: Any, build: Callable[[Any], Any]) -> Any:
        """Return what a part is built into, or note what is lacking."""
        try:
            return build(part)
        except (ModelError, AttributeError, TypeError, ValueError) as error:
            kind = f", a {type(part).__name__}" if isinstance(part, Layer) else ""
            self.found.append(f"{name}{kind} ({error})")
            return None

    def complain(self) -> None:
        """Name all that is lacking, if anything is."""
        if self.found:
            raise ModelError(
                f"{self.model.name} has no twin in {self.title}: nothing there corresponds to {'; '.join(self.found)}"
            )


def is_random(layer: Layer) -> bool:
    """Tell whether a layer does nothing but draw, so that it is left out where random parts are at rest."""
    return isinstance(layer, Noise) and not layer.parameters
