"""Whole models as `.keras` files of Keras 3."""
