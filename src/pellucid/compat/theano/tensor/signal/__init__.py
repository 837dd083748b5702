"""``theano.tensor.signal``: pooling and single-channel convolution."""

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.signal import conv, downsample, pool  # noqa: F401

add_missing_name_errors(globals(), "theano.tensor.signal")
