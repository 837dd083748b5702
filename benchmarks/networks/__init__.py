"""Families of networks for `families.py`: described once, and trained with each library."""
