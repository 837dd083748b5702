"""Second step: from settings to a compiled network with encoded data."""
