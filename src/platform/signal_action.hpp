// signal_action: sigaction for handlers of the runtime's own.
//
// Under ThreadSanitizer by its other name: TSan holds handlers of its sigaction back until the goroutine that was interrupted
// makes a call that TSan knows, which may be never. Ours need no such care.
#pragma once

#include <csignal>

#if defined(GOS_TSAN)
extern "C" int __sigaction(int signal, const struct sigaction* action, struct sigaction* before) noexcept;
#endif

namespace gos::rt {

inline int kernel_action(int signal, const struct sigaction* action, struct sigaction* before) noexcept {
#if defined(GOS_TSAN)
  return ::__sigaction(signal, action, before);
#else
  return ::sigaction(signal, action, before);
#endif
}

// Nobody handles or ignores it.
inline bool is_default(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

}  // namespace gos::rt
