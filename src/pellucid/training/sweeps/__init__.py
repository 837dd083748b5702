"""Hyperparameter sweeps: many trials of similar models, trained by few compiled programs."""
