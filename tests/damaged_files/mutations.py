"""Random damage to files: bits, lengths, copied ranges, headers of archives, and JSON with a right checksum."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from pellucid.saving.container import BLANK_CHECKSUM

Mutation = tuple[str, bytes]

EXTREMES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**40,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    2**31,
    2**62,
    2**70,
    -(2**63),
    10**400,
    0.5,
    -0.0,
    1e308,
    "",
    "x",
    "x" * 3000,
    "a\x00b",
    "\ud800",
    "\n",
    [],
    {},
    [[]],
    [None],
    {"": 0},
    {"node": 0},
    {"node": -1},
    {"object": 0},
    {"object": 10**6},
    {"tuple": [1]},
    {"unknown": 0},
    {"float": "nan"},
    {"dtype": "float64"},
    {"dtype": "object"},
    {"array": "w"},
    {"body": {"inputs": [0], "outputs": [1]}},
    {"custom": "os.system"},
    {"function": "tanh"},
    {"class": "layers.Dense"},
    {"set": [1, []]},
    {"dict": [[1, 2], [3]]},
    {"number": ["int8", 1000]},
    {"partial": [{"function": "tanh"}, {"tuple": []}, {"dict": []}]},
    ["float32", ["n"]],
    ["float32", [2**40]],
)
"""Values that replace a part of a JSON document."""


def mutate(content: bytes, file: str, rng: random.Random) -> Mutation:
    """Return a description of the damage and the damaged content."""
    kinds: list[Callable[[bytes, random.Random], Mutation]] = [*BYTE_KINDS]
    if file.endswith(".pel"):
        kinds += [change_metadata] * 15
    if file.endswith(".safetensors"):
        kinds += [change_header] * 6
    if content.startswith(b"PK"):
        kinds += [change_directory] * 8
    if file.endswith(".json") or file == "answer":
        kinds += [change_json] * 8 if file != "answer" else [change_answer] * 6
    if file.endswith(".onnx"):
        kinds += [change_proto] * 14
    if file.endswith((".toml", ".csv")):
        kinds += [change_text] * 8
    kind = rng.choice(kinds)
    try:
        description, damaged = kind(content, rng)
    except RecursionError:  # JSON that is nested too deeply to be written
        description, damaged = flip_bit(content, rng)
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))):
        try:
            more, damaged = (rng.choice(BYTE_KINDS) if kind in BYTE_KINDS else kind)(damaged, rng)
            description = f"{description}; {more}"
        except Exception:  # the structure is damaged already
            break
    return description, damaged


def flip_bit(content: bytes, rng: random.Random) -> Mutation:
    data = bytearray(content or b"\0")
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    data[place] ^= 1 << bit
    return f"bit {bit} of byte {place} is flipped", bytes(data)


def set_byte(content: bytes, rng: random.Random) -> Mutation:
    data = bytearray(content or b"\0")
    place, value = rng.randrange(len(data)), rng.randrange(256)
    data[place] = value
    return f"byte {place} is {value}", bytes(data)


def truncate(content: bytes, rng: random.Random) -> Mutation:
    length = rng.randrange(len(content) + 1)
    return f"cut to {length} bytes", content[:length]


def delete_range(content: bytes, rng: random.Random) -> Mutation:
    start = rng.randrange(len(content) + 1)
    length = rng.choice((1, 2, 4, 8, 16, 100))
    return f"without {length} bytes at {start}", content[:start] + content[start + length :]


def duplicate_range(content: bytes, rng: random.Random) -> Mutation:
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 16, 64, 1000))
    part, place = content[start : start + length], rng.randrange(len(content) + 1)
    return f"{len(part)} bytes at {start} are inserted at {place}", content[:place] + part + content[place:]


def overwrite_range(content: bytes, rng: random.Random) -> Mutation:
    start, length = rng.randrange(len(content) + 1), rng.choice((1, 4, 16, 64))
    place = rng.randrange(len(content) + 1)
    part = content[start : start + length]
    return f"{len(part)} bytes at {start} replace those at {place}", content[:place] + part + content[
        place + len(part) :
    ]


def set_length(content: bytes, rng: random.Random) -> Mutation:
    size, value, order = rng.choice((1, 2, 4, 8)), rng.choice(EXTREMES), rng.choice(("little", "big"))
    place = rng.randrange(max(len(content) - size, 0) + 1)
    if rng.random() < 0.3:
        place = rng.randrange(min(64, len(content)) + 1)
    number = (value % 256**size).to_bytes(size, order)
    return f"the {size} bytes at {place} are {number.hex()}", content[:place] + number + content[place + size :]


def append_bytes(content: bytes, rng: random.Random) -> Mutation:
    more = rng.choice((b"\0", b"\xff" * 100, content[:100], rng.randbytes(20)))
    return f"{len(more)} bytes are appended", content + more


def replace_all(content: bytes, rng: random.Random) -> Mutation:
    kinds = (
        b"",
        b"\0" * 64,
        rng.randbytes(200),
        b"{" * 500,
        b"[" * 20_000,
        b"PK\x05\x06" + bytes(18),
        b"\x93NUMPY\x01\x00v\x00{}",
    )
    chosen = rng.choice(kinds)
    return f"other content of {len(chosen)} bytes", chosen


BYTE_KINDS = (
    *(flip_bit, set_byte, set_length) * 2,
    set_length,
    truncate,
    delete_range,
    duplicate_range,
    overwrite_range,
    append_bytes,
    replace_all,
)


def change_directory(content: bytes, rng: random.Random) -> Mutation:
    """Change a header of an archive: a local one, the central directory or its end."""
    places = [i for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for i in find_all(content, mark)]
    if not places:
        return flip_bit(content, rng)
    start = rng.choice(places)
    place, size = start + rng.randrange(4, 60), rng.choice((1, 2, 4))
    number = (rng.choice(EXTREMES) % 256**size).to_bytes(size, "little")
    if rng.random() < 0.3:
        number = rng.randbytes(size)
    described = f"the {size} bytes at {place} of an archive's header are {number.hex()}"
    return described, content[:place] + number + content[place + size :]


def find_all(content: bytes, mark: bytes) -> list[int]:
    found, place = [], content.find(mark)
    while place >= 0:
        found.append(place)
        place = content.find(mark, place + 1)
    return found


# JSON


def list_places(data: Any) -> list[tuple[Any, Any]]:
    """Return all entries of a document as container and key."""
    found, pending = [], [data]
    while pending:
        part = pending.pop()
        keys: Any = part.keys() if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ()
        for key in keys:
            found.append((part, key))
            pending.append(part[key])
    return found


def change_document(data: Any, rng: random.Random) -> str:
    """Change one part of a document in place."""
    places = list_places(data)
    if not places:
        return "nothing"
    part, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.5:
        part[key] = copy.deepcopy(rng.choice(VALUES))
        return f"{key!r} is {part[key]!r:.80}"
    if kind < 0.6 and type(part[key]) is int:
        part[key] += rng.choice((-1, 1))
        return f"{key!r} is {part[key]}"
    if kind < 0.7:
        del part[key]
        return f"{key!r} is deleted"
    if kind < 0.8 and isinstance(part, list):
        part.insert(key, copy.deepcopy(part[key]))
        return f"item {key} is doubled"
    if kind < 0.9:
        other, name = rng.choice(places)
        part[key] = copy.deepcopy(other[name])
        return f"{key!r} is a copy of {name!r}"
    if kind < 0.95 and isinstance(part, dict):
        part[rng.choice(("", "x", "op", "__class__", "x" * 300, "a b"))] = part.pop(key)
        return f"{key!r} is renamed"
    for _ in range(rng.choice((1, 10, 500))):
        part[key] = [part[key]]
    return f"{key!r} is nested"


def change_json(content: bytes, rng: random.Random) -> Mutation:
    data = json.loads(content)
    described = change_document(data, rng)
    return described, json.dumps(data).encode()


def change_answer(content: bytes, rng: random.Random) -> Mutation:
    size = int.from_bytes(content[:8], "little")
    described, header = change_json(content[8 : 8 + size], rng)
    return described, len(header).to_bytes(8, "little") + header + content[8 + size :]


def change_header(content: bytes, rng: random.Random) -> Mutation:
    """Change the header of a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    described, header = change_json(content[8 : 8 + size], rng)
    return f"in the header: {described}", len(header).to_bytes(8, "little") + header + content[8 + size :]


