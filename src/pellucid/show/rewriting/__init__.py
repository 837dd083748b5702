"""Logs of rewrites, and their numerical check."""
