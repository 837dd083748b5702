"""Helpers of several experiments."""
