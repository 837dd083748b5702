"""Convolutions, poolings and products of matrices as C, called from programs of XLA's."""
