// fiber_hooks: sanitizers are told of every stack switch.
//
// ASan keeps a fake stack and the bounds of the current one; TSan keeps a shadow call stack and a
// clock per fiber. TSan switches carry no edge (see base/race.hpp). In other builds nothing is left.
#pragma once

#include <cstddef>

#include "base/spin.hpp"

#if defined(GOS_TSAN)
extern "C" void* __tsan_get_current_fiber();
extern "C" void* __tsan_create_fiber(unsigned flags);
extern "C" void __tsan_destroy_fiber(void* fiber);
extern "C" void __tsan_switch_to_fiber(void* fiber, unsigned flags);
#endif
#if defined(GOS_ASAN)
extern "C" void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, std::size_t size);
extern "C" void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old, std::size_t* size_old);
extern "C" void __asan_unpoison_memory_region(void const volatile* address, std::size_t size);
#endif

namespace gos::rt {

// What a sanitizer keeps for one stack (a goroutine's, or a thread's own).
struct fiber_state {
#if defined(GOS_TSAN)
  void* tsan = nullptr;
#endif
#if defined(GOS_ASAN)
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t size = 0;
#endif
};

// Names the calling thread's own stack, before the first switch away from it.
inline void fiber_adopt_thread([[maybe_unused]] fiber_state& state) noexcept {
#if defined(GOS_TSAN)
  state.tsan = __tsan_get_current_fiber();
#endif
}

#if defined(GOS_TSAN)
// In this scope the caller is, for TSan, a fiber that has done nothing. Threads and fibers are made in it: each comes after all
// that its maker did, and who happens to make one promises nothing. One at a time.
class nobody_scope {
 public:
  nobody_scope() noexcept : guard_(one_at_a_time), caller_(__tsan_get_current_fiber()) {
    static void* const nobody = __tsan_create_fiber(0);
    constexpr unsigned no_sync = 1;
    __tsan_switch_to_fiber(nobody, no_sync);
  }
  ~nobody_scope() {
    constexpr unsigned no_sync = 1;
    __tsan_switch_to_fiber(caller_, no_sync);
  }
  nobody_scope(const nobody_scope&) = delete;
  nobody_scope& operator=(const nobody_scope&) = delete;

 private:
  static inline spin_lock one_at_a_time;
  const spin_guard<> guard_;
  void* const caller_;
};
#endif

// A goroutine gets a stack: [bottom, bottom + size).
inline void fiber_create([[maybe_unused]] fiber_state& state, [[maybe_unused]] const void* bottom,
                         [[maybe_unused]] std::size_t size) noexcept {
#if defined(GOS_TSAN)
  const nobody_scope nobody;
  state.tsan = __tsan_create_fiber(0);
#endif
#if defined(GOS_ASAN)
  state.fake_stack = nullptr;
  state.bottom = bottom;
  state.size = size;
#endif
}

// Right before the switch. `ending`: `from` will never be continued.
[[gnu::always_inline]] inline void fiber_before_switch([[maybe_unused]] fiber_state& from, [[maybe_unused]] fiber_state& to,
                                                       [[maybe_unused]] bool ending) noexcept {
#if defined(GOS_ASAN)
  __sanitizer_start_switch_fiber(ending ? nullptr : &from.fake_stack, to.bottom, to.size);
#endif
#if defined(GOS_TSAN)
  constexpr unsigned no_sync = 1;
  __tsan_switch_to_fiber(to.tsan, no_sync);
#endif
}

// Right after it, on the stack that continues. `from` is what was left; null at first unknown.
[[gnu::always_inline]] inline void fiber_after_switch([[maybe_unused]] fiber_state& here, [[maybe_unused]] fiber_state* from) noexcept {
#if defined(GOS_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(here.fake_stack, &bottom, &size);
  // A thread's own stack tells its bounds when it is first left.
  if (from != nullptr && from->bottom == nullptr) {
    from->bottom = bottom;
    from->size = size;
  }
#endif
}

// The goroutine has ended; the caller runs on another fiber.
inline void fiber_destroy([[maybe_unused]] fiber_state& state) noexcept {
#if defined(GOS_TSAN)
  if (state.tsan != nullptr) __tsan_destroy_fiber(state.tsan);
  state.tsan = nullptr;
#endif
}

}  // namespace gos::rt
