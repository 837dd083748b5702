/* Subnormal numbers are zero while a loop runs, as in XLA. Gradients of a network that fits its data become subnormal, and
   processors take a hundred times longer for them. WebAssembly has no such mode. */
typedef uint64_t FloatMode;

#if defined(__SSE2__)
static inline FloatMode flush_subnormals(void) {
  const FloatMode mode = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr((unsigned)mode | 0x8040);  /* flush results to zero, and read operands as zero */
  return mode;
}
static inline void restore_float_mode(FloatMode mode) { __builtin_ia32_ldmxcsr((unsigned)mode); }
#elif defined(__aarch64__)
static inline FloatMode flush_subnormals(void) {
  FloatMode mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  __asm__ volatile("msr fpcr, %0" : : "r"(mode | (FloatMode)1 << 24) : "memory");
  return mode;
}
static inline void restore_float_mode(FloatMode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }
#else
static inline FloatMode flush_subnormals(void) { return 0; }
static inline void restore_float_mode(FloatMode mode) {}
#endif
