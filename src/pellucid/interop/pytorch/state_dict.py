"""Weights of PyTorch modules, from a state dict or a file of one, into the layers of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.graph.errors import OptionError, StorageError, UseError, near_miss
from pellucid.graph.expr import Shared
from pellucid.graph.types import format_shape
from pellucid.interop.pytorch.feature_order import FeatureOrders
from pellucid.interop.pytorch.layer_rules import IGNORED, TensorRule, Tensors, count_modules, has_rules, list_rules
from pellucid.nn.layers import Layer
from pellucid.saving.weights import join_names
from pellucid.typing import Array
from pellucid.untrusted_files.reading import quote, report_damage

PrefixMapping = Mapping[str, str | None] | Callable[[str], str | None]
"""Layer names by the prefixes of a state dict, or a function; None leaves tensors out."""

LAYER_NUMBER = re.compile(r"_l(\d+)(?=$|_reverse$)")
"""Ending of the tensors of one layer of a recurrent module."""

PT_SUFFIXES = (".pt", ".pth")


def load_state_dict(target: Layer, state_dict: Any, mapping: PrefixMapping | None = None) -> None:
    """Set the weights of a model or a layer to those of a PyTorch module.

    Tensors are brought into the form of our layers: weights of `Dense` are transposed, kernels of convolutions have
    channels last, gates of recurrent layers are sorted and their two biases added, and the three projections of
    ``nn.MultiheadAttention`` are split. Where the graph shows that a layer follows a `Flatten` of an image, its rows
    are sorted, because PyTorch flattens channels first; and the same for a `Dense` before a `Reshape` to an image.

    Settings are not part of a state dict: create `BatchNormalization` and `LayerNormalization` with PyTorch's
    ``epsilon=1e-5``, `GRU` with ``reset_after=True``, and convolutions with the same padding.

    Parameters
    ----------
    target : Model or Layer
        A built model, or a layer that was called.
    state_dict : mapping from str to tensor or array, or path
        ``module.state_dict()``, or the path of a ``.safetensors`` file, or of a ``.pt`` or ``.pth`` file, which only
        PyTorch can read; it does so without unpickling objects (``weights_only=True``).
    mapping : dict from str to str or None, or function, optional
        Name of the layer for the prefix of a module, such as ``{"features.0": "conv", "head": "dense_1"}``. None
        leaves a module out. By default modules and layers with weights are matched in order: modules as PyTorch
        registers them, layers as ``model.layers`` lists them, which may differ in a model with branches. A recurrent
        module has the prefixes ``lstm.l0``, ``lstm.l1`` and so on, one for each of its layers.

    Raises
    ------
    StorageError
        If tensors are missing, left over, or have other shapes; the message lists them. No parameter has changed then.

    Examples
    --------
    >>> state = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)}  # of torch.nn.Sequential(torch.nn.Linear(2, 3))
    >>> model = pel.Sequential([pel.nn.Input((2,)), pel.nn.Dense(3)])
    >>> pel.load_state_dict(model, state)
    >>> model.layers[0].get_weights()[0].shape
    (2, 3)
    """
    if isinstance(state_dict, (str, Path)):
        path = Path(state_dict)
        assign_tensors(target, read_tensors(path), mapping, str(path), in_order=path.suffix != ".safetensors")
    else:
        name = f"the weights of {target.name}"
        assign_tensors(target, to_arrays(state_dict, name), mapping, name)


def assign_tensors(
    target: Layer, tensors: Tensors, mapping: PrefixMapping | None, name: str, in_order: bool = True
) -> None:
    """Set the weights of a model or a layer to tensors of a state dict; see `load_state_dict`.

    Parameters
    ----------
    target : Model or Layer
    tensors : dict from str to array
    mapping : dict from str to str or None, or function, or None
    name : str
        Name of the state dict or path of its file, for messages.
    in_order : bool
        Whether tensors have the order in which PyTorch registers them.
    """
    groups = group_tensors(tensors)
    if mapping is None and not in_order:
        groups = sort_modules(groups, name)
    layers = list_layers(target)
    if not layers:
        raise StorageError(f"{target.name} has no weights; call it first, so that it is built")
    problems: list[str] = []
    pairs = (
        match_in_order(layers, groups, problems)
        if mapping is None
        else match_by_name(layers, groups, mapping, problems)
    )
    orders = FeatureOrders(target)
    values: dict[Shared, Array] = {}
    for path, layer, prefixes in pairs:
        values |= convert_layer(path, layer, prefixes, groups, orders, problems)
    if problems:
        raise StorageError(f"{name}: {'; '.join(problems)}")
    for p, value in values.items():
        p.set_value(value)


# Reading


def read_tensors(path: Path) -> Tensors:
    """Return the tensors in a file."""
    from pellucid.saving.weights import read_arrays

    if path.suffix == ".safetensors":
        return read_arrays(path, 0)
    if path.suffix not in PT_SUFFIXES:
        expected = ", ".join((".safetensors", *PT_SUFFIXES))
        raise OptionError(f"Expected a state dict, or a file that ends in {expected}. Received: {str(path)!r}")
    try:
        import torch
    except ImportError as error:
        raise StorageError(
            f"{path}: a .pt file is a pickle, which only PyTorch can read safely, and PyTorch is not installed. Where "
            "it is, write safetensors.torch.save_file(module.state_dict(), 'weights.safetensors')"
        ) from error
    with report_damage(StorageError, f"Cannot read {path}"):
        return to_arrays(torch.load(path, map_location="cpu", weights_only=True), str(path))


def to_arrays(state_dict: Any, name: str) -> Tensors:
    """Return the tensors of a state dict as arrays."""
    if not isinstance(state_dict, Mapping):
        is_module = hasattr(state_dict, "state_dict")
        received = f"a {type(state_dict).__name__}; pass its state_dict()" if is_module else quote(state_dict, 60)
        raise UseError(f"{name}: expected a state dict or a path. Received: {received}")
    inside = next((k for k in ("state_dict", "model_state_dict", "model") if isinstance(state_dict.get(k), Mapping)), 0)
    if inside:
        raise StorageError(f"{name}: expected tensors by name. Received: a checkpoint; pass its entry {inside!r}")
    arrays: Tensors = {}
    for key, value in state_dict.items():
        array = to_array(value)
        if not isinstance(key, str) or array is None or array.dtype.kind not in "fiub":
            raise StorageError(f"{name}: expected a tensor of numbers for {quote(key)}. Received: {quote(value, 60)}")
        arrays[key] = array
    return arrays


def to_array(value: Any) -> Array | None:
    """Return an array of a NumPy array or a PyTorch tensor, or None."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return np.asarray(value.numpy())
    return np.asarray(value) if isinstance(value, (np.ndarray, np.generic)) else None


