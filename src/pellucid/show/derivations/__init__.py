"""Derivations of gradients, step by step."""
