"""``theano.sandbox``: random streams, and an empty ``cuda``."""

from pellucid.compat.theano.sandbox import cuda, rng_mrg  # noqa: F401
