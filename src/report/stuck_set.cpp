// See stuck_set.hpp. Who is taken out is put on a list, and what that means for others is looked at once, when it is taken from
// there. Rejected: looking at all again until nothing changes; a chain of goroutines, each of which waits for the next, took
// as many rounds as it has members.
#include "report/stuck_set.hpp"

#include <cstddef>

namespace gos::rt {

namespace {

// The elements of a table, by one of their two numbers.
class grouped {
 public:
  template <class T>
  grouped(std::span<const T> table, std::size_t count, std::uint32_t T::* number, std::uint32_t T::* value)
      : begin_(count + 1), values_(table.size()) {
    for (const T& one : table) {
      if (one.*number < count) ++begin_[one.*number + 1];
    }
    for (std::size_t i = 0; i < count; ++i) begin_[i + 1] += begin_[i];
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (const T& one : table) {
      if (one.*number < count) values_[next[one.*number]++] = one.*value;
    }
  }
  std::span<const std::uint32_t> of(std::uint32_t number) const noexcept {
    return std::span(values_).subspan(begin_[number], begin_[number + 1] - begin_[number]);
  }

 private:
  std::vector<std::uint32_t> begin_;
  std::vector<std::uint32_t> values_;
};

class settling {
 public:
  settling(const stuck_facts& facts, std::vector<bool>& in)
      : in_(in),
        counts_(facts.handle_counts),
        found_(counts_.size()),
        counted_(in),
        handles_of_(facts.handles, in.size(), &handle_at::owner, &handle_at::channel),
        referred_by_(facts.references, in.size(), &reference::from, &reference::to),
        waiting_for_(facts.channels, counts_.size(), &wait_for::what, &wait_for::waiter),
        waiting_for_holder_(facts.holders, in.size(), &wait_for::what, &wait_for::waiter) {
    for (const reference& r : facts.references) {
      if (r.from == reference::outside || !in[r.from]) counted_[r.to] = false;
    }
    for (const handle_at& h : facts.handles) {
      if (counted_[h.owner]) ++found_[h.channel];
    }
    for (std::uint32_t channel = 0; channel < counts_.size(); ++channel) look_at(channel);
    for (const wait_for& w : facts.holders) {
      if (!in[w.what]) take_out(w.waiter);
    }
  }

  void run() {
    while (!out_.empty()) {
      const std::uint32_t one = out_.back();
      out_.pop_back();
      uncount(one);
      for (const std::uint32_t other : referred_by_.of(one)) uncount(other);
      for (const std::uint32_t other : waiting_for_holder_.of(one)) take_out(other);
    }
  }

 private:
  void take_out(std::uint32_t one) {
    if (!in_[one]) return;
    in_[one] = false;
    out_.push_back(one);
  }

  void look_at(std::uint32_t channel) {
    if (counts_[channel] != 0 && counts_[channel] == found_[channel]) return;
    for (const std::uint32_t waiter : waiting_for_.of(channel)) take_out(waiter);
  }

  // Its handles are none that only those have who are in.
  void uncount(std::uint32_t one) {
    if (!counted_[one]) return;
    counted_[one] = false;
    for (const std::uint32_t channel : handles_of_.of(one)) {
      if (found_[channel]-- == counts_[channel]) look_at(channel);
    }
  }

  std::vector<bool>& in_;
  const std::span<const std::uint32_t> counts_;
  std::vector<std::uint32_t> found_;  // handles that count, by channel
  std::vector<bool> counted_;         // whose do
  std::vector<std::uint32_t> out_;    // taken out, not looked at yet
  const grouped handles_of_, referred_by_, waiting_for_, waiting_for_holder_;
};

}  // namespace

void keep_stuck(const stuck_facts& facts, std::vector<bool>& in) { settling(facts, in).run(); }

}  // namespace gos::rt
