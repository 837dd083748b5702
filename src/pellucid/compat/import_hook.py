"""Import hook that puts old libraries in place: ``import theano`` gives `pellucid.compat.theano` in this process."""

import importlib
import sys
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader

from pellucid.compat import removed_names
from pellucid.compat.missing_names import LIBRARIES, REPLACEMENTS, explain_missing_name, is_old, read_old_names
from pellucid.errors import PellucidError

PACKAGE = "pellucid.compat"
REDIRECTED = {*LIBRARIES} - {"sklearn"}
"""Libraries that are redirected; of scikit-learn, only removed modules are made."""


class MissingModuleError(PellucidError, ModuleNotFoundError):
    """A module of an old library is not in `pellucid.compat`, or an old package is not installed."""


def explain_missing_module(name):
    """Return the error for a module that does not exist here: which version had it, and what to do."""
    parent, _, last = name.rpartition(".")
    old = read_old_names()
    if name == "lasagne":
        return MissingModuleError("Lasagne is not installed; it runs on Theano here: pip install 'pellucid[legacy]'")
    if parent in old and (name not in old or last in old[parent]):
        return MissingModuleError(str(explain_missing_name(parent, last, vars(sys.modules.get(parent, sys)))))
    version = f" {next(iter(old[name].values()))}" if name in old else ""
    message = f"The module {name} of {LIBRARIES[name.partition('.')[0]]}{version} is not in {PACKAGE}"
    return MissingModuleError(f"{message}. {REPLACEMENTS.get(parent, {}).get(last, '')}".rstrip(". "))


class OldLibraryFinder:
    """Finder and loader that comes before all others.

    It redirects old libraries to `pellucid.compat`, makes modules that Python or a library no longer has, and gives
    modules that are imported later the names which they have lost.
    """

    def __init__(self, undo):
        self.undo = undo

    def find_spec(self, name, path=None, target=None):
        old = name.removeprefix(f"{PACKAGE}.")
        parent, _, last = name.rpartition(".")
        is_redirected = old.partition(".")[0] in REDIRECTED
        if is_redirected and name == old:
            return ModuleSpec(name, self, is_package=True)
        has_names = name in removed_names.read_table()
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        if name == "pkg_resources":  # setuptools before 82 has one that is slow to import and warns
            others = []
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is None and has_names:
            self.undo.callback(vars(sys.modules.get(parent, self)).pop, last, None)
            self.undo.callback(sys.modules.pop, name, None)
            return ModuleSpec(name, self, is_package=True)
        if spec is None and (is_redirected or name == "lasagne" or {name, parent} & read_old_names().keys()):
            raise explain_missing_module(old)
        if has_names and isinstance(spec.loader, SourceFileLoader):
            execute = spec.loader.exec_module

            def execute_and_add(module):
                execute(module)
                removed_names.add_removed_names(module, self.undo)

            spec.loader.exec_module = execute_and_add
        return spec

    def create_module(self, spec):
        if spec.name in removed_names.read_table():
            return removed_names.create_removed_module(spec.name, self.undo)
        module = importlib.import_module(f"{PACKAGE}.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        # The import system has given the module the spec of its old name.
        module.__spec__ = module.__spec__.loader_state or module.__spec__


@contextmanager
def use_old_libraries():
    """Redirect imports of old libraries to `pellucid.compat` in this context, and give modules their lost names."""

    def take_redirected():
        return {name: sys.modules.pop(name) for name in [*sys.modules] if is_old(name)}

    with ExitStack() as undo:
        finder = OldLibraryFinder(undo)
        undo.callback(sys.modules.update, take_redirected())
        undo.callback(take_redirected)
        removed_names.add_early_names(undo)
        sys.meta_path.insert(0, finder)
        undo.callback(sys.meta_path.remove, finder)
        yield finder
