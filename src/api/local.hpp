// local: the end of a goroutine's local values. See local.cpp.
#pragma once

namespace gos::rt {

struct goroutine;

// Destroys the values of gp, which is the caller, in user mode: as a goroutine's last act, or a plain thread's. Values
// that are made meanwhile are destroyed too.
void destroy_locals(goroutine* gp) noexcept;

}  // namespace gos::rt
