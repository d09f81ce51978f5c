// stuck_set: of goroutines that wait, those that only others of them could wake. What is known of them says stuck.cpp; here they
// are numbers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gos::rt {

// A handle of the channel lies in memory of the goroutine.
struct handle_at {
  std::uint32_t owner;
  std::uint32_t channel;
};
// The goroutine's memory is referred to by another's, or from outside.
struct reference {
  static constexpr std::uint32_t outside = UINT32_MAX - 1;
  std::uint32_t to;
  std::uint32_t from;
};
// The goroutine waits for the channel, or for the lock that another one has.
struct wait_for {
  std::uint32_t waiter;
  std::uint32_t what;
};

struct stuck_facts {
  std::span<const handle_at> handles;
  std::span<const reference> references;
  std::span<const wait_for> channels;
  std::span<const wait_for> holders;
  std::span<const std::uint32_t> handle_counts;  // by channel: how many there are; 0: not known
};

// Takes out of `in`, until nothing changes, who waits
//   - for a channel of which not all handles lie in memory of those that are in, to which nobody else refers; or
//   - for a lock whose holder is not in.
// Takes time as the facts are many.
void keep_stuck(const stuck_facts& facts, std::vector<bool>& in);

}  // namespace gos::rt
