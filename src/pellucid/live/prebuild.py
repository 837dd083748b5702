"""Compilation of the modules that the package ships: ``python -m pellucid.live.prebuild``, after the C has changed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

from pellucid.atomic_write import atomic_write
from pellucid.live import examples
from pellucid.live.interactive_figure import Figure
from pellucid.live.module_plan import plan_modules
from pellucid.live.spec import assemble_figure
from pellucid.run.wasm.module import FunctionSource, compile_code, generate_code, to_json
from pellucid.run.wasm.module_store import SHIPPED, make_key


def list_modules() -> Iterator[tuple[str, list[FunctionSource]]]:
    """Yield the key and the functions of every module of the figures of the examples and the course."""
    from pellucid.course import figures  # which imports this package

    makers = [getattr(examples, name) for name in examples.__all__]
    makers += [f for f in vars(figures).values() if inspect.isfunction(f)]
    for make in makers:
        figure: Figure = make()
        architectures = [assemble_figure(variant).functions.sources for _, variant in figure.variants]
        for functions in plan_modules(architectures).modules:
            key = make_key(functions)
            assert key is not None
            yield key, functions


def build_shipped_modules() -> None:
    """Write the modules whose C has changed, and delete those that no figure uses."""
    SHIPPED.mkdir(exist_ok=True)
    kept = set()
    for key, functions in list_modules():
        path, code = SHIPPED / f"{key}.json", generate_code(functions)
        if key not in kept and not (path.is_file() and json.loads(path.read_text())["source"] == code.source_hash):
            atomic_write(path, json.dumps(to_json(compile_code(code))))
            print(f"compiled {path.name}")
        kept.add(key)
    for path in SHIPPED.glob("*.json"):
        if path.stem not in kept:
            path.unlink()
            print(f"deleted {path.name}")


if __name__ == "__main__":
    build_shipped_modules()
