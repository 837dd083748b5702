/* First-fit allocator. Free blocks are in a list, in the order of their addresses, and neighbors are merged. */
#include <stddef.h>
#include <stdint.h>

enum { PAGE_BYTES = 65536 };

/* Its size is the alignment of all blocks. */
typedef struct block {
  _Alignas(16) size_t size; /* in bytes, with this header */
  struct block *next;       /* the next free block */
} block;

extern char __heap_base; /* defined by the linker */

static block *first_free;
static uintptr_t heap_end;

static size_t round_up(size_t size) { return (size + sizeof(block) - 1) / sizeof(block) * sizeof(block); }

/* Take a block from the end of the heap, in new pages if necessary. */
static block *extend_heap(size_t size) {
  if (!heap_end) heap_end = round_up((uintptr_t)&__heap_base);
  uintptr_t end = heap_end + size, limit = __builtin_wasm_memory_size(0) * PAGE_BYTES;
  if (end < heap_end) return NULL;
  if (end > limit && __builtin_wasm_memory_grow(0, (end - limit + PAGE_BYTES - 1) / PAGE_BYTES) == SIZE_MAX) return NULL;
  block *new = (block *)heap_end;
  new->size = size;
  heap_end = end;
  return new;
}

void *malloc(size_t count) {
  size_t size = round_up(count) + sizeof(block);
  if (size < count) return NULL;
  for (block **link = &first_free; *link; link = &(*link)->next) {
    block *found = *link;
    if (found->size < size) continue;
    if (found->size == size) {
      *link = found->next;
    } else {
      block *rest = (block *)((char *)found + size);
      *rest = (block){found->size - size, found->next};
      *link = rest;
      found->size = size;
    }
    return found + 1;
  }
  block *new = extend_heap(size);
  return new ? new + 1 : NULL;
}

static int touches(const block *left, const block *right) { return (const char *)left + left->size == (const char *)right; }

static void merge_with_next(block *left) {
  if (!left->next || !touches(left, left->next)) return;
  left->size += left->next->size;
  left->next = left->next->next;
}

void free(void *memory) {
  if (!memory) return;
  block *freed = (block *)memory - 1, *before = NULL;
  for (block *b = first_free; b && b < freed; b = b->next) before = b;
  block **link = before ? &before->next : &first_free;
  freed->next = *link;
  *link = freed;
  merge_with_next(freed);
  if (before) merge_with_next(before);
}
