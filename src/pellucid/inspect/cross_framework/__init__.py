"""Comparison of a model with the same network in Keras, PyTorch or TensorFlow."""

from pellucid.inspect.cross_framework.compare import FrameworkComparison, compare_with

__all__ = ["FrameworkComparison", "compare_with"]