def group_tensors(tensors: Mapping[str, Array]) -> dict[str, Tensors]:
    """Return the tensors of each module that has some, by the prefix and the name of the tensor."""
    attention = {key.rpartition("in_proj_weight")[0] for key in tensors if key.endswith("in_proj_weight")}
    attention |= {key.rpartition("q_proj_weight")[0] for key in tensors if key.endswith("q_proj_weight")}
    groups: dict[str, Tensors] = {}
    for key, value in tensors.items():
        prefix, _, name = key.rpartition(".")
        number = LAYER_NUMBER.search(name)
        if prefix.endswith("out_proj") and prefix.removesuffix("out_proj") in attention:
            prefix, name = prefix.removesuffix("out_proj").removesuffix("."), f"out_proj.{name}"
        elif number:
            prefix, name = f"{prefix}.l{number[1]}".lstrip("."), LAYER_NUMBER.sub("", name)
        if name not in IGNORED:
            groups.setdefault(prefix, {})[name] = value
    return groups


def sort_modules(groups: dict[str, Tensors], name: str) -> dict[str, Tensors]:
    """Return the modules of a file that sorts its tensors by name, in their own order.

    Raises
    ------
    StorageError
        If the names do not tell the order, as those of ``nn.Sequential`` do.
    """
    if len({re.sub(r"\d+", "0", prefix) for prefix in groups}) > 1:
        raise StorageError(
            f"{name}: a .safetensors file does not keep the order of modules. Pass mapping={{prefix: layer name}}, "
            f"for the prefixes {join_names(list(groups), 6)}; or pass module.state_dict()"
        )
    numbers = {prefix: [int(part) for part in re.findall(r"\d+", prefix)] for prefix in groups}
    return {prefix: groups[prefix] for prefix in sorted(groups, key=numbers.__getitem__)}


# Matching


def list_layers(target: Layer, prefix: str = "") -> list[tuple[str, Layer]]:
    """Return the layers that own parameters, with their paths, in the order in which they are computed."""
    paths: dict[Layer, str] = {}
    for path, layer in iterate_layers(target, prefix):
        if layer.parameters:
            paths.setdefault(layer, path)
    return [(path, layer) for layer, path in paths.items()]


def iterate_layers(layer: Layer, prefix: str) -> Iterator[tuple[str, Layer]]:
    if has_rules(layer):
        yield prefix or layer.name, layer
        return
    if any(isinstance(part, Shared) for part in layer.parts):
        yield prefix or layer.name, layer
    for part in (part for part in layer.parts if isinstance(part, Layer)):
        yield from iterate_layers(part, f"{prefix}/{part.name}" if prefix else part.name)


Pair = tuple[str, Layer, list[str]]
"""Path of a layer, the layer, and the prefixes of its modules."""


