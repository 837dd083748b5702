"""Fourth step: predictions, metrics, baselines and explanations."""
