"""Keras 1 on pellucid: `models`, `layers` and what trains them, with the spelling of Keras 1.0 to 1.2.

Submodules such as ``keras.layers.core`` are aliases of the modules here. Images have their channels last unless
``KERAS_BACKEND=theano`` is set or the script calls ``keras.backend.set_image_dim_ordering("th")``. Initial weights, the
order of samples and dropout follow NumPy's global seed.
"""

import sys

from pellucid.compat.keras import backend, callbacks, layers, models, named_objects, optimizers
from pellucid.compat.keras.data import DATASETS, datasets, sequence, text, utils
from pellucid.compat.keras.layers import Input
from pellucid.compat.keras.models import Model, Sequential
from pellucid.compat.keras.preprocessing import image
from pellucid.compat.missing_names import add_missing_name_errors

__version__ = "1.2.2"
__all__ = ["Input", "Model", "Sequential", "backend", "callbacks", "image", "optimizers"]

LAYERS = "core convolutional pooling recurrent embeddings normalization advanced_activations noise wrappers"
ALIASES = {  # modules of Keras 1 that are other modules here, or made at run time
    **{module.__name__.rpartition(".")[2]: module for module in (*named_objects.MODULES, datasets, utils)},
    **{f"layers.{name}": layers for name in LAYERS.split()},
    **{f"utils.{name}": utils for name in ("np_utils", "visualize_util", "generic_utils", "data_utils")},
    **{f"datasets.{name}": module for name, module in DATASETS.items()},
}
ALIASES |= {"preprocessing.sequence": sequence, "preprocessing.text": text}
ALIASES |= {"engine": layers, "engine.topology": layers, "engine.training": models}
layers.Model = Model  # of keras.engine
for _name, _module in ALIASES.items():
    sys.modules[f"{__name__}.{_name}"] = _module
    _parent, _, _child = f"{__name__}.{_name}".rpartition(".")
    setattr(sys.modules[_parent], _child, _module)

for _module in (backend, callbacks, image, layers, models, optimizers):
    _name = _module.__name__.removeprefix("pellucid.compat.")
    add_missing_name_errors(vars(_module), _name, getattr(_module, "ADVICE", None))
ADVICE = {"applications": "Write the layers. model.load_weights(path) reads the files of weights of Keras 1"}
ADVICE["wrappers"] = "pel.Classifier and pel.Regressor are networks as estimators of scikit-learn"
add_missing_name_errors(globals(), "keras", ADVICE)
