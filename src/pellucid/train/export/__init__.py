"""Exported networks: other formats, and the description of their inputs and outputs."""
