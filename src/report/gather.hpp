// gather: all goroutines, copied for a report: each one's numbers, what it waits on in words, and its stack, equal stacks once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sched/inspect.hpp"
#include "sched/wait_note.hpp"

namespace gos::rt {

// One goroutine. What is longer lies in the tables of `gathered`.
struct gathered_goroutine {
  goroutine_view view;  // without frames
  std::uint32_t stack = 0;  // which of gathered::stacks; 0: none
  std::uint32_t wait_length = 0;
  std::size_t wait_text = 0;  // in gathered::texts
  std::size_t parties = 0;    // in gathered::parties, one for each mark in the text
  std::int64_t deadline_ns = goroutine::no_deadline_ns;
  const std::byte* stack_base = nullptr;
};

class gathered {
 public:
  struct stack_range {
    std::size_t first = 0;
    std::size_t depth = 0;
  };

  // Any thread, in user mode. Throws std::bad_alloc. Sets the options' `between`.
  explicit gathered(inspect_options options);

  std::size_t stack_count() const noexcept { return stacks_.size(); }
  // By id.
  const std::vector<gathered_goroutine>& all() const noexcept { return all_; }
  void* const* frames(std::uint32_t stack) const noexcept { return frames_.data() + stacks_[stack].first; }
  std::size_t depth(std::uint32_t stack) const noexcept { return stacks_[stack].depth; }
  // The wait, with the numbers of who else waits there filled in.
  std::string wait_text(const gathered_goroutine& one) const;

 private:
  struct seen;
  class collector;
  struct stack_owner {
    const std::byte* base;
    std::uint64_t id;
  };
  std::string holder_text(const void* number) const;
  std::string goroutine_text(std::uint64_t id) const;

  struct parties_count {
    const void* object;
    std::uint32_t waiting;
    std::uint32_t receiving;
    std::uint32_t sending;
  };

  std::vector<gathered_goroutine> all_;
  std::vector<stack_range> stacks_{1};  // the first is empty
  std::vector<void*> frames_;
  std::string texts_;
  std::vector<wait_note::parties_at> parties_;
  std::vector<parties_count> counts_;  // by object
  std::vector<stack_owner> owners_;    // by stack; empty when nobody waits for a lock
  goroutine_view omitted_;             // who asked, as far as it is named in other's waits
};

}  // namespace gos::rt
