// panic_library: a shared library that calls back, for stacks that lead through one.
extern "C" [[gnu::visibility("default")]] void call_back(void (*function)()) {
  function();
  asm volatile("");  // no tail call
}
