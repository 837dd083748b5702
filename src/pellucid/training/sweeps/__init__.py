"""Sweeps: many runs of like models, trained as few programs, and what they came to."""
