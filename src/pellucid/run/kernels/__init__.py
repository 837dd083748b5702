"""Convolutions as C, written for their exact shapes and called from programs of XLA's."""
