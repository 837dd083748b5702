"""Errors of the native backend."""

from __future__ import annotations


class NotNative(Exception):
    """Why a program cannot be compiled as C. XLA compiles it instead, unless the user asked for ``mode="native"``."""
