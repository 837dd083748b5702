"""Paths of a model's variables: parameters, random streams and optimizer slots.

Paths are unique, readable, and equal in every process that builds the same model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pellucid.graph.expr import Shared
from pellucid.graph.unique_names import UniqueNames
from pellucid.nn.layers import Layer
from pellucid.nn.optimizers import Optimizer
from pellucid.nn.registry import snake_case


def get_parameter_paths(model: Layer) -> dict[str, Shared]:
    """Return the parameters of all layers by path, such as ``dense_1/kernel``."""
    paths: dict[str, Shared] = {}
    seen: set[Shared] = set()
    for path, part in iter_parts(model):
        if isinstance(part, Shared) and part not in seen:
            seen.add(part)
            paths[path] = part
    return paths


def iter_parts(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer | Shared]]:
    """Yield the layers and parameters inside a layer, at any depth, with their paths."""
    names = UniqueNames()
    for part in dict.fromkeys(layer.parts):
        path = f"{prefix}{names.add(get_own_name(part, layer))}"
        yield path, part
        if isinstance(part, Layer):
            yield from iter_parts(part, f"{path}/")


def iter_sublayers(layer: Layer) -> Iterator[Layer]:
    """Yield the layers inside a layer, at any depth."""
    for part in dict.fromkeys(layer.parts):
        if isinstance(part, Layer):
            yield part
            yield from iter_sublayers(part)


def get_own_name(part: Layer | Shared, owner: Layer) -> str:
    """Return the name given by the user, or else the kind, which unlike an automatic name has no process-wide count."""
    prefix = f"{owner.name}/"
    if isinstance(part, Shared):
        return (part.name or "parameter").removeprefix(prefix)
    name = part.config.get("name")
    return str(name).removeprefix(prefix) if name else snake_case(type(part).__name__)


def get_stream_paths(model: Layer, variables: Collection[Shared]) -> dict[str, Shared]:
    """Return the states of random streams among variables, under the layers they belong to."""
    streams = [s for s in variables if s.default_update is not None]
    owners: dict[Shared, str] = {}
    for path, part in iter_parts(model) if streams else ():
        generator = vars(part).get("generator") if isinstance(part, Layer) else None
        if generator is not None:
            owners.setdefault(generator.state, f"{path}/random")
    names = UniqueNames()
    return {names.add(owners.get(s) or s.name or "random"): s for s in streams}


def get_optimizer_paths(optimizer: Optimizer, parameters: dict[str, Shared]) -> dict[str, Shared]:
    """Return the optimizer's slots, under the parameters they belong to, and its learning rate."""
    names = UniqueNames()
    path_by_parameter = {p: path for path, p in parameters.items()}
    paths = {}
    for (parameter, name), slot in optimizer.slots.items():
        owner = "" if parameter is None else f"{path_by_parameter.get(parameter) or parameter.name or 'parameter'}/"
        paths[names.add(f"optimizer/{owner}{name}")] = slot
    rate = optimizer.learning_rate
    if isinstance(rate, Shared):  # one that the user passed; any other is a slot
        paths[names.add("optimizer/learning_rate")] = rate
    return paths


def get_state_paths(model: Layer, variables: Collection[Shared], optimizer: Optimizer | None) -> dict[str, Shared]:
    """Return everything a training step reads and writes, by path; its expressions depend on the variables."""
    paths = get_parameter_paths(model)
    names = UniqueNames(paths)
    slots = {} if optimizer is None else get_optimizer_paths(optimizer, paths)
    for path, shared in {**get_stream_paths(model, variables), **slots}.items():
        paths[names.add(path)] = shared
    known = set(paths.values())
    for shared in variables:
        if shared not in known:
            paths[names.add(shared.name or "shared")] = shared
    return paths
