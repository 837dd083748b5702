"""Convolutions, poolings and gradients of weights as C, called from programs of XLA's."""
