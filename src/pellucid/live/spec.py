"""The figure file: arrays, compiled functions, controls and views as JSON. ``web/src/spec.ts`` is its other half."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.graph.errors import UseError
from pellucid.graph.expr import Input
from pellucid.graph.traversal import topological
from pellucid.live.controls import Seed
from pellucid.live.functions import PageFunctions
from pellucid.live.initial_values import add_initializer
from pellucid.live.module_plan import plan_modules
from pellucid.live.views.base import FigureContext
from pellucid.run.wasm.module import WasmModule, encode_bytes
from pellucid.typing import Json

if TYPE_CHECKING:
    from pellucid.live.interactive_figure import Figure

FORMAT = 1
"""Version of the figure file, as in ``web/src/spec.ts``."""


@dataclass(frozen=True)
class FigureParts:
    """The functions of one architecture, and data of the page: what all architectures share, and what this one has."""

    functions: PageFunctions
    shared: dict[str, Json]
    own: dict[str, Json]


def write_spec(figure: Figure) -> dict[str, Json]:
    """Compile a figure and return it as JSON data."""
    parts = [assemble_figure(variant) for _, variant in figure.variants]
    plan = plan_modules([p.functions.sources for p in parts])
    modules = plan.compile(relaxed=not figure.favors_size)
    variants = [
        {"when": when, **p.functions.to_json(places, modules), **p.own}
        for (when, _), p, places in zip(figure.variants, parts, plan.places, strict=True)
    ]
    return {
        "format": FORMAT,
        "title": figure.title,
        "description": figure.description,
        "controls": [c.to_json() for c in figure.controls],
        **parts[0].shared,
        "arrays": share_arrays(variants),
        "modules": [describe_module(module) for module in modules],
        "variants": variants,
    }


def describe_module(module: WasmModule) -> dict[str, Json]:
    return {
        "source": module.source,
        "simd": encode_bytes(deflate(module.simd)),
        "relaxed": None if module.relaxed is None else encode_bytes(deflate(module.relaxed)),
    }


def deflate(content: bytes) -> bytes:
    """Compress bytes as browsers decompress them: raw deflate, to about a third for modules."""
    compressor = zlib.compressobj(9, wbits=-15)
    return compressor.compress(content) + compressor.flush()


def share_arrays(variants: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Remove the arrays that all of several architectures have from each of them, and return them."""
    first, *others = [variant["arrays"] for variant in variants]
    shared: dict[str, Json] = {
        n: array for n, array in first.items() if others and all(arrays.get(n) == array for arrays in others)
    }
    for variant in variants:
        for name in shared:
            del variant["arrays"][name]
    return shared


def assemble_figure(figure: Figure) -> FigureParts:
    """Return the functions of a figure, not compiled yet, and the data of its views."""
    functions = PageFunctions()
    names: dict[Input, str] = {}
    for i, value in figure.data.values.items():
        names[i] = functions.add_array(str(i), value, shape=value.shape[value.ndim - i.ndim :], role="input")
    for control in figure.controls:
        if control.input is not None:
            value = np.asarray(control.initial_value, control.input.dtype)
            names[control.input] = functions.add_array(control.id, value, role="input")
    functions.names |= names
    training = add_training(figure, functions, names)
    data = figure.data
    context = FigureContext(
        functions,
        figure.train,
        names,
        data.get_step_values(),
        data.features,
        data.targets,
        data.class_names,
        data.feature_names,
    )
    shared, own = [], []
    for context.view, view in enumerate(figure.views):
        of_all, of_this = view.build(context)
        shared.append(of_all)
        own.append(of_this)
    own_parts: dict[str, Json] = {
        "training": training,
        "views": own,
        "without_effect": list_controls_without_effect(figure, functions),
    }
    return FigureParts(
        functions, {"views": shared, "data": data.to_json(names, editable=figure.train is not None)}, own_parts
    )


def list_controls_without_effect(figure: Figure, functions: PageFunctions) -> list[str]:
    """Return the ids of the controls whose inputs no function computes with, as the width of absent hidden layers."""
    programs = [source.program for source in functions.sources]
    read = set(topological([e for p in programs for e in (*p.outputs, *p.updates.values())]))
    return [c.id for c in figure.controls if c.input is not None and c.input not in read]


def add_training(figure: Figure, functions: PageFunctions, names: Mapping[Input, str]) -> dict[str, Json] | None:
    """Add the training step and the function of initial values; return how a page trains."""
    if figure.train is None:
        return None
    outputs, batches = figure.train.program.outputs, figure.data.batches
    if not outputs or outputs[0].ndim:
        received = f"the output {outputs[0]}, with {outputs[0].ndim} axes" if outputs else "no output"
        raise UseError(
            f"Figure: expected a training step whose first output is the loss, a scalar. Received: {received}"
        )
    quiet = None if figure.favors_size else "train_quiet"
    functions.add_function("train", figure.train, names, walk=batches is not None, quiet=quiet, hot=True)
    has_seed = any(isinstance(c, Seed) for c in figure.controls)
    return {
        "function": "train",
        "quiet": quiet,
        "steps": figure.steps,
        "batches": batches,
        "loss": 0,
        "initialize": add_initializer(functions, figure.train, figure.initial) if has_seed else None,
    }
