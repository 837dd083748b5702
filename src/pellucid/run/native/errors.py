"""Errors of the native backend."""

from __future__ import annotations


class NotNative(Exception):
    """Why a program cannot be compiled as C. XLA compiles it instead, unless the user asked for ``mode="native"``."""


class RejectedProgram(NotNative):
    """The C compiler works and rejects a generated program."""


class KilledCompiler(NotNative):
    """The C compiler was killed, or ran out of memory or disk space; the next try may succeed."""


class CompilerFailure(NotNative):
    """The C compiler cannot be used in this process, as a warning has said."""