def change_metadata(content: bytes, rng: random.Random) -> Mutation:
    """Change the metadata of a .pel file, or its header, and compute the checksum again."""
    header, data, arrays = split_pel(content)
    parts = [header if rng.random() < 0.1 else data for _ in range(rng.choice((1, 1, 1, 2)))]
    described = "; ".join(change_document(part, rng) for part in parts)
    return f"with a right checksum: {described}", join_pel(header, data, arrays)


def split_pel(content: bytes) -> tuple[Any, Any, bytes]:
    """Return the header of a .pel file without its metadata, the metadata, and the bytes of the arrays."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    return header, json.loads(header["__metadata__"].pop("pellucid")), content[8 + size :]


def join_pel(header: Any, data: Any, arrays: bytes) -> bytes:
    """Return a .pel file with a right checksum, the inverse of `split_pel`."""
    data = {"checksum": BLANK_CHECKSUM, **{key: value for key, value in data.items() if key != "checksum"}}
    metadata = header.setdefault("__metadata__", {})
    if isinstance(metadata, dict):
        metadata["pellucid"] = json.dumps(data, separators=(",", ":"))
    start = json.dumps(header, separators=(",", ":")).encode()
    whole = len(start).to_bytes(8, "little") + start + arrays
    place = whole.find(BLANK_CHECKSUM.encode())
    if place < 0:
        return whole
    return whole[:place] + hashlib.sha256(whole).hexdigest().encode() + whole[place + len(BLANK_CHECKSUM) :]


def change_text(content: bytes, rng: random.Random) -> Mutation:
    """Replace one value or line of a text."""
    lines = content.decode().split("\n")
    place = rng.randrange(len(lines))
    values = (
        "-1",
        "0",
        "1e999",
        "9" * 400,
        '"' + "x" * 3000 + '"',
        "[" * 300,
        "[]",
        "{}",
        "nan",
        "2147483647",
        '"\\u0000"',
        "true",
        "",
        "=",
    )
    value = rng.choice(values)
    if rng.random() < 0.6 and "=" in lines[place]:
        lines[place] = f"{lines[place].split('=')[0]}= {value}"
    elif rng.random() < 0.5:
        lines[place] = lines[rng.randrange(len(lines))]
    else:
        cells = lines[place].split(",")
        cells[rng.randrange(len(cells))] = value
        lines[place] = ",".join(cells)
    return f"line {place + 1} is {lines[place]!r:.80}", "\n".join(lines).encode()


# ONNX


def change_proto(content: bytes, rng: random.Random) -> Mutation:
    """Set a field of an ONNX model to an extreme value."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    fields = list_fields(model)
    message, field = rng.choice(fields)
    value = get_field_value(field, rng)
    name = f"{type(message).__name__}.{field.name}"
    try:
        if field.is_repeated:
            values = getattr(message, field.name)
            if field.message_type is not None:
                if rng.random() < 0.5 or not len(values):
                    del values[rng.randrange(max(len(values), 1)) :]
                else:
                    values.add().CopyFrom(rng.choice(list(values)))
            elif len(values) and rng.random() < 0.8:
                values[rng.randrange(len(values))] = value
            else:
                values.append(value)
        elif field.message_type is not None:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, value)
    except (ValueError, TypeError):
        return flip_bit(content, rng)
    return f"{name} is {value!r:.80}", bytes(model.SerializeToString())


def list_fields(message: Any) -> list[tuple[Any, Any]]:
    found, pending = [], [message]
    while pending:
        part = pending.pop()
        for field, value in part.ListFields():
            found.append((part, field))
            if field.message_type is not None:
                pending += list(value) if field.is_repeated else [value]
    return found


def get_field_value(field: Any, rng: random.Random) -> Any:
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        text = rng.choice(
            ("", "x", "y" * 3000, "a\0b", "../x.bin", "float", "100000000", "-5", "x/" * 2000, "Pad", "Expand", "Loop")
        )
        return text.encode() if field.type == field.TYPE_BYTES else text
    if kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if kind in (field.CPPTYPE_INT32, field.CPPTYPE_ENUM):
        return rng.choice((0, 1, -1, 7, 2**31 - 1))
    return rng.choice((0, 1, -1, 3, 100, 10**5, 10**6, 10**9, 2**40, 2**62, -(2**62)))
