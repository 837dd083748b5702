"""Files of WebAssembly modules: whether one is complete, its imports and its exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

HEADER = b"\0asm\x01\0\0\0"
"""Beginning of every module: magic number and version."""

IMPORT_SECTION, EXPORT_SECTION = 2, 7


def find_defect(module: bytes, exports: Sequence[str]) -> str | None:
    """Return the defect of a module that should export some names and import nothing, or None."""
    if not module.startswith(HEADER):
        return "it is not a WebAssembly module"
    try:
        sections = dict(iterate_sections(module))
        found = read_export_names(sections.get(EXPORT_SECTION, b"\0"))
    except (ValueError, UnicodeDecodeError):
        return "it is truncated or damaged"
    missing = [name for name in exports if name not in found]
    if missing:
        return f"it does not export {', '.join(missing)}"
    if SectionReader(sections.get(IMPORT_SECTION, b"\0")).read_integer():
        return "it imports functions that a page does not have"
    return None


class SectionReader:
    """Reads the numbers and names of a section."""

    content: bytes
    position: int

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def read_bytes(self, count: int) -> bytes:
        self.position += count
        if self.position > len(self.content):
            raise ValueError
        return self.content[self.position - count : self.position]

    def read_integer(self) -> int:
        """Read an unsigned integer in LEB128: 7 bits in each byte, the lowest first."""
        value = shift = 0
        while True:
            [byte] = self.read_bytes(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def read_name(self) -> str:
        return self.read_bytes(self.read_integer()).decode()


def iterate_sections(module: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each section; raise ValueError if the module is truncated."""
    reader = SectionReader(module)
    reader.read_bytes(len(HEADER))
    while reader.position < len(module):
        [number] = reader.read_bytes(1)
        yield number, reader.read_bytes(reader.read_integer())


def read_export_names(section: bytes) -> set[str]:
    reader, names = SectionReader(section), set()
    for _ in range(reader.read_integer()):
        names.add(reader.read_name())
        reader.read_bytes(1)  # function, table, memory or global
        reader.read_integer()
    return names
