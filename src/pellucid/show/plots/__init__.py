"""Plots of data, training, predictions and weights, with descriptions in words."""
