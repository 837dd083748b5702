"""Keras 1 on pellucid: `models`, `layers` and what trains them, with the spelling of Keras 1.0 to 1.2.

Submodules such as ``keras.layers.core`` are aliases of the modules here. Images have their channels last unless
``KERAS_BACKEND=theano`` is set or the script calls ``keras.backend.set_image_dim_ordering("th")``. Initial weights, the
order of samples and dropout follow NumPy's global seed.
"""

import sys

from pellucid.compat.keras import backend, callbacks, layers, models, optimizers
from pellucid.compat.keras.data import datasets, sequence, utils
from pellucid.compat.keras.layers import Input
from pellucid.compat.keras.models import Model, Sequential
from pellucid.compat.keras.named_objects import (
    activations,
    constraints,
    initializations,
    make_module,
    metrics,
    objectives,
    regularizers,
)
from pellucid.compat.keras.preprocessing import image
from pellucid.compat.missing_names import add_missing_name_errors

__version__ = "1.2.2"
__all__ = ["Input", "Model", "Sequential", "backend", "callbacks", "image", "optimizers"]

engine = make_module("engine", {k: v for m in (layers, models) for k, v in vars(m).items() if k[:2] != "__"})
LAYERS = "core convolutional pooling recurrent embeddings normalization advanced_activations noise wrappers"
MODULES = (activations, constraints, initializations, metrics, objectives, regularizers, datasets, utils, engine)
ALIASES = {
    **{module.__name__.removeprefix(f"{__name__}."): module for module in MODULES},
    **{f"layers.{name}": layers for name in LAYERS.split()},
    **{f"utils.{name}": utils for name in ("np_utils", "visualize_util", "data_utils", "generic_utils")},
    **{f"datasets.{name}": getattr(datasets, name) for name in ("mnist", "cifar10", "cifar100", "imdb", "reuters")},
    "preprocessing.sequence": sequence,
    "engine.topology": engine,
    "engine.training": engine,
}
"""Modules of Keras 1 that are other modules here, or made at run time."""

for _name, _module in ALIASES.items():
    sys.modules[f"{__name__}.{_name}"] = _module
    _parent, _, _child = f"{__name__}.{_name}".rpartition(".")
    setattr(sys.modules[_parent], _child, _module)

add_missing_name_errors(globals(), "keras")
