"""The whole package: import time, layers of imports, docstrings and class names."""

import ast
import functools
import gc
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

# The packages that each package may import; imports point to lower layers only. Every package may import the modules
# of BASE.
BASE = {
    *("atomic_write", "errors", "extension_points", "optional_packages", "progress", "typing", "untrusted_files"),
    "version",
}
MODEL = {"graph", "saving", "show", "nn"}
TRAINING = {"graph", "run", "saving", "show", "nn", "model"}
INSPECT = {"graph", "run", "show", "nn", "model", "training"}
INTEROP = {"graph", "run", "saving", "nn", "data", "model", "training"}
OTHERS = {"inspect", "interop", "byhand", "tracking", "train", "live", "course", "reference", "cli", "pellucid"}
EVERYTHING = INSPECT | INTEROP | OTHERS
MAY_IMPORT: dict[str, set[str]] = {
    "atomic_write": set(),
    "progress": set(),
    "typing": set(),
    "version": set(),
    "extension_points": {"typing"},
    "errors": {"extension_points"},
    "optional_packages": {"errors"},
    "untrusted_files": {"errors", "typing"},
    "byhand": set(),
    "graph": BASE,
    "run": BASE | {"graph"},
    "show": BASE | {"graph"},
    "nn": BASE | {"graph"},
    "data": BASE | {"graph"},
    "saving": BASE | {"graph", "nn"},
    "model": BASE | MODEL,
    "training": BASE | TRAINING,
    "inspect": BASE | INSPECT,
    "interop": BASE | INTEROP,
    "tracking": BASE | INSPECT | {"inspect", "data"},
    "train": BASE | EVERYTHING,
    "live": BASE | EVERYTHING,
    "course": BASE | EVERYTHING,
    "reference": BASE | EVERYTHING,
    "compat": BASE | EVERYTHING,
    "cli": BASE | EVERYTHING,
    "pellucid": BASE | EVERYTHING,
    "type_stubs": BASE | EVERYTHING,
    # Aliases of modules in nn and training.
    "callbacks": {"training"},
    "losses": {"nn"},
    "optimizers": {"nn"},
    "schedules": {"nn"},
}
# Packages that may be imported only inside functions or for type checkers. The methods of `Model` do so: `fit` calls
# training, `explain` calls inspect, `export` calls interop.
MAY_IMPORT_LATE = {
    "errors": {"graph"},
    "show": {"run"},
    "nn": {"run"},
    "model": {"training", "inspect", "interop", "live"},
    "training": {"interop"},
    "cli": {"compat"},
}
MAX_CIRCLE = 3
"""Files that may import one another, counting all imports."""


class Import(NamedTuple):
    """One import inside pellucid: importer, imported module, source location, and whether it is late."""

    importer: str
    imported: str
    place: str
    late: bool

    @property
    def is_allowed(self) -> bool:
        permitted = MAY_IMPORT.get(self.importer, set())
        if self.late:
            permitted = permitted | MAY_IMPORT_LATE.get(self.importer, set())
        return self.imported == self.importer or self.imported in permitted


def get_package(module: str) -> str:
    """Return the package of a module: `graph` for `pellucid.graph.expr`, `pellucid` for itself."""
    _, _, inside = module.partition(".")
    return inside.partition(".")[0] or "pellucid"


def get_module_name(path: Path, root: Path = ROOT) -> str:
    parts = ("pellucid", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] in {"__init__", "__main__"} else parts)


def list_sources(root: Path = ROOT) -> list[Path]:
    return sorted(root.rglob("*.py"))


