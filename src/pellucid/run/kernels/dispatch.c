/* The one handler that XLA calls for every kernel. The attribute `key` of a call says which kernel to run. */

enum { BUCKETS = 1024 };

typedef struct Entry {
  uint64_t key;
  XLA_FFI_Handler *handler;
  struct Entry *next;
} Entry;

static _Atomic(Entry *) buckets[BUCKETS];

/* Add a kernel; return whether memory ran out. Calls may run at the same time. */
int add_kernel(uint64_t key, XLA_FFI_Handler *handler) {
  Entry *entry = malloc(sizeof(Entry));
  if (!entry) return 1;
  entry->key = key, entry->handler = handler, entry->next = atomic_load(&buckets[key % BUCKETS]);
  while (!atomic_compare_exchange_weak(&buckets[key % BUCKETS], &entry->next, entry)) {}
  return 0;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (answer_metadata_query(frame)) return 0;
  const uint64_t key = *(uint64_t *)((XLA_FFI_Scalar *)frame->attrs.attrs[0])->value;
  for (Entry *entry = atomic_load(&buckets[key % BUCKETS]); entry; entry = entry->next)
    if (entry->key == key) return entry->handler(frame);
  XLA_FFI_Error_Create_Args args = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, 0, "a pellucid kernel is not loaded",
                                    XLA_FFI_Error_Code_FAILED_PRECONDITION};
  return frame->api->XLA_FFI_Error_Create(&args);
}
