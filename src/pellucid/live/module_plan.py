"""Modules of a figure: one for each architecture, and one for the functions that several architectures have."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pellucid.progress import track
from pellucid.run.wasm.module import FunctionSource, WasmModule
from pellucid.run.wasm.module_store import make_key, prepare_module

Place = tuple[int, str]
"""Number of a module, and symbol of a function in it."""


@dataclass(frozen=True)
class ModulePlan:
    """The functions of each module, and where each architecture finds its functions, by their symbols."""

    modules: list[list[FunctionSource]]
    places: list[dict[str, Place]]

    def compile(self, *, relaxed: bool) -> list[WasmModule]:
        """Compile the modules in parallel; a progress bar counts them on a terminal."""
        count = len(self.modules)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            # Generating C needs this thread, so compilation of the first modules begins meanwhile.
            submitted = (pool.submit(prepare_module(functions, relaxed=relaxed)) for functions in self.modules)
            futures = list(track(submitted, total=count, description="generating C"))
            return [future.result() for future in track(futures, total=count, description="compiling")]


def plan_modules(architectures: Sequence[Sequence[FunctionSource]]) -> ModulePlan:
    """Assign the functions of architectures to modules; equal functions are compiled once."""
    keys = [[make_function_key(f) for f in functions] for functions in architectures]
    counts = Counter(key for found in keys for key in set(found) if key is not None)
    shared: dict[str, FunctionSource] = {}
    modules: list[list[FunctionSource]] = []
    places: list[dict[str, Place]] = []
    for functions, found in zip(architectures, keys, strict=True):
        own: list[FunctionSource] = []
        place: dict[str, Place] = {}
        for f, key in zip(functions, found, strict=True):
            if key is not None and counts[key] > 1:
                chosen = shared.setdefault(key, rename(f, f"s{len(shared)}"))
                number = len(architectures)
            else:
                chosen, number = f, len(places)
                own.append(f)
            place[f.symbol] = number, chosen.symbol
            if f.quiet_symbol is not None and chosen.quiet_symbol is not None:
                place[f.quiet_symbol] = number, chosen.quiet_symbol
        modules.append(own)
        places.append(place)
    return drop_empty(ModulePlan([*modules, list(shared.values())], places))


def make_function_key(f: FunctionSource) -> str | None:
    return make_key([rename(f, "")])


def rename(f: FunctionSource, symbol: str) -> FunctionSource:
    return replace(f, symbol=symbol, quiet_symbol=None if f.quiet_symbol is None else f"{symbol}q")


def drop_empty(plan: ModulePlan) -> ModulePlan:
    """Return a plan without modules that have no functions."""
    kept = [number for number, functions in enumerate(plan.modules) if functions]
    places = [{symbol: (kept.index(number), name) for symbol, (number, name) in place.items()} for place in plan.places]
    return ModulePlan([plan.modules[number] for number in kept], places)
