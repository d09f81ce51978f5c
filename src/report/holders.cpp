// See holders.hpp.
#include "report/holders.hpp"

#include <cstdint>

#include "platform/stack.hpp"

namespace gos::rt {

const std::byte* holder_stack(detail::holder_word word) noexcept {
  // The bits that were left out: of the page 2^31 and up to 2^48.
  for (std::uintptr_t high = 0; high < 8; ++high) {
    const std::uintptr_t page = (high << 31) | (word & ~detail::holder_mark);
    const auto* const address = reinterpret_cast<const void*>(page << detail::holder_shift);
    stack_slot slot;
    if (address != nullptr && stack_find(address, &slot, nullptr)) return slot.base;
  }
  return nullptr;
}

}  // namespace gos::rt
