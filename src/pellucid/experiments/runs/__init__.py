"""Saved runs: a table of all in a folder, and the comparison of two."""
