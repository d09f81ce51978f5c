// See unwind.hpp.
//
// Rejected: following frame pointers, which code compiled for speed has not. An unwinder of our own: libgcc's is in the
// process anyway, for exceptions, and is right where they are.
#include "platform/unwind.hpp"

#include <cstdint>
#include <ucontext.h>
#include <unwind.h>

extern "C" void gos_unwind_through(const gos::rt::switch_context* left, void* argument, void (*walk)(void*)) noexcept;

namespace gos::rt {

namespace {

struct walk {
  void** out;
  std::size_t capacity;
  std::size_t skip;
  _Unwind_Ptr begin;  // frames before the one at this place are left out; 0: none are
  std::size_t depth;
};

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) noexcept {
  auto* w = static_cast<walk*>(argument);
  int interrupted = 0;
  _Unwind_Ptr pc = _Unwind_GetIPInfo(context, &interrupted);
  if (pc == 0) return _URC_END_OF_STACK;
  // Before the interrupted frame comes the kernel's way back into it.
  if (interrupted != 0 && w->depth != 0) --w->depth;
  if (w->begin != 0) {
    if (pc != w->begin) return _URC_NO_REASON;
    w->begin = 0;
  }
  if (w->skip > 0) {
    --w->skip;
    return _URC_NO_REASON;
  }
  if (w->depth == w->capacity) return _URC_END_OF_STACK;
  if (interrupted != 0) ++pc;
  w->out[w->depth++] = reinterpret_cast<void*>(pc);
  return _URC_NO_REASON;
}

// Its frame is the first that the walk meets, then that of gos_unwind_through, then the place where the stack was left.
void walk_from_here(void* argument) noexcept { _Unwind_Backtrace(take_frame, argument); }

}  // namespace

void* interrupted_pc(void* ucontext) noexcept {
  auto* context = static_cast<ucontext_t*>(ucontext);
#if defined(__x86_64__)
  return reinterpret_cast<void*>(context->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(context->uc_mcontext.pc);
#endif
}

std::size_t unwind_stack(const switch_context& left, void** out, std::size_t capacity) noexcept {
  walk w{out, capacity, 0, reinterpret_cast<_Unwind_Ptr>(left.resume_address), 0};
  gos_unwind_through(&left, &w, walk_from_here);
  return w.depth;
}

// Not inlined: this frame is left out.
[[gnu::noinline]] std::size_t unwind_here(void** out, std::size_t capacity, std::size_t skip) noexcept {
  walk w{out, capacity, skip + 1, 0, 0};
  _Unwind_Backtrace(take_frame, &w);
  return w.depth;
}

std::size_t unwind_interrupted(void* ucontext, void** out, std::size_t capacity) noexcept {
  if (capacity == 0) return 0;
  void* const pc = interrupted_pc(ucontext);
  walk w{out, capacity, 0, reinterpret_cast<_Unwind_Ptr>(pc), 0};
  _Unwind_Backtrace(take_frame, &w);
  if (w.depth != 0) return w.depth;
  out[0] = static_cast<char*>(pc) + 1;  // the walk did not come past the handler: this much is known
  return 1;
}

void unwind_prepare() noexcept {
  void* one[1];
  unwind_here(one, 1, 0);
}

}  // namespace gos::rt
