"""Keras 1 on pellucid: `models`, `layers` and what trains them, with the spelling of Keras 0.3 to 1.2.

Submodules such as ``keras.layers.core`` are aliases of the modules here. Images have their channels last unless
``KERAS_BACKEND=theano`` is set or the script calls ``keras.backend.set_image_dim_ordering("th")``. Initial weights, the
order of samples and dropout follow NumPy's global seed.
"""

import importlib
import sys
from types import ModuleType

from pellucid.compat.keras import (
    activations,
    backend,
    callbacks,
    constraints,
    datasets,
    initializations,
    layers,
    models,
    objectives,
    optimizers,
    regularizers,
    utils,
)
from pellucid.compat.keras.layers import Input
from pellucid.compat.keras.models import Model, Sequential
from pellucid.compat.keras.preprocessing import image, text
from pellucid.compat.missing_names import add_missing_name_errors

__version__ = "1.2.2"
MODULES = (activations, backend, callbacks, constraints, image, optimizers, regularizers)
__all__ = ["Input", "Model", "Sequential"]


def make_module(name: str, names: dict[str, object]) -> ModuleType:
    """Return a module with these names, in which others can be found."""
    module = ModuleType(f"{__name__}.{name}")
    vars(module).update({k: v for k, v in names.items() if not k.startswith("__")}, __path__=[])
    add_missing_name_errors(vars(module), f"keras.{name}")
    return module


class EstimatorModule(ModuleType):
    """Module ``wrappers.scikit_learn``, which imports scikit-learn when a name is read."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module("pellucid.compat.keras.scikit_learn"), name)


metrics = make_module("metrics", {**vars(objectives), "get": objectives.get_metric})
engine = make_module("engine", {**vars(layers), **vars(models)})

LAYERS = "core convolutional pooling recurrent embeddings normalization advanced_activations noise wrappers"
UTILITIES = "np_utils visualize_util vis_utils data_utils generic_utils layer_utils io_utils"
ALIASES: dict[str, ModuleType] = {
    **{f"layers.{name}": layers for name in LAYERS.split()},
    **{f"utils.{name}": utils for name in UTILITIES.split()},
    **{f"datasets.{name}": getattr(datasets, name) for name in datasets.NAMES},
    "preprocessing.sequence": text,
    "metrics": metrics,
    "losses": objectives,
    "initializers": initializations,
    "wrappers": make_module("wrappers", {}),
    "wrappers.scikit_learn": EstimatorModule(f"{__name__}.wrappers.scikit_learn"),
    "engine": engine,
    "engine.topology": engine,
    "engine.training": engine,
}
"""Modules of Keras 1 that are other modules here, or made at run time."""

for _name, _module in ALIASES.items():
    sys.modules[f"{__name__}.{_name}"] = _module
    _parent, _, _child = f"{__name__}.{_name}".rpartition(".")
    setattr(sys.modules[_parent], _child, _module)

add_missing_name_errors(globals(), "keras")
