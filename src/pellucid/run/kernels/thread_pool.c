/* A parallel loop on XLA's own thread pool. */

#include <sched.h>

typedef struct {
  void (*body)(void *context, int64_t task);
  void *context;
  int64_t tasks;
  atomic_llong next, done;
  atomic_int references;
} Job;

static void run_tasks(Job *job) {
  int64_t task;
  while ((task = atomic_fetch_add(&job->next, 1)) < job->tasks) {
    job->body(job->context, task);
    atomic_fetch_add(&job->done, 1);
  }
}

static void release_job(Job *job) {
  if (atomic_fetch_sub(&job->references, 1) == 1) free(job);
}

/* Runs on a pool thread, possibly after all tasks are done and the caller has returned: hence the reference count. */
static void run_worker(void *data) {
  run_tasks(data);
  release_job(data);
}

/* Destroy an error, and return whether there was one. */
static int discard_error(XLA_FFI_CallFrame *frame, XLA_FFI_Error *error) {
  if (!error) return 0;
  XLA_FFI_Error_Destroy_Args args = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, 0, error};
  frame->api->XLA_FFI_Error_Destroy(&args);
  return 1;
}

static int64_t count_pool_threads(XLA_FFI_CallFrame *frame) {
  int64_t count = 1;
  XLA_FFI_ThreadPool_NumThreads_Args args = {XLA_FFI_ThreadPool_NumThreads_Args_STRUCT_SIZE, 0, frame->ctx, &count};
  return discard_error(frame, frame->api->XLA_FFI_ThreadPool_NumThreads(&args)) ? 1 : count;
}

/* The caller only waits for tasks that a thread has started, so a busy pool cannot cause a deadlock. */
static int run_in_parallel(XLA_FFI_CallFrame *frame, void (*body)(void *, int64_t), void *context, int64_t tasks) {
  Job *job = malloc(sizeof(Job));
  if (!job) return 1;
  int64_t workers = count_pool_threads(frame) - 1;
  if (workers > tasks - 1) workers = tasks - 1;
  if (workers < 0) workers = 0;
  job->body = body, job->context = context, job->tasks = tasks;
  atomic_init(&job->next, 0), atomic_init(&job->done, 0), atomic_init(&job->references, workers + 1);
  for (int64_t k = 0; k < workers; k++) {
    XLA_FFI_ThreadPool_Schedule_Args args = {XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE, 0, frame->ctx, run_worker, job};
    if (discard_error(frame, frame->api->XLA_FFI_ThreadPool_Schedule(&args))) release_job(job);
  }
  run_tasks(job);
  for (int64_t spins = 0; atomic_load(&job->done) < tasks; spins++)
    if (spins > 64) sched_yield();
  release_job(job);
  return 0;
}
