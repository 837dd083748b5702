"""``theano.sandbox.rng_mrg``: the random streams of GPUs, which are the same here."""

from pellucid.compat.missing_names import add_missing_name_errors
from pellucid.compat.theano.tensor.shared_randomstreams import RandomStreams


class MRG_RandomStreams(RandomStreams):  # noqa: N801 - Theano's name
    """Random streams."""


add_missing_name_errors(globals(), "theano.sandbox.rng_mrg")
