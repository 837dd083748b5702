"""Training: loop, data sources, callbacks, checkpoints and sweeps."""
