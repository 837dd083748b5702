"""What the native backend says of programs that it does not write."""

from __future__ import annotations


class NotNative(Exception):
    """Why a program is not written as C; it is left to XLA then, unless ``mode="native"`` was asked for."""
