/* Runtime of every kernel: the XLA FFI call interface. The handler of all kernels provides the services. */

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

typedef struct {
  int64_t (*count_threads)(XLA_FFI_CallFrame *frame);
  int (*parallel_for)(XLA_FFI_CallFrame *frame, void (*body)(void *, int64_t), void *context, int64_t tasks);
  void *(*find_function)(uint64_t key);
} Services;

const Services *pellucid_services; /* set when the kernel is loaded */

/* Number of threads in XLA's pool; one if there is no pool. */
static inline int64_t count_threads(XLA_FFI_CallFrame *frame) { return pellucid_services->count_threads(frame); }

/* Run all tasks on this thread and idle pool threads; return whether memory ran out. */
static inline int parallel_for(XLA_FFI_CallFrame *frame, void (*body)(void *, int64_t), void *context, int64_t tasks) {
  return pellucid_services->parallel_for(frame, body, context, tasks);
}

/* The function ``run`` of another program with this key, or 0 if it is not loaded. */
static inline void *find_function(uint64_t key) { return pellucid_services->find_function(key); }

static XLA_FFI_Error *report_error(XLA_FFI_CallFrame *frame, const char *message, XLA_FFI_Error_Code code) {
  XLA_FFI_Error_Create_Args args = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, 0, message, code};
  return frame->api->XLA_FFI_Error_Create(&args);
}

static XLA_FFI_Error *out_of_memory(XLA_FFI_CallFrame *frame) {
  return report_error(frame, "out of memory in a pellucid kernel", XLA_FFI_Error_Code_RESOURCE_EXHAUSTED);
}

static inline XLA_FFI_Error *report_missing_kernel(XLA_FFI_CallFrame *frame) {
  return report_error(frame, "a pellucid kernel is not loaded", XLA_FFI_Error_Code_FAILED_PRECONDITION);
}

static XLA_FFI_Buffer *argument(XLA_FFI_CallFrame *frame, int k) { return frame->args.args[k]; }
static XLA_FFI_Buffer *result(XLA_FFI_CallFrame *frame, int k) { return frame->rets.rets[k]; }

/* An integer attribute of the call. They are in alphabetical order; the first is the key of the kernel. */
static int64_t attribute(XLA_FFI_CallFrame *frame, int k) {
  return *(int64_t *)((XLA_FFI_Scalar *)frame->attrs.attrs[k])->value;
}

/* Several integers of one attribute. */
static inline const void *attributes(XLA_FFI_CallFrame *frame, int k) { return ((XLA_FFI_Array *)frame->attrs.attrs[k])->data; }
static inline int64_t count_attributes(XLA_FFI_CallFrame *frame, int k) {
  return ((XLA_FFI_Array *)frame->attrs.attrs[k])->size;
}
