"""``theano.tensor.nnet.conv``: the convolution of older versions."""

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.nnet.abstract_conv import conv2d, conv3d  # noqa: F401

add_missing_name_errors(globals(), "theano.tensor.nnet.conv")