@functools.cache
def parse_source(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def parsed() -> Iterator[None]:
    """Parse all sources once, which takes seconds, and forget them: they would slow down garbage collection."""
    gc.disable()  # it would visit the million nodes of the trees again and again
    try:
        for path in list_sources():
            parse_source(path)
        yield
    finally:
        parse_source.cache_clear()
        gc.enable()


def resolve_base(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """Return the full name of the module after `from`, which may be relative."""
    if not node.level:
        return node.module or ""
    above = module.split(".")[: len(module.split(".")) - node.level + is_package]
    return ".".join([*above, *filter(None, [node.module])])


def list_imported_modules(node: ast.AST, module: str, *, is_package: bool) -> list[str]:
    """Return the full names that a statement imports, such as `pellucid.graph` for `from pellucid import graph`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = resolve_base(node, module, is_package=is_package)
    if base != "pellucid":
        return [base]
    return [f"pellucid.{alias.name}" if alias.name in MAY_IMPORT else "pellucid" for alias in node.names]


def is_late(node: ast.AST) -> bool:
    """Whether imports inside of a node do not run when the module is imported."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def walk_statements(node: ast.AST, late: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Yield the statements of a module, and whether each is late."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child, late
            yield from walk_statements(child, late or is_late(child))


def list_imports(path: Path, root: Path) -> Iterator[Import]:
    module = get_module_name(path, root)
    for node, late in walk_statements(parse_source(path)):
        for name in list_imported_modules(node, module, is_package=path.name == "__init__.py"):
            if name.partition(".")[0] == "pellucid":
                place = f"{path.relative_to(root.parent)}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
                yield Import(get_package(module), get_package(name), place, late)


@functools.cache
def list_all_imports(root: Path = ROOT) -> list[Import]:
    return [found for path in list_sources(root) for found in list_imports(path, root)]


def time_import(module: str) -> dict[str, Any]:
    """Return the seconds of importing a module in a new interpreter, and the modules that it loads."""
    program = (
        f"import json, sys, time; start = time.perf_counter(); import {module}; "
        "print(json.dumps({'seconds': time.perf_counter() - start, 'modules': sorted(sys.modules)}))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_import_loads_no_heavy_packages():
    assert HEAVY & set(time_import("pellucid")["modules"]) == set()


def test_old_libraries_are_not_imported():
    modules = time_import("pellucid.cli.app")["modules"]
    assert "pellucid.cli.legacy" in modules
    assert not [name for name in modules if name.startswith("pellucid.compat")]


@pytest.mark.slow
def test_import_is_fast():
    pairs = [(time_import("numpy")["seconds"], time_import("pellucid")["seconds"]) for _ in range(5)]
    numpy_seconds, pellucid_seconds = (min(column) for column in zip(*pairs, strict=True))
    # On a busy machine everything is slow, so the limit is relative to NumPy.
    assert pellucid_seconds < max(0.4, 3 * numpy_seconds)


def test_version_is_the_installed_one():
    assert pellucid.__version__ == version("pellucid")


def test_every_package_has_a_layer():
    assert {get_package(get_module_name(path)) for path in list_sources()} <= set(MAY_IMPORT)


@pytest.mark.usefixtures("parsed")
def test_imports_point_to_lower_layers():
    upward = [found.place for found in list_all_imports() if not found.is_allowed]
    assert not upward, "\n".join(upward)


@pytest.mark.usefixtures("parsed")
def test_packages_have_no_import_cycle():
    below = defaultdict(set)
    for found in list_all_imports():
        if found.importer != found.imported and not found.late and found.importer != "pellucid":
            below[found.importer].add(found.imported)
    TopologicalSorter(below).prepare()  # raises CycleError with the cycle


def build_import_graph(root: Path = ROOT) -> dict[str, set[str]]:
    """Return the modules that each module imports: at its top, inside functions, and for type checkers."""
    modules = {get_module_name(path, root): path for path in list_sources(root)}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        names: set[str] = set()
        for node, _ in walk_statements(parse_source(path)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = resolve_base(node, module, is_package=path.name == "__init__.py")
                submodules = [f"{base}.{alias.name}" for alias in node.names]
                names.update(submodule if submodule in modules else base for submodule in submodules)
        found[module] = (names & set(modules)) - {module}
    return found


def find_cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of the import graph with several modules (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        stack.append(module)
        for imported in sorted(imports[module]):
            if imported not in index:
                visit(imported)
            if imported in stack:
                lowest[module] = min(lowest[module], lowest[imported])
        if lowest[module] == index[module]:
            start = stack.index(module)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in imports:
        if module not in index:
            visit(module)
    return found


@pytest.mark.usefixtures("parsed")
def test_import_cycles_have_at_most_three_files():
    imports = build_import_graph()
    large = [circle for circle in find_cycles(imports) if len(circle) > MAX_CIRCLE]
    messages = [
        f"{len(circle)} files:\n"
        + "\n".join(f"  {module} imports {', '.join(sorted(imports[module] & set(circle)))}" for module in circle)
        for circle in large
    ]
    assert not large, "\n".join(messages)


def test_import_cycles_are_detected_anywhere(tmp_path):
    package = tmp_path / "pellucid"
    package.mkdir()
    texts = {
        "a": "from pellucid.b import f",
        "b": "def f():\n    from pellucid import c",
        "c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pellucid.a",
        "d": "from pellucid.a import f",
        "e": "from .f import g",
        "f": "from . import e",
    }
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text, "utf-8")
    assert find_cycles(build_import_graph(package)) == [
        ["pellucid.a", "pellucid.b", "pellucid.c"],
        ["pellucid.e", "pellucid.f"],
    ]


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
    (wrong,) = [found.place for found in list_all_imports(module.parents[1]) if not found.is_allowed]
    assert wrong.startswith(f"pellucid/{importer}/module.py:")
    assert wrong.endswith(place)


def test_declared_late_imports_are_allowed(tmp_path):
    module = write_module(tmp_path / "pellucid", "show", "def late():\n    from pellucid.run import trace")
    assert [found.is_allowed for found in list_all_imports(module.parents[1])] == [True]


def write_module(root: Path, package: str, text: str) -> Path:
    (root / package).mkdir(parents=True)
    path = root / package / "module.py"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.usefixtures("parsed")
def test_every_public_module_has_a_docstring():
    public = [path for path in list_sources() if not path.stem.startswith("_") or path.stem in {"__init__", "__main__"}]
    silent = [get_module_name(path) for path in public if not ast.get_docstring(parse_source(path))]
    assert not silent, "\n".join(silent)


def get_docstring(value: Any, owner: type | None) -> str | None:
    """Return the docstring of a public object; a method may inherit it from the method that it overrides."""
    name = getattr(value, "__name__", None) or getattr(getattr(value, "fget", None), "__name__", "")
    classes = owner.__mro__ if owner else ()
    return value.__doc__ or next(
        (vars(c)[name].__doc__ for c in classes if name in vars(c) and vars(c)[name].__doc__), None
    )


def list_public_objects() -> Iterator[tuple[str, tuple[Any, type | None]]]:
    """Return all objects reachable by attribute access from `pellucid`: functions, classes and public methods."""
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
                if attribute in pellucid._SUBMODULES or value.__name__.startswith("pellucid.nn"):
                    seen.add(id(value))
                    pending.append((f"{name}.{attribute}", value))
            elif callable(value):
                seen.add(id(value))
                yield f"{name}.{attribute}", (value, None)
                if isinstance(value, type):
                    for method, member in vars(value).items():
                        if not method.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                            yield f"{name}.{attribute}.{method}", (member, value)


def test_every_public_object_has_a_docstring():
    found = dict(list_public_objects())
    assert len(found) > 800
    silent = [name for name, (value, owner) in found.items() if not get_docstring(value, owner)]
    assert not silent, "\n".join(silent)


KERAS_NAMES = {"Constant", "Identity", "Input"}
"""Names of layers and initializers in Keras that expressions or other layers have too."""


@pytest.mark.usefixtures("parsed")
def test_class_names_are_unique():
    homes = defaultdict(set)
    for path in list_sources():
        if get_module_name(path).startswith("pellucid.compat."):  # classes have the names of old libraries
            continue
        for node, _ in walk_statements(parse_source(path)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].add(get_module_name(path))
    losses_and_metrics = ("pellucid.nn.losses.", "pellucid.nn.metrics.")
    repeated = {
        name: sorted(modules)
        for name, modules in homes.items()
        if len(modules) > 1
        and name not in KERAS_NAMES
        and not all(module.startswith(losses_and_metrics) for module in modules)
    }
    assert not repeated
