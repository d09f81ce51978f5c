// blocking_section: the scope form of blocking_enter(): system calls that may block their thread.
#pragma once

#include "sched/sched.hpp"

namespace gos::rt {

class blocking_section {
 public:
  blocking_section() noexcept { blocking_enter(); }
  ~blocking_section() { blocking_exit(); }
  blocking_section(const blocking_section&) = delete;
  blocking_section& operator=(const blocking_section&) = delete;
};

}  // namespace gos::rt
