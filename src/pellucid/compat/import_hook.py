"""Import hook that puts old libraries in place: ``import theano`` gives `pellucid.compat.theano` in this process."""

import importlib
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec

from pellucid.compat import removed_names
from pellucid.compat.missing_names import LIBRARIES, REPLACEMENTS, explain_missing_name, read_old_names
from pellucid.errors import PellucidError

PACKAGE = "pellucid.compat"
REDIRECTED = {*LIBRARIES} - {"sklearn"}
"""Libraries that are redirected; of scikit-learn, only removed modules are made."""


class MissingModuleError(PellucidError, ModuleNotFoundError):
    """A module of an old library is not in `pellucid.compat`, or an old package is not installed."""


def is_available(name):
    """Tell whether `pellucid.compat` has a module of an old library."""
    try:
        importlib.import_module(f"{PACKAGE}.{name}".rpartition(".")[0])
        return f"{PACKAGE}.{name}" in sys.modules or find_spec(f"{PACKAGE}.{name}") is not None
    except ModuleNotFoundError as error:
        if (error.name or PACKAGE).startswith(PACKAGE):
            return False
        raise


def explain_missing_module(name):
    """Return the error for a module that does not exist here: which version had it, and what to do."""
    parent, _, last = name.rpartition(".")
    old = read_old_names()
    if name == "lasagne":
        return MissingModuleError("Lasagne is not installed; it runs on Theano here: pip install 'pellucid[legacy]'")
    if parent in old and (name not in old or last in old[parent]):
        known = [n for n in vars(sys.modules.get(parent, sys)) if not n.startswith("_")]
        return MissingModuleError(str(explain_missing_name(parent, last, known)))
    version = f" {next(iter(old[name].values()))}" if name in old else ""
    message = f"The module {name} of {LIBRARIES[name.partition('.')[0]]}{version} is not in {PACKAGE}"
    advice = REPLACEMENTS.get(parent, {}).get(last, "pellucid legacy --translate says what replaces its names")
    return MissingModuleError(f"{message}. {advice}")


class OldLibraryFinder(MetaPathFinder, Loader):
    """Finder and loader that comes before all others.

    It redirects old libraries to `pellucid.compat`, makes modules that Python or a library no longer has, and gives
    modules that are imported later the names which they have lost.
    """

    def __init__(self):
        self.undo, self.created, self.pending = [], [], set()

    def find_spec(self, name, path=None, target=None):
        if name in self.pending:
            return None
        self.pending.add(name)
        try:
            return self.find(name, name.removeprefix(f"{PACKAGE}."))
        finally:
            self.pending.discard(name)

    def find(self, name, old):
        if old.partition(".")[0] in REDIRECTED:
            if not is_available(old):
                raise explain_missing_module(old)
            return ModuleSpec(name, self, is_package=True) if name == old else None
        has_names = name in removed_names.read_table()
        is_known = name == "lasagne" or {name, name.rpartition(".")[0]} & read_old_names().keys()
        spec = find_spec(name) if has_names or is_known else None
        if spec is None and has_names:
            self.created.append(name)
            return ModuleSpec(name, self, is_package=True)
        if spec is None and is_known:
            raise explain_missing_module(name)
        if has_names and isinstance(spec.loader, SourceFileLoader):
            execute = spec.loader.exec_module

            def execute_and_add(module):
                execute(module)
                removed_names.add_removed_names(module, self.undo)

            spec.loader.exec_module = execute_and_add
        return spec

    def create_module(self, spec):
        if spec.name in self.created:
            return removed_names.create_removed_module(spec.name)
        module = importlib.import_module(f"{PACKAGE}.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has given the module the spec of its old name.
        module.__spec__ = module.__spec__.loader_state or module.__spec__


@contextmanager
def use_old_libraries():
    """Redirect imports of old libraries to `pellucid.compat` in this context, and give modules their lost names."""
    finder = OldLibraryFinder()

    def take_redirected():
        names = [name for name in sys.modules if name.partition(".")[0] in {*REDIRECTED, "lasagne"}]
        return {name: sys.modules.pop(name) for name in names}

    hidden = take_redirected()
    removed_names.add_early_names(finder.undo)
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        take_redirected()
        for name in finder.created:
            parent, _, last = name.rpartition(".")
            vars(sys.modules.get(parent, finder)).pop(last, None)
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
        for undo in reversed(finder.undo):
            undo()
