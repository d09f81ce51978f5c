// environment: switches for tests and troubleshooting, in the environment variable GOS_DEBUG.
#pragma once

namespace gos::rt {

// True when GOS_DEBUG, a list separated by commas, has the entry `word`. Known to this floor: nomembarrier, nopwait2,
// mprotectguards (no MADV_GUARD_INSTALL), noguards (canaries only). Read once per caller, at start.
bool debug_flag(const char* word) noexcept;

}  // namespace gos::rt
