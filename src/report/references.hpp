// references: whether anything in the memory of this process points into given ranges.
//
// For who counts handles (stuck.cpp): a handle may also be used by reference, from anywhere. Every word of the process's own
// writable memory is looked at, as leak checkers do. What is known not to matter is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gos::rt {

struct address_range {
  // Complemented, so that this table is no reference.
  std::uintptr_t not_low = 0;
  std::uintptr_t not_high = 0;  // one past the end
  std::uint32_t owner = 0;

  static address_range of(const void* low, const void* high, std::uint32_t owner) noexcept {
    return {~reinterpret_cast<std::uintptr_t>(low), ~reinterpret_cast<std::uintptr_t>(high), owner};
  }
  std::uintptr_t low() const noexcept { return ~not_low; }
  std::uintptr_t high() const noexcept { return ~not_high; }
};

// Ranges that do not overlap, by address.
class range_set {
 public:
  void add(const address_range& range) { ranges_.push_back(range); }
  void sort();
  bool empty() const noexcept { return ranges_.empty(); }
  const address_range* find(std::uintptr_t address) const noexcept;
  // The first that ends after address, or null.
  const address_range* next(std::uintptr_t address) const noexcept;

 private:
  std::vector<address_range> ranges_;
  std::uintptr_t not_first_ = 0;  // low() and high() of all; complemented, too
  std::uintptr_t not_last_ = ~std::uintptr_t{0};
};

// Calls hit(owner of the range pointed into, argument) for each word found outside of `ignored` and of all goroutines' stacks.
// False: the memory could not be read.
bool find_references(const range_set& wanted, const range_set& ignored, void (*hit)(std::uint32_t owner, void* argument),
                     void* argument);

}  // namespace gos::rt
