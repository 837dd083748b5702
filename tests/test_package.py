"""The package as a whole: light to import, layered, documented."""

import ast
import functools
import inspect
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pellucid

ROOT = Path(pellucid.__file__).parent
HEAVY = {
    "h5py", "jax", "jaxlib", "matplotlib", "onnx", "onnxruntime", "PIL", "safetensors", "scipy", "sklearn",
    "tensorboard",
}  # fmt: skip

# Imports run downwards only: the packages each package may import.
MODEL_DOWN = {"graph", "run", "saving", "show", "nn", "model", "training", "inspect", "data"}
INTEROP_DOWN = {"graph", "run", "nn", "data", "model", "training"}
EVERYTHING = {*MODEL_DOWN, "interop", "byhand", "experiments", "cli", "errors", "pellucid"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "graph": {"errors"},
    "run": {"graph"},
    "saving": {"graph", "nn"},
    "show": {"graph"},
    "nn": {"graph"},
    "data": {"errors", "graph"},
    "byhand": set(),
    "model": MODEL_DOWN,
    "training": MODEL_DOWN,
    "inspect": MODEL_DOWN,
    "interop": INTEROP_DOWN,
    "experiments": EVERYTHING,
    "cli": EVERYTHING,
    "pellucid": EVERYTHING,
    # Second names of files in nn.
    "losses": {"nn"},
    "optimizers": {"nn"},
    "schedules": {"nn"},
}
# What a package may import only inside a function, when it is called for.
MAY_IMPORT_LATE = {
    "errors": {"graph"},
    "show": {"run"},
    "nn": {"run"},
    "model": {"interop"},
    "training": {"interop"},
    "inspect": {"interop"},
}


class Import(NamedTuple):
    """One import of a part of pellucid: who, whom, where, and whether only inside a function."""

    importer: str
    imported: str
    place: str
    late: bool

    @property
    def allowed(self) -> bool:
        permitted = MAY_IMPORT.get(self.importer, set())
        if self.late:
            permitted = permitted | MAY_IMPORT_LATE.get(self.importer, set())
        return self.imported == self.importer or self.imported in permitted


def package_of(module: str) -> str:
    """The part of pellucid a module belongs to: `graph` for `pellucid.graph.expr`, `pellucid` for itself."""
    _, _, inside = module.partition(".")
    return inside.partition(".")[0] or "pellucid"


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = ("pellucid", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] in {"__init__", "__main__"} else parts)


def sources(root: Path = ROOT) -> list[Path]:
    return sorted(root.rglob("*.py"))


