"""Training: the fit loop, data sources, callbacks, checkpoints and sweeps."""
