"""Functions and arrays of a page, compiled to one WebAssembly module."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.graph.errors import InputError
from pellucid.graph.expr import Constant, Expr, Input, Shared
from pellucid.graph.types import Shape
from pellucid.live.module_plan import Place
from pellucid.run.function import Function
from pellucid.run.function_builder import function
from pellucid.run.wasm.module import FunctionSource, WasmModule
from pellucid.typing import Array, ArrayLike, DTypeLike, Json

DTYPES = frozenset(
    f"{kind}{bits}" for kind, sizes in (("float", (32, 64)), ("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64)))
    for bits in sizes
) | {"bool"}  # fmt: skip
"""Dtypes of arrays in WebAssembly memory."""


@dataclass
class PageArray:
    """An array in the memory of a page. ``role`` is ``"parameter"``, ``"variable"``, ``"input"`` or ``"constant"``."""

    dtype: str
    shape: tuple[int, ...]
    role: str
    value: Array | None = None

    def to_json(self) -> dict[str, Json]:
        entry: dict[str, Json] = {"dtype": self.dtype, "shape": list(self.shape), "role": self.role}
        if self.value is not None and self.value.any():
            entry["data"] = encode_array(self.value)
        return entry


def encode_array(value: Array) -> str:
    """Return the bytes of an array as base64, little-endian and in C order."""
    return base64.b64encode(value.astype(value.dtype.newbyteorder("<"), order="C").tobytes()).decode()


@dataclass
class PageFunctions:
    """The functions of one set of shapes, and the arrays that they read and write, by name."""

    arrays: dict[str, PageArray] = field(default_factory=dict)
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """For each function, its entry in the page without the types of its outputs."""
    sources: list[FunctionSource] = field(default_factory=list)
    output_names: dict[str, list[str]] = field(default_factory=dict)
    names: dict[Any, str] = field(default_factory=dict)
    """Names of the arrays of shared variables, large constants and inputs."""

    def add_array(
        self,
        name: str,
        value: ArrayLike | None = None,
        *,
        shape: Shape | Sequence[int] | None = None,
        dtype: DTypeLike | None = None,
        role: str,
    ) -> str:
        """Add an array, with a value or with a shape and a dtype, and return its name, made unique.

        A value has the shape, or more axes in front for the batches of the steps.
        """
        array = None if value is None else np.asarray(value)
        kind = str(np.dtype(dtype) if array is None else array.dtype)
        if kind not in DTYPES:
            raise InputError(f"{name}: expected a dtype among {', '.join(sorted(DTYPES))} in a page. Received: {kind}")
        unique, number = name, 2
        while unique in self.arrays:
            unique, number = f"{name} {number}", number + 1
        shape = array.shape if shape is None and array is not None else shape
        assert shape is not None
        self.arrays[unique] = PageArray(kind, tuple(map(int, shape)), role, array)
        return unique

    def add_leaf(self, leaf: Shared | Constant) -> str:
        """Return the name of the array of a shared variable or a large constant."""
        if leaf not in self.names:
            if isinstance(leaf, Constant):
                self.names[leaf] = self.add_array("constant", leaf.value, role="constant")
            else:
                role = "parameter" if leaf.trainable else "variable"
                self.names[leaf] = self.add_array(leaf.name or str(leaf), leaf.get_value(), role=role)
        return self.names[leaf]

    def add_function(
        self,
        name: str,
        f: Function,
        args: Mapping[Input, str],
        *,
        walk: bool = False,
        quiet: str | None = None,
        hot: bool = False,
        output_names: Sequence[str] | None = None,
    ) -> str:
        """Add a function on arrays of the page, and return its name.

        ``args`` has the name of the array of each input; inputs without one have the array of their default. With
        ``walk``, an array holds the argument of one step. ``quiet`` names the same function without outputs, which
        is compiled to fast code. ``hot`` asks for fast code, too.
        """
        program = f.program
        names = [args.get(i) or self.add_default(f, i) for i in program.inputs]
        types = tuple((self.arrays[n].shape, self.arrays[n].dtype) for n in names)
        symbol = f"f{len(self.functions)}"
        quiet_symbol = None if quiet is None else f"{symbol}q"
        self.sources.append(FunctionSource(program, symbol, types, walk, quiet_symbol, hot))
        entry = {
            "state": [self.add_leaf(s) for s in program.updates],
            "read": [self.add_leaf(e) for e in program.read],
            "args": names,
            "walk": walk,
        }
        self.functions[name] = {"symbol": symbol, **entry}
        self.output_names[symbol] = list(output_names or map(str, program.original_outputs))
        if quiet is not None:
            self.functions[quiet] = {"symbol": quiet_symbol, **entry}
        return name

    def add_default(self, f: Function, i: Input) -> str:
        if i not in self.names:
            if i not in f.defaults:
                raise InputError(
                    f"The input {i} of the figure has no value. Give it in data={{...}}, with a control such as "
                    f"pel.live.slider({i}, 0, 1), or as a default of the function"
                )
            self.names[i] = self.add_array(str(i), f.defaults[i], role="input")
        return self.names[i]

    def add_outputs(
        self,
        name: str,
        outputs: Sequence[Expr],
        args: Mapping[Input, str],
        *,
        walk: bool = False,
        hot: bool = False,
        output_names: Sequence[str] | None = None,
    ) -> str:
        """Add a function of expressions, which changes nothing, and return its name."""
        f = function(list(args), list(outputs), on_unused_input="ignore").copy(delete_updates=True)
        return self.add_function(name, f, args, walk=walk, hot=hot, output_names=output_names)

    def to_json(self, places: Mapping[str, Place], modules: Sequence[WasmModule]) -> dict[str, Json]:
        """Return arrays and functions as data of a page, given the module and the symbol of each function."""
        return {
            "arrays": {name: array.to_json() for name, array in self.arrays.items()},
            "functions": {name: self.describe(entry, places, modules) for name, entry in self.functions.items()},
        }

    def describe(
        self, entry: Mapping[str, Any], places: Mapping[str, Place], modules: Sequence[WasmModule]
    ) -> dict[str, Json]:
        number, symbol = places[entry["symbol"]]
        types, names = modules[number].outputs[symbol], self.output_names.get(entry["symbol"], [])
        outputs: list[Json] = [
            {"name": n, "dtype": dtype, "shape": list(shape)} for n, (shape, dtype) in zip(names, types, strict=False)
        ]
        return {"module": number, **entry, "symbol": symbol, "outputs": outputs}
