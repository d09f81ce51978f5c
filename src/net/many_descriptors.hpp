// many_descriptors: the first use of the network raises the limit of descriptors.
#pragma once

#include "io/kernel_calls.hpp"

namespace gos::rt {

// Once: as many descriptors as the process may have. The soft limit of 1024 is there for users of select(2).
inline void want_many_descriptors() noexcept {
  static const bool raised = kernel_calls::raise_descriptor_limit();
  static_cast<void>(raised);
}

}  // namespace gos::rt
