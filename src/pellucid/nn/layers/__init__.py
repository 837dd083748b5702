"""Neural network layers, one family per file. Names in the `__all__` of a file are exported."""

from pellucid.nn.layers.activation_layers import *
from pellucid.nn.layers.attention import *
from pellucid.nn.layers.base import *
from pellucid.nn.layers.batch_normalization import *
from pellucid.nn.layers.convolution import *
from pellucid.nn.layers.dense import *
from pellucid.nn.layers.depthwise import *
from pellucid.nn.layers.dropout import *
from pellucid.nn.layers.einsum_dense import *
from pellucid.nn.layers.embedding import *
from pellucid.nn.layers.gru import *
from pellucid.nn.layers.input import *
from pellucid.nn.layers.lstm import *
from pellucid.nn.layers.masking import *
from pellucid.nn.layers.merging import *
from pellucid.nn.layers.multi_head_attention import *
from pellucid.nn.layers.normalization import *
from pellucid.nn.layers.padding import *
from pellucid.nn.layers.piecewise_linear import *
from pellucid.nn.layers.pooling import *
from pellucid.nn.layers.random_affine import *
from pellucid.nn.layers.random_augmentation import *
from pellucid.nn.layers.recurrent import *
from pellucid.nn.layers.rescaling import *
from pellucid.nn.layers.reshape import *
from pellucid.nn.layers.resizing import *
from pellucid.nn.layers.simple_rnn import *
from pellucid.nn.layers.wrappers import *

NAMED: dict[str, type[Layer] | type[Input]] = {
    name: value for name, value in sorted(globals().items()) if isinstance(value, type)
}
"""All layers by name, with the base class `Layer` and `Input`."""

# Set without a static name: a type checker takes a computed list for an empty one.
globals()["__all__"] = list(NAMED)
