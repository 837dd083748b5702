/* Runs a program for several trials, each for all its epochs: some steps with batches of one size, and one step with a smaller
   last batch if there is one. Threads share the counter `next`: each takes the next trial when it has finished one. */
#include <stdint.h>

typedef void (*Steps)(void **state, void **read, void **args, void **history, int64_t first, int64_t count);

/* Addresses of the arrays of the first trial, and the distance in bytes to those of the next. */
typedef struct { int64_t count; char **addresses; int64_t *strides; } TrialArrays;

static void point_to(void **pointers, const TrialArrays *arrays, int64_t trial) {
  for (int64_t k = 0; k < arrays->count; k++) pointers[k] = arrays->addresses[k] + trial * arrays->strides[k];
}

void run_trials(Steps steps, Steps last_step, int64_t epochs, int64_t steps_per_epoch, int64_t first, int64_t trials,
                int64_t *next, const TrialArrays *state, const TrialArrays *read, const TrialArrays *args,
                const TrialArrays *last_args, const TrialArrays *history, const int64_t *output_bytes) {
  void *s[state->count + 1], *r[read->count + 1], *a[args->count + 1], *l[last_args->count + 1];
  void *h[history->count + 1], *outputs[history->count + 1];
  for (int64_t trial; (trial = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < trials;) {
    point_to(s, state, trial);
    point_to(r, read, trial);
    point_to(a, args, trial);
    point_to(l, last_args, trial);
    point_to(h, history, trial);
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
      const int64_t done = epoch * (steps_per_epoch + (last_step != 0));
      for (int64_t k = 0; k < history->count; k++) outputs[k] = (char *)h[k] + done * output_bytes[k];
      steps(s, r, a, outputs, first + epoch * steps_per_epoch, steps_per_epoch);
      if (!last_step) continue;
      for (int64_t k = 0; k < history->count; k++) outputs[k] = (char *)outputs[k] + steps_per_epoch * output_bytes[k];
      last_step(s, r, l, outputs, epoch, 1);
    }
  }
}
