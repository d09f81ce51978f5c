// race: happens-before edges told to ThreadSanitizer.
//
// In TSan builds the runtime's own sources are not instrumented and goroutine switches carry no
// edge, so that only what the memory model promises (docs/memory_model.md) orders user accesses.
// Each promise is stated where it is kept: release(x) before the hand-over, acquire(x) after it.
// In other builds both are nothing.
#pragma once

#if defined(GOS_TSAN)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

namespace gos::rt {

// What was released at `address` before now happens before what the caller does next.
[[gnu::always_inline]] inline void race_acquire([[maybe_unused]] const void* address) noexcept {
#if defined(GOS_TSAN)
  __tsan_acquire(const_cast<void*>(address));
#endif
}

// What the caller did so far happens before whoever acquires `address` later.
[[gnu::always_inline]] inline void race_release([[maybe_unused]] const void* address) noexcept {
#if defined(GOS_TSAN)
  __tsan_release(const_cast<void*>(address));
#endif
}

// Accesses in this scope are the runtime's hand-over of an element: ordered by its lock, which
// TSan does not see, and no edge for anybody else.
class race_ignore_scope {
 public:
#if defined(GOS_TSAN)
  race_ignore_scope() noexcept {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~race_ignore_scope() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  race_ignore_scope() noexcept {}
  ~race_ignore_scope() {}
#endif
  race_ignore_scope(const race_ignore_scope&) = delete;
  race_ignore_scope& operator=(const race_ignore_scope&) = delete;
};

}  // namespace gos::rt
