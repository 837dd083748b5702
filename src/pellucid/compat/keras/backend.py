"""Functions on expressions by the names of the Keras 1 backend, its settings, and compiled functions."""

import functools
import os

import numpy as np

import pellucid as pel
from pellucid.compat.keras.named_objects import ACTIVATIONS
from pellucid.compat.keras.named_objects import l2_normalize as l2_normalize
from pellucid.compat.programs import RECORDER
from pellucid.graph.errors import OptionError
from pellucid.graph.expr import Input, Shared, as_expr
from pellucid.graph.types import Unknown
from pellucid.nn import losses

SETTINGS = {"ordering": "th" if os.getenv("KERAS_BACKEND") == "theano" else "tf"}  # th: images have channels first
ORDERINGS = {"th": "th", "tf": "tf", "channels_first": "th", "channels_last": "tf"}
PHASE = Input("learning_phase", (), "int32")
NAMES = """
abs all any arange cos equal exp eye greater greater_equal log logsumexp max maximum mean min minimum not_equal
ones_like prod round sign sin sqrt square squeeze stack std stop_gradient sum tile transpose var zeros_like reshape
one_hot clip dot pow:power lesser:less lesser_equal:less_equal repeat_elements:repeat permute_dimensions:transpose
switch:where in_train_phase:training_only flatten:ravel cast
"""  # of functions with the same arguments, and their names in pellucid if they differ
for _pair in NAMES.split():
    globals()[_pair.partition(":")[0]] = getattr(pel, _pair.rpartition(":")[2])
globals().update({name: function for name, function in ACTIVATIONS.items() if name != "linear"})


def resolve_ordering(dim_ordering):
    """Return ``"th"`` or ``"tf"`` for a ``dim_ordering`` argument, which may have its name of Keras 2."""
    found = SETTINGS["ordering"] if dim_ordering in ("default", None) else ORDERINGS.get(dim_ordering)
    if found is None:
        raise OptionError(f"Expected dim_ordering to be 'tf' or 'th', channels first. Received: {dim_ordering!r}")
    return found


def gradients(loss, variables):
    return pel.grad(pel.sum(loss), list(variables) if isinstance(variables, (list, tuple)) else [variables])


def draw(kind, shape, low, high, dtype, seed):  # other numbers at every call of a program
    generator = pel.random.Generator(draw_seed() if seed is None else seed)
    return getattr(generator, kind)(low, high, size=tuple(shape), dtype=dtype or pel.config.floatx)


def binary_crossentropy(output, target):  # of each element; the prediction comes first, as in Keras 1
    p = pel.clip(output, 1e-7, 1 - 1e-7)
    return -(target * pel.log(p) + (1 - target) * pel.log(1 - p))


draw_seed = lambda: int(np.random.randint(2**31 - 1))  # from the generator that scripts seed
argmax = functools.partial(pel.argmax, axis=-1)
backend = lambda: "theano" if SETTINGS["ordering"] == "th" else "tensorflow"
batch_flatten = lambda x: x.reshape(x.shape[0], -1)
categorical_crossentropy = lambda output, target: losses.categorical_crossentropy(target, output)
concatenate = lambda tensors, axis=-1: pel.concatenate(tensors, axis=axis)
epsilon = lambda: 1e-7
eval = lambda x: as_expr(x).eval()
expand_dims = lambda x, dim=-1: pel.expand_dims(x, axis=dim)
floatx = lambda: pel.config.floatx
get_value = lambda x: x.get_value() if isinstance(x, Shared) else np.asarray(x)
image_dim_ordering = lambda: SETTINGS["ordering"]
int_shape = lambda x: tuple(d if isinstance(d, int) and not isinstance(d, Unknown) else None for d in x.shape)
learning_phase = lambda: PHASE
placeholder = lambda shape, dtype=None, name=None: Input(name, shape, dtype or pel.config.floatx)
random_normal = lambda shape, mean=0.0, std=1.0, dtype=None, seed=None: draw("normal", shape, mean, std, dtype, seed)
random_uniform = lambda shape, low=0.0, high=1.0, dtype=None, seed=None: draw("uniform", shape, low, high, dtype, seed)
set_image_dim_ordering = lambda dim_ordering: SETTINGS.update(ordering=resolve_ordering(dim_ordering))
set_value = lambda x, value: x.set_value(np.asarray(value, x.dtype))
shape = lambda x: x.shape
variable = lambda value, dtype=None, name=None: Shared(np.asarray(value, dtype or floatx()), name, trainable=False)
zeros = lambda shape, dtype=None, name=None: variable(np.zeros(shape), dtype, name)


class function:
    """Compiled function from a list of arrays to a list of arrays, in the form for training or for inference."""

    def __init__(self, inputs, outputs, updates=()):
        self.inputs, self.updates = list(inputs), dict(updates)
        self.outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.get_program = functools.cache(self.compile)

    def compile(self, training):
        updates = {**pel.collect_updates(self.outputs), **self.updates} if training else self.updates
        outputs = self.outputs if training else pel.inference(self.outputs)
        program = pel.function(self.inputs, outputs, updates=updates, on_unused_input="ignore")
        RECORDER.add("K.function", program)
        return program

    def __call__(self, inputs):
        given = list(zip(self.inputs, inputs, strict=True))
        training = True in [bool(value) for e, value in given if e is PHASE]
        return list(self.get_program(training)(*(np.asarray(v, e.dtype) for e, v in given)))
