"""Preparation of images, sequences and text, as in Keras 1."""
