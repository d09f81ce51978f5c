// lockcheck: what the runtime and libgossamer_lockcheck.so tell each other.
//
// The library stands before pthread's locks (lockcheck_interpose.cpp). A program has it by LD_PRELOAD or by linking it; the runtime
// finds it by name at its start and gives it these callbacks. Until then, and without the option, the library only passes
// calls on.
#pragma once

extern "C" {

struct gos_lockcheck_callbacks {
  unsigned version;  // lockcheck_version
  // The calling thread has the lock. kind: a gos_lockcheck_kind.
  void (*locked)(const void* lock, int kind);
  // The calling thread is about to unlock it.
  void (*unlocking)(const void* lock);
};

enum gos_lockcheck_kind {
  gos_lockcheck_mutex = 0,
  gos_lockcheck_rwlock = 1,
  gos_lockcheck_rwlock_shared = 2,
  gos_lockcheck_spin = 3,
};

// True if it takes them; they must live for ever.
using gos_lockcheck_attach_function = bool (*)(const gos_lockcheck_callbacks* callbacks);
}

namespace gos::rt {

inline constexpr unsigned lockcheck_version = 1;
inline constexpr const char* lockcheck_attach_name = "gos_lockcheck_attach";

}  // namespace gos::rt
