"""Server of the predictions of a trained network, for ``pellucid serve``."""
