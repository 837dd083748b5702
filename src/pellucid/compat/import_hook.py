"""Import hook that puts old libraries in place: ``import theano`` gives `pellucid.compat.theano`, in this process only.

`OldLibraryFinder` comes first in ``sys.meta_path``. It redirects old libraries, and removed modules of scikit-learn,
before installed packages of these names, and gives modules that are imported later the names which they have lost.
`RemovedModuleFinder` comes last: it makes modules that Python no longer has.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any

from pellucid.compat import removed_names
from pellucid.compat.missing_names import LIBRARIES, explain_missing_name, read_old_names
from pellucid.errors import PellucidError

PACKAGE = "pellucid.compat"
REDIRECTED = tuple(name for name in LIBRARIES if name != "sklearn")
"""Libraries that are redirected as a whole. Of scikit-learn, only removed modules are."""


class MissingModuleError(PellucidError, ModuleNotFoundError):
    """A module of an old library is not in `pellucid.compat`, or an old package is not installed."""


def is_available(name: str) -> bool:
    """Tell whether `pellucid.compat` has a module of an old library."""
    ours = f"{PACKAGE}.{name}"
    try:
        importlib.import_module(ours.rpartition(".")[0])
        return ours in sys.modules or find_spec(ours) is not None
    except ModuleNotFoundError as error:
        if (error.name or PACKAGE).startswith(PACKAGE):
            return False
        raise


def explain_missing_module(name: str) -> MissingModuleError:
    """Return the error for a module that `pellucid.compat` does not have: which version had it, and what to do."""
    parent, _, last = name.rpartition(".")
    library, old = LIBRARIES[name.partition(".")[0]], read_old_names()
    if not parent:
        return MissingModuleError(f"pellucid.compat has no {library}")
    if last not in old.get(parent, {}) and name in old:
        version = next(iter(old[name].values()))
        message = f"The module {name} of {library} {version} is not in pellucid.compat"
        return MissingModuleError(f"{message}. pellucid legacy --translate says what replaces its names")
    if parent not in old:
        return MissingModuleError(f"The module {name} of {library} is not in pellucid.compat")
    known = [n for n in vars(sys.modules.get(parent, sys)) if not n.startswith("_")]
    return MissingModuleError(str(explain_missing_name(parent, last, known)))


class OldLibraryFinder(MetaPathFinder, Loader):
    """Finder and loader of the modules in `pellucid.compat`, under their old names."""

    def __init__(self) -> None:
        self.undo: list[Callable[[], None]] = []
        self._specs: dict[str, Any] = {}
        self._pending: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name in self._pending:
            return None
        self._pending.add(name)
        try:
            old = name.removeprefix(f"{PACKAGE}.")
            top = old.partition(".")[0]
            if top in REDIRECTED or (top == "sklearn" and top != name == old):
                if is_available(old):
                    return ModuleSpec(name, self, is_package=True) if name == old else None
                if top != "sklearn":
                    raise explain_missing_module(old)
            return self._find_patched(name) if name in removed_names.NAMES else None
        finally:
            self._pending.discard(name)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"{PACKAGE}.{spec.name}")
        self._specs[module.__name__] = module.__spec__
        parent, _, name = spec.name.rpartition(".")
        if parent.startswith("sklearn"):
            self.undo.append(lambda: vars(sys.modules.get(parent, module)).pop(name, None))
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has given the module the spec of its old name.
        module.__spec__ = self._specs[module.__name__]

    def _find_patched(self, name: str) -> ModuleSpec | None:
        """Return the spec of an installed module, whose loader then adds the names that the module has lost."""
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        execute, undo = spec.loader.exec_module, self.undo

        def execute_and_add(module: ModuleType) -> None:
            execute(module)
            removed_names.add_removed_names(module, undo)

        spec.loader.exec_module = execute_and_add  # type: ignore[method-assign]
        return spec


class RemovedModuleFinder(MetaPathFinder, Loader):
    """Last finder: modules that Python or a library no longer has, and an error for Lasagne to install."""

    def __init__(self) -> None:
        self.created: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name == "lasagne":
            raise MissingModuleError(
                "Lasagne is not installed. Its own package runs on pellucid.compat.theano: pip install Lasagne"
            )
        if name.startswith("sklearn.") and name not in removed_names.MODULES and name in read_old_names():
            raise explain_missing_module(name)
        return spec_from_loader(name, self, is_package=True) if name in removed_names.MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.created.append(spec.name)
        return removed_names.create_removed_module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


def is_redirected(name: str) -> bool:
    """Tell whether a module is, or depends on, one that the hook puts in place."""
    top = name.partition(".")[0]
    return top in REDIRECTED or top == "lasagne" or (top == "sklearn" and name in read_old_names())


@contextmanager
def use_old_libraries() -> Iterator[OldLibraryFinder]:
    """Redirect imports of old libraries to `pellucid.compat` in this context, and give modules their lost names.

    Afterwards, ``sys.modules``, ``sys.meta_path`` and the modules are as they were before.

    Examples
    --------
    >>> with use_old_libraries():
    ...     from itertools import izip
    >>> dict(izip("ab", [1, 2]))
    {'a': 1, 'b': 2}
    """
    first, last = OldLibraryFinder(), RemovedModuleFinder()
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if is_redirected(name)}
    removed_names.add_early_names(first.undo)
    sys.meta_path.insert(0, first)
    sys.meta_path.append(last)
    try:
        yield first
    finally:
        sys.meta_path.remove(first)
        sys.meta_path.remove(last)
        for name in [*filter(is_redirected, list(sys.modules)), *last.created]:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
        for undo in reversed(first.undo):
            undo()
