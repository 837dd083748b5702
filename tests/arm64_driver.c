// Runs a compiled kernel or loop of steps in another process: driver LIBRARY INPUT OUTPUT [FUNCTION].
// FUNCTION is the library of the function that the kernel finds.
//
// The input has seven or more int64: is_kernel, first, count, and the numbers of arrays of four groups. Then follows, for
// each array, its rank, its sizes, its bytes, and its data, padded to 8 bytes. A kernel has arguments in the first group,
// attributes of one or more integers in the second and results in the last one; a loop has state, read values, arguments and outputs. The output has the data of the first group
// (of loops only) and of the last one.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "runtime.c"
#include "thread_pool.c"

enum { GROUPS = 4, THREADS = 3 };

typedef struct {
  XLA_FFI_Task *task;
  void *data;
} Task;

static void *run_job(void *data) {
  Task job = *(Task *)data;
  free(data);
  job.task(job.data);
  return 0;
}

static XLA_FFI_Error *schedule(XLA_FFI_ThreadPool_Schedule_Args *args) {
  pthread_t thread;
  Task *job = malloc(sizeof(Task));
  *job = (Task){args->task, args->data};
  if (pthread_create(&thread, 0, run_job, job)) abort();
  pthread_detach(thread);
  return 0;
}

static XLA_FFI_Error *report_threads(XLA_FFI_ThreadPool_NumThreads_Args *args) {
  *args->num_threads = THREADS;
  return 0;
}

static XLA_FFI_Error *create_error(XLA_FFI_Error_Create_Args *args) {
  fprintf(stderr, "%s\n", args->message);
  exit(3);
}

static char *read_file(const char *name) {
  FILE *file = fopen(name, "rb");
  if (!file) abort();
  fseek(file, 0, SEEK_END);
  const long size = ftell(file);
  rewind(file);
  char *text = aligned_alloc(64, (size + 127) / 64 * 64);
  if (fread(text, 1, size, file) != (size_t)size) abort();
  fclose(file);
  return text;
}

static void *function;

static void *get_function(uint64_t key) { return function; }

int main(int count, char **names) {
  void *library = dlopen(names[1], RTLD_NOW);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  const int64_t *head = (int64_t *)read_file(names[2]), *at = head + 3 + GROUPS;
  void *pointers[GROUPS][256], *views[GROUPS][256];
  int64_t bytes[GROUPS][256];
  for (int g = 0; g < GROUPS; g++)
    for (int k = 0; k < head[3 + g]; k++) {
      XLA_FFI_Buffer *buffer = calloc(1, sizeof(XLA_FFI_Buffer));
      buffer->rank = *at++;
      buffer->dims = (int64_t *)at;
      at += buffer->rank;
      bytes[g][k] = *at++;
      // As in JAX and NumPy, data begin at a multiple of 16 bytes only.
      pointers[g][k] = (char *)aligned_alloc(64, (bytes[g][k] + 16 + 127) / 64 * 64) + 16;
      memcpy(pointers[g][k], at, bytes[g][k]);
      at += (bytes[g][k] + 7) / 8;
      buffer->data = pointers[g][k];
      views[g][k] = buffer;
    }
  if (head[0]) {
    XLA_FFI_Api api = {.XLA_FFI_ThreadPool_Schedule = schedule,
                       .XLA_FFI_ThreadPool_NumThreads = report_threads,
                       .XLA_FFI_Error_Create = create_error};
    XLA_FFI_Scalar scalars[256];
    XLA_FFI_Array arrays[256];
    void *attributes[256];
    for (int k = 0; k < head[4]; k++) {
      scalars[k] = (XLA_FFI_Scalar){XLA_FFI_DataType_S64, pointers[1][k]};
      arrays[k] = (XLA_FFI_Array){XLA_FFI_DataType_S64, bytes[1][k] / sizeof(int64_t), pointers[1][k]};
      attributes[k] = ((XLA_FFI_Buffer *)views[1][k])->rank ? (void *)&arrays[k] : (void *)&scalars[k];
    }
    const Services services = {count_pool_threads, run_in_parallel, get_function};
    *(const Services **)dlsym(library, "pellucid_services") = &services;
    if (count > 4) function = dlsym(dlopen(names[4], RTLD_NOW), "run");
    XLA_FFI_CallFrame frame = {.api = &api,
                               .attrs = {.size = head[4], .attrs = attributes},
                               .args = {.size = head[3], .args = views[0]},
                               .rets = {.size = head[3 + GROUPS - 1], .rets = views[GROUPS - 1]}};
    ((XLA_FFI_Error * (*)(XLA_FFI_CallFrame *)) dlsym(library, "run"))(&frame);
  } else {
    void (*run)(void **, void **, void **, void **, int64_t, int64_t) = dlsym(library, "run");
    run(pointers[0], pointers[1], pointers[2], pointers[3], head[1], head[2]);
  }
  FILE *output = fopen(names[3], "wb");
  for (int g = head[0] ? GROUPS - 1 : 0; g < GROUPS; g += GROUPS - 1)
    for (int k = 0; k < head[3 + g]; k++) fwrite(pointers[g][k], 1, bytes[g][k], output);
  return fclose(output);
}
