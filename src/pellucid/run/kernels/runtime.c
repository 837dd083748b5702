/* What every kernel stands on: how XLA calls it, and how its tasks are shared out over XLA's own threads. */

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

typedef struct {
  void (*work)(void *given, int64_t task);
  void *given;
  int64_t tasks;
  atomic_llong next, done;
  atomic_int holders;
} Job;

static void work_off(Job *job) {
  int64_t task;
  while ((task = atomic_fetch_add(&job->next, 1)) < job->tasks) {
    job->work(job->given, task);
    atomic_fetch_add(&job->done, 1);
  }
}

static void let_go(Job *job) {
  if (atomic_fetch_sub(&job->holders, 1) == 1) free(job);
}

/* Runs on one of XLA's threads, perhaps so late that nothing is left, not even the caller. */
static void help(void *data) {
  work_off(data);
  let_go(data);
}

/* Forget an error, and tell whether there was one. */
static int failed(XLA_FFI_CallFrame *frame, XLA_FFI_Error *error) {
  if (!error) return 0;
  XLA_FFI_Error_Destroy_Args gone = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, 0, error};
  frame->api->XLA_FFI_Error_Destroy(&gone);
  return 1;
}

/* How many threads XLA has; one where it has no pool of them. */
static int64_t threads(XLA_FFI_CallFrame *frame) {
  int64_t count = 1;
  XLA_FFI_ThreadPool_NumThreads_Args args = {XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE, 0, frame->ctx, &count};
  return failed(frame, frame->api->XLA_FFI_ThreadPool_NumThreads(&args)) ? 1 : count;
}

/* Do all tasks, with as much help as comes; nobody is waited for who has not begun. */
static int share_out(XLA_FFI_CallFrame *frame, void (*work)(void *, int64_t), void *given, int64_t tasks) {
  Job *job = malloc(sizeof(Job));
  if (!job) return 1;
  int64_t helpers = threads(frame) - 1;
  if (helpers > tasks - 1) helpers = tasks - 1;
  if (helpers < 0) helpers = 0;
  job->work = work, job->given = given, job->tasks = tasks;
  atomic_init(&job->next, 0), atomic_init(&job->done, 0), atomic_init(&job->holders, helpers + 1);
  for (int64_t k = 0; k < helpers; k++) {
    XLA_FFI_ThreadPool_Schedule_Args args = {XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE, 0, frame->ctx, help, job};
    if (failed(frame, frame->api->XLA_FFI_ThreadPool_Schedule(&args))) let_go(job);
  }
  work_off(job);
  for (int64_t spins = 0; atomic_load(&job->done) < tasks; spins++)
    if (spins > 64) sched_yield();
  let_go(job);
  return 0;
}

static XLA_FFI_Error *out_of_memory(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Error_Create_Args args = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, 0, "out of memory in a kernel of pellucid's",
                                    XLA_FFI_Error_Code_RESOURCE_EXHAUSTED};
  return frame->api->XLA_FFI_Error_Create(&args);
}

/* XLA asks a handler once which version of the interface it was made for. */
static int is_question(XLA_FFI_CallFrame *frame) {
  XLA_FFI_Extension_Base *extension = frame->extension_start;
  if (!extension || extension->type != XLA_FFI_Extension_Metadata) return 0;
  XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)extension)->metadata;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  return 1;
}

static XLA_FFI_Buffer *argument(XLA_FFI_CallFrame *frame, int k) { return frame->args.args[k]; }
static XLA_FFI_Buffer *result(XLA_FFI_CallFrame *frame, int k) { return frame->rets.rets[k]; }
