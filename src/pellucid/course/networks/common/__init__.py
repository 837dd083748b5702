"""Helpers of several networks of the course."""
