"""Files of compiled libraries: each contains the key of its program, and is as long as its header says."""

from __future__ import annotations

import struct
import sys

ELF_MAGIC = b"\x7fELF\x02\x01"
"""Beginning of the files of 64-bit little-endian Linux systems."""


def mark_program(code: str, key: str) -> str:
    """Return a program whose library contains a key."""
    return f'{code}\nconst char pellucid_program_key[] = "{make_mark(key)}";\n'


def make_mark(key: str) -> str:
    return f"pellucid program {key}"


def is_complete(content: bytes, key: str) -> bool:
    """Whether a library was compiled from the program with a key, and is not truncated."""
    return make_mark(key).encode() in content and (sys.platform != "linux" or has_all_sections(content))


def has_all_sections(content: bytes) -> bool:
    """Whether an ELF file is as long as its header says. Loading a truncated one can kill the process."""
    if len(content) < 64 or not content.startswith(b"\x7fELF"):
        return False
    if not content.startswith(ELF_MAGIC):
        return True
    (offset,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    return bool(offset + size * count <= len(content))
