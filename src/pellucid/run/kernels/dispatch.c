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

/* XLA calls each handler once to ask for its interface version; answer, and return whether this is such a call. */
static int answer_metadata_query(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Extension_Base *extension = frame->extension_start;
  if (!extension || extension->type != XLA_FFI_Extension_Metadata) return 0;
  XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)extension)->metadata;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  return 1;
}

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (answer_metadata_query(frame)) return 0;
  const uint64_t key = attribute(frame, 0);
  for (Entry *entry = atomic_load(&buckets[key % BUCKETS]); entry; entry = entry->next)
    if (entry->key == key) return entry->handler(frame);
  XLA_FFI_Error_Create_Args args = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, 0, "a pellucid kernel is not loaded",
                                    XLA_FFI_Error_Code_FAILED_PRECONDITION};
  return frame->api->XLA_FFI_Error_Create(&args);
}
