/* Runs the members of a program one after the other, each through all its rounds: some steps over batches of one size,
   and one more over a batch of another, where there is one. */
#include <stdint.h>

typedef void (*Step)(void **state, void **read, void **args, void **history, int64_t first, int64_t count);

/* Where the arrays of the first member lie, and how many bytes further those of the next. */
typedef struct { int64_t count; char **at; int64_t *stride; } Values;

static void point(void **found, const Values *values, int64_t member) {
  for (int64_t k = 0; k < values->count; k++) found[k] = values->at[k] + member * values->stride[k];
}

void drive(Step whole, Step rest, int64_t rounds, int64_t steps, int64_t first, int64_t begin, int64_t end,
           const Values *state, const Values *read, const Values *args, const Values *last, const Values *history,
           const int64_t *bytes) {
  void *s[state->count + 1], *r[read->count + 1], *a[args->count + 1], *l[last->count + 1];
  void *h[history->count + 1], *now[history->count + 1];
  for (int64_t member = begin; member < end; member++) {
    point(s, state, member);
    point(r, read, member);
    point(a, args, member);
    point(l, last, member);
    point(h, history, member);
    for (int64_t round = 0; round < rounds; round++) {
      const int64_t done = round * (steps + (rest != 0));
      for (int64_t k = 0; k < history->count; k++) now[k] = (char *)h[k] + done * bytes[k];
      whole(s, r, a, now, first + round * steps, steps);
      if (!rest) continue;
      for (int64_t k = 0; k < history->count; k++) now[k] = (char *)now[k] + steps * bytes[k];
      rest(s, r, l, now, round, 1);
    }
  }
}