def imported_modules(node: ast.AST, module: str, *, is_package: bool) -> list[str]:
    """The full names an import statement asks for; `from pellucid import graph` asks for `pellucid.graph`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = module.split(".")[: len(module.split(".")) - node.level + is_package]
        base = ".".join([*above, *filter(None, [node.module])])
    if base != "pellucid":
        return [base]
    return [f"pellucid.{alias.name}" if alias.name in MAY_IMPORT else "pellucid" for alias in node.names]


def imports_in(path: Path, root: Path) -> Iterator[Import]:
    module, tree = module_name(path, root), ast.parse(path.read_text("utf-8"))
    inside_functions = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        for name in imported_modules(node, module, is_package=path.name == "__init__.py"):
            if name.partition(".")[0] == "pellucid":
                place = f"{path.relative_to(root.parent)}:{node.lineno} imports {name}"
                yield Import(package_of(module), package_of(name), place, id(node) in inside_functions)


@functools.cache
def all_imports(root: Path = ROOT) -> list[Import]:
    return [found for path in sources(root) for found in imports_in(path, root)]


def fresh_import(module: str) -> dict[str, Any]:
    """Seconds that importing a module takes in a new interpreter, and what it brought in."""
    program = (
        f"import json, sys, time; start = time.perf_counter(); import {module}; "
        "print(json.dumps({'seconds': time.perf_counter() - start, 'modules': sorted(sys.modules)}))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_import_brings_in_nothing_heavy():
    assert HEAVY & set(fresh_import("pellucid")["modules"]) == set()


def test_import_is_quick():
    pairs = [(fresh_import("numpy")["seconds"], fresh_import("pellucid")["seconds"]) for _ in range(5)]
    numpy_seconds, pellucid_seconds = (min(column) for column in zip(*pairs, strict=True))
    # On a crowded machine everything is slow, NumPy too: then no more than a few times as slow.
    assert pellucid_seconds < max(0.4, 3 * numpy_seconds)


def test_version_is_the_installed_one():
    assert pellucid.__version__ == version("pellucid")


def test_every_package_has_its_place_in_the_layers():
    assert {package_of(module_name(path)) for path in sources()} <= set(MAY_IMPORT)


def test_imports_run_downwards_only():
    upward = [found.place for found in all_imports() if not found.allowed]
    assert not upward, "\n".join(upward)


def test_packages_import_one_another_in_no_circle():
    below = defaultdict(set)
    for found in all_imports():
        importer, imported = (
            "model" if name in {"training", "inspect"} else name for name in (found.importer, found.imported)
        )
        if importer != imported and not found.late and importer != "pellucid":
            below[importer].add(imported)
    TopologicalSorter(below).prepare()  # raises CycleError, naming the circle


@pytest.mark.parametrize(
    ("importer", "line", "place"),
    [
        ("graph", "from pellucid.run import function", "imports pellucid.run"),
        ("graph", "from pellucid import nn", "imports pellucid.nn"),
        ("graph", "import pellucid as pel", "imports pellucid"),
        ("graph", "from ..show import text", "imports pellucid.show"),
        ("run", "import pellucid.nn.layers", "imports pellucid.nn.layers"),
        ("show", "from pellucid.run import trace", "imports pellucid.run"),
        ("graph", "def late():\n    from pellucid.run import function", "imports pellucid.run"),
    ],
)
def test_an_upward_import_is_found_and_named(importer, line, place, tmp_path):
    module = write_module(tmp_path / "pellucid", importer, line)
    (wrong,) = [found.place for found in all_imports(module.parents[1]) if not found.allowed]
    assert wrong.startswith(f"pellucid/{importer}/module.py:")
    assert wrong.endswith(place)


def test_a_late_import_is_allowed_where_it_is_meant(tmp_path):
    module = write_module(tmp_path / "pellucid", "show", "def late():\n    from pellucid.run import trace")
    assert [found.allowed for found in all_imports(module.parents[1])] == [True]


def write_module(root: Path, package: str, text: str) -> Path:
    (root / package).mkdir(parents=True)
    path = root / package / "module.py"
    path.write_text(text, "utf-8")
    return path


def test_every_public_module_says_what_it_is_for():
    public = [path for path in sources() if not path.stem.startswith("_") or path.stem in {"__init__", "__main__"}]
    silent = [module_name(path) for path in public if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent, "\n".join(silent)


def public_objects() -> Iterator[tuple[str, Any]]:
    """Everything that users reach by attribute access from `pellucid`: functions, classes and their public methods."""
    seen, pending = set(), [("pellucid", pellucid)]
    while pending:
        name, found = pending.pop()
        names = getattr(found, "__all__", None) or [n for n in dir(found) if not n.startswith("_")]
        for attribute in names:
            value = getattr(found, attribute, None)
            home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
            if not str(home).startswith("pellucid") or id(value) in seen:
                continue
            if isinstance(value, type(sys)):
                if attribute in pellucid._MODULES or value.__name__.startswith("pellucid.nn"):
                    seen.add(id(value))
                    pending.append((f"{name}.{attribute}", value))
            elif callable(value):
                seen.add(id(value))
                yield f"{name}.{attribute}", value
                if isinstance(value, type):
                    for method, member in vars(value).items():
                        if not method.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                            yield f"{name}.{attribute}.{method}", member


def test_everything_that_users_reach_has_a_docstring():
    found = dict(public_objects())
    assert len(found) > 800
    silent = [name for name, value in found.items() if not getattr(value, "__doc__", None)]
    assert not silent, "\n".join(silent)