def match_in_order(layers: list[tuple[str, Layer]], groups: Mapping[str, Tensors], problems: list[str]) -> list[Pair]:
    """Return the modules of each layer, both in order."""
    left = list(groups)
    pairs = []
    for path, layer in layers:
        count = count_modules(layer)
        if len(left) < count:
            problems.append(f"no tensors are left for {path}, a {type(layer).__name__}")
            break
        pairs.append((path, layer, left[:count]))
        left = left[count:]
    if left:
        names = join_names([f"{prefix or 'the module itself'} ({', '.join(groups[prefix])})" for prefix in left])
        paths = join_names([path for path, _ in layers], 6)
        problems.append(f"{len(left)} modules are left over: {names}. The layers with weights are {paths}")
    return pairs


def match_by_name(
    layers: list[tuple[str, Layer]], groups: Mapping[str, Tensors], mapping: Any, problems: list[str]
) -> list[Pair]:
    """Return the modules of each layer that a mapping names."""
    if not callable(mapping) and not isinstance(mapping, Mapping):
        raise UseError(
            f"Expected mapping to be a dict from prefixes to layer names, or a function. Received: {mapping!r}"
        )
    known: dict[str, tuple[str, Layer]] = {layer.name: (path, layer) for path, layer in layers}
    known |= {path: (path, layer) for path, layer in layers}
    chosen: dict[Layer, list[str]] = {layer: [] for _, layer in layers}
    unknown = [prefix for prefix in mapping if prefix not in groups] if isinstance(mapping, Mapping) else []
    problems += [f"mapping: there is no module {prefix!r}{add_hint(prefix, groups)}" for prefix in unknown]
    for prefix, tensors in groups.items():
        if isinstance(mapping, Mapping) and prefix not in mapping:
            hint = add_hint(prefix, mapping)
            problems.append(f"{prefix} ({', '.join(tensors)}) is left over: mapping does not name it{hint}")
            continue
        name = mapping[prefix] if isinstance(mapping, Mapping) else mapping(prefix)
        if name is None:
            continue
        if name not in known:
            problems.append(f"mapping: there is no layer {name!r} with weights{add_hint(str(name), known)}")
            continue
        chosen[known[name][1]].append(prefix)
    pairs = []
    for path, layer in layers:
        count = count_modules(layer)
        if len(chosen[layer]) != count:
            received = join_names(chosen[layer]) or "none"
            problems.append(f"{path}: expected {count} module{'s' * (count > 1)} in mapping. Received: {received}")
        else:
            pairs.append((path, layer, chosen[layer]))
    return pairs


# Conversion


def convert_layer(
    path: str,
    layer: Layer,
    prefixes: list[str],
    groups: Mapping[str, Tensors],
    orders: FeatureOrders,
    problems: list[str],
) -> dict[Shared, Array]:
    """Return the values of the parameters of a layer; add a problem for every tensor that does not fit."""
    tensors = dict(groups[prefixes[0]])
    for prefix in prefixes[1:]:
        tensors |= {f"second.{name}": value for name, value in groups[prefix].items()}

    def get_key(name: str) -> str:
        second = name.startswith("second.")
        return f"{prefixes[1 if second else 0]}.{name.removeprefix('second.')}".lstrip(".")

    values: dict[Shared, Array] = {}
    rules = list_rules(layer, tensors, orders.get(layer)) if has_rules(layer) else list_plain_rules(layer)
    used = {name for rule in rules for name in rule.names}
    for rule in rules:
        missing = [name for name in rule.names if name not in tensors]
        if missing:
            left = [name for name in tensors if name not in used]
            problems.append(f"{get_key(missing[0])}, for {rule.parameter}, is missing{add_hint(missing[0], left)}")
            continue
        value = convert_tensors(rule, [tensors[name] for name in rule.names])
        if value is None or value.shape != rule.parameter.shape:
            shape = format_shape(tensors[rule.names[0]].shape)
            problems.append(
                f"{get_key(rule.names[0])} has shape {shape}, which does not fit {rule.parameter}, of shape "
                f"{format_shape(rule.parameter.shape)}"
            )
            continue
        values[rule.parameter] = value.astype(rule.parameter.dtype)
    left = [get_key(name) for name in tensors if name not in used]
    if left:
        problems.append(f"{join_names(left)} left over: {path}, a {type(layer).__name__}, has no such weight")
    return values


def add_hint(name: str, known: Iterable[str]) -> str:
    """Return the nearest of the known names as a second sentence, or an empty string."""
    hint = near_miss(name, known)
    return hint and f".{hint}"


def convert_tensors(rule: TensorRule, tensors: list[Array]) -> Array | None:
    """Return the value of a parameter, or None if the shapes do not fit."""
    try:
        return rule.convert(*tensors)
    except (ValueError, IndexError):
        return None


def list_plain_rules(layer: Layer) -> list[TensorRule]:
    """Return rules that copy tensors to parameters of the same names, for a layer of the user."""
    own = [part for part in layer.parts if isinstance(part, Shared)]
    return [TensorRule(p, (str(p.name).rpartition("/")[2],), np.asarray) for p in own]
