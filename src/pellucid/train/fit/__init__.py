"""Third step: built-in networks, fine-tuning, cross-validation and sweeps."""
