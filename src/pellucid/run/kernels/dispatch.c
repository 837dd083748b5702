/* The one handler that XLA calls for every kernel. The attribute `key` of a call says which kernel to run. */

enum { BUCKETS = 1024 };

typedef struct Entry {
  uint64_t key;
  void *function;
  struct Entry *next;
} Entry;

static _Atomic(Entry *) buckets[BUCKETS];

/* Add a kernel, or a function that kernels call; return whether memory ran out. Calls may run at the same time. */
int add_kernel(uint64_t key, void *function) {
  Entry *entry = malloc(sizeof(Entry));
  if (!entry) return 1;
  entry->key = key, entry->function = function, entry->next = atomic_load(&buckets[key % BUCKETS]);
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

static void *find_loaded_function(uint64_t key) {
  for (Entry *entry = atomic_load(&buckets[key % BUCKETS]); entry; entry = entry->next)
    if (entry->key == key) return entry->function;
  return 0;
}

const Services services = {count_pool_threads, run_in_parallel, find_loaded_function};

XLA_FFI_Error *run(XLA_FFI_CallFrame *frame) {
  if (answer_metadata_query(frame)) return 0;
  XLA_FFI_Handler *kernel = find_loaded_function(attribute(frame, 0));
  return kernel ? kernel(frame) : report_missing_kernel(frame);
}
