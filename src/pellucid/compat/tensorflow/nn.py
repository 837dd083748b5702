"""`tf.nn`: functions, recurrent cells and loops over them."""

from __future__ import annotations

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.tensorflow import nn_functions as _functions
from pellucid.compat.tensorflow import rnn_cell as rnn_cell
from pellucid.compat.tensorflow.ops import FUNCTIONS as _FUNCTIONS
from pellucid.compat.tensorflow.rnn import dynamic_rnn as dynamic_rnn
from pellucid.compat.tensorflow.rnn import static_rnn as static_rnn
from pellucid.compat.tensorflow.types import select_public as _select_public

rnn = static_rnn
globals().update(_select_public("tensorflow.nn", vars(_functions), _FUNCTIONS))
add_missing_name_errors(globals(), "tensorflow.nn")
