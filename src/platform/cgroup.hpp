// cgroup: the CPU limit that the control groups (version 1 or 2) put on this process.
#pragma once

namespace gos::rt {

// The least CPU quota over the group of this process and all its parents, in whole CPUs rounded up; 0 when there is none.
// `root` is put before every path that is read ("" for the real system; a test passes the root of an imitation). Any thread.
int cgroup_cpu_limit(const char* root) noexcept;

}  // namespace gos::rt
