"""The allocator of modules without a C library, compiled for this machine."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

import numpy as np
import pytest

from pellucid.run.native.compiler import find_compiler, load_library
from pellucid.run.wasm.toolchain import read_freestanding

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")

PAGE_BYTES, MAX_PAGES = 65536, 64

MEMORY = f"""
#include <stddef.h>
#include <stdint.h>
enum {{ MAX_PAGES = {MAX_PAGES} }};
_Alignas({PAGE_BYTES}) char heap[{MAX_PAGES} * {PAGE_BYTES}];
size_t pages = 1;
static size_t grow(size_t count) {{
  if (count > MAX_PAGES - pages) return SIZE_MAX;
  pages += count;
  return pages - count;
}}
#define malloc test_malloc
#define free test_free
#define __heap_base (heap[8])
#define __builtin_wasm_memory_size(memory) ((uintptr_t)heap / {PAGE_BYTES} + pages)
#define __builtin_wasm_memory_grow(memory, count) grow(count)
"""


@pytest.fixture
def library() -> Any:
    """The allocator with an empty heap."""
    code = read_freestanding()["freestanding/allocator.c"].replace("extern char __heap_base;", "")
    reset = "void reset(void) { first_free = 0; heap_end = 0; pages = 1; }"
    loaded = load_library(f"{MEMORY}{code}{reset}")
    loaded.test_malloc.restype, loaded.test_malloc.argtypes = ctypes.c_size_t, [ctypes.c_size_t]
    loaded.test_free.restype, loaded.test_free.argtypes = None, [ctypes.c_size_t]
    loaded.reset()
    return loaded


def get_heap(library: Any) -> tuple[int, int]:
    """Return the addresses of the first byte of the heap and of the byte after its last page."""
    start = ctypes.addressof(ctypes.c_char.in_dll(library, "heap"))
    return start + 8, start + ctypes.c_size_t.in_dll(library, "pages").value * PAGE_BYTES


def test_blocks_are_aligned_and_do_not_overlap(library: Any) -> None:
    rng = np.random.default_rng(0)
    blocks: dict[int, int] = {}
    for _ in range(3000):
        if blocks and rng.random() < 0.48:
            address = int(rng.choice(list(blocks)))
            library.test_free(address)
            del blocks[address]
        else:
            size = int(rng.choice([0, 1, 15, 16, 17, 400, 5000]))
            address = library.test_malloc(size)
            assert address % 16 == 0
            blocks[address] = size
        start, end = get_heap(library)
        spans = [(a, a + max(size, 1)) for a, size in sorted(blocks.items())]
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
        assert not spans or (start <= spans[0][0] and spans[-1][1] <= end)


def test_freed_neighbors_become_one_block(library: Any) -> None:
    rng = np.random.default_rng(0)
    addresses = [library.test_malloc(1000) for _ in range(200)]
    pages = get_heap(library)[1]
    for address in rng.permutation(addresses):
        library.test_free(int(address))
    assert library.test_malloc(200 * 1000) == min(addresses)
    assert get_heap(library)[1] == pages


def test_memory_runs_out(library: Any) -> None:
    assert library.test_malloc(MAX_PAGES * PAGE_BYTES) == 0
    for size in (2**64 - 1, 2**64 - 16, 2**63):
        assert library.test_malloc(size) == 0
    whole = library.test_malloc((MAX_PAGES - 1) * PAGE_BYTES)
    assert whole
    assert library.test_malloc(PAGE_BYTES) == 0
    library.test_free(whole)
    library.test_free(0)
    assert library.test_malloc(PAGE_BYTES) == whole
