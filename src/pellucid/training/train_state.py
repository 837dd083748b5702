"""The state of a model under unique and readable names, the same in every process that makes the same model."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pellucid.graph.expr import Shared
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.registry import snake_case

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def __call__(self, wanted: str) -> str:
        """Return a name, with a number behind it if it is taken."""
        name, number = wanted, 0
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name


def parameter_paths(model: Model) -> dict[str, Shared]:
    """Return the parameters of all layers by their paths, such as ``dense_1/kernel``."""
    found: dict[str, Shared] = {}
    known: set[Shared] = set()
    for path, part in parts_of(model):
        if isinstance(part, Shared) and part not in known:
            known.add(part)
            found[path] = part
    return found


def parts_of(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer | Shared]]:
    """Go through the layers and parameters inside a layer, each with its path."""
    names = Names()
    for part in dict.fromkeys(layer.parts):
        name = f"{path}{names(own_name(part, layer))}"
        yield name, part
        if isinstance(part, Layer):
            yield from parts_of(part, f"{name}/")


def layers_inside(layer: Layer) -> Iterator[Layer]:
    """Go through the layers inside a layer, however deep."""
    for part in dict.fromkeys(layer.parts):
        if isinstance(part, Layer):
            yield part
            yield from layers_inside(part)


def own_name(part: Layer | Shared, owner: Layer) -> str:
    """Return what a part is called by its owner: what it was named, or else its kind, without a count of the "
    "process.
    """
    prefix = f"{owner.name}/"
    if isinstance(part, Shared):
        return (part.name or "parameter").removeprefix(prefix)
    given = part.config.get("name")
    return str(given).removeprefix(prefix) if given else snake_case(type(part).__name__)


def stream_paths(model: Model, variables: Collection[Shared]) -> dict[str, Shared]:
    """Return the states of random streams among variables, by the layers whose they are."""
    streams = [s for s in variables if s.default_update is not None]
    owners: dict[Shared, str] = {}
    for path, part in parts_of(model) if streams else ():
        generator = getattr(part, "generator", None) if isinstance(part, Layer) else None
        if generator is not None:
            owners.setdefault(generator.state, f"{path}/random")
    names = Names()
    return {names(owners.get(s) or s.name or "random"): s for s in streams}


def optimizer_paths(optimizer: Optimizer, parameters: dict[str, Shared]) -> dict[str, Shared]:
    """Return what an optimizer remembers, by what it is remembered of."""
    names = Names()
    paths = {p: path for path, p in parameters.items()}
    found = {}
    for (parameter, name), slot in optimizer.slots.items():
        of = "" if parameter is None else f"{paths.get(parameter) or parameter.name or 'parameter'}/"
        found[names(f"optimizer/{of}{name}")] = slot
    rate = optimizer.learning_rate
    if isinstance(rate, Shared):  # a user's own
        found[names("optimizer/learning_rate")] = rate
    return found


def state_of(model: Model, variables: Collection[Shared], optimizer: Optimizer | None) -> dict[str, Shared]:
    """Return all that a step of training reads and writes, by path; its expressions depend on the variables."""
    found = parameter_paths(model)
    names = Names()
    names.taken.update(found)
    remembered = {} if optimizer is None else optimizer_paths(optimizer, found)
    for path, shared in {**stream_paths(model, variables), **remembered}.items():
        found[names(path)] = shared
    known = set(found.values())
    for shared in variables:
        if shared not in known:
            found[names(shared.name or "shared")] = shared
    return found
