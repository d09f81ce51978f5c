// select_core: the seam between the typed arms of a select and the untyped select in src/chan.
#pragma once

#include <cstddef>
#include <cstdint>

#include <gossamer/detail/chan_core.hpp>

namespace gos::detail {

enum class select_kind : std::uint32_t { recv, send, after, otherwise };

namespace select_flag {
inline constexpr std::uint32_t counted = 1;       // the arm holds one of the channel's references
inline constexpr std::uint32_t value_within = 2;  // send: the element lies in `value`
}  // namespace select_flag

// One arm. Plain bytes: a copy means the same, but who keeps one counts the channel.
struct select_arm {
  chan_core* core = nullptr;  // of recv and send; null: a nil channel
  select_kind kind = select_kind::otherwise;
  std::uint32_t flags = 0;
  union {
    void* element;          // send: the value, or what construct makes it of
    std::byte value[8];     // send, value_within
    std::int64_t delay_ns;  // after
  };
  // send: constructs the element in raw memory from what `element` points to; may throw. Null: it is
  // an element, which is moved from (or copied, if trivial) when the arm is taken.
  void (*construct)(void* to, void* from) = nullptr;
  // Called in user mode when the arm was taken; may throw. recv: `received` is the element, which
  // finish ends, or null when the channel is closed. Null: nothing is to be done.
  void (*finish)(const select_arm& arm, void* received) = nullptr;
  alignas(void*) std::byte handler[24];  // finish's: the handler, or a pointer to it

  select_arm() noexcept : element(nullptr) {}

  void* element_to_send() const noexcept {
    return (flags & select_flag::value_within) != 0 ? const_cast<std::byte*>(value) : element;
  }
};

// Waits for one of the arms, takes it, calls its handler, and returns its index. Panics with `send on
// closed channel` when a send arm on a closed channel is taken, and with texts of its own for more than
// one `otherwise` or more than 65536 arms. The arms stay as they are and may be used again.
std::size_t select_run(const select_arm* const* arms, std::size_t arm_count);

// The same for arms that lie side by side.
std::size_t select_run_many(const select_arm* arms, std::size_t arm_count);
inline constexpr std::size_t select_few = 16;
inline std::size_t select_run_list(const select_arm* arms, std::size_t arm_count) {
  if (arm_count > select_few) return select_run_many(arms, arm_count);
  if (arm_count == 0) return select_run(nullptr, 0);
  const select_arm* list[select_few];
  for (std::size_t i = 0; i < arm_count; ++i) list[i] = &arms[i];
  return select_run(list, arm_count);
}

}  // namespace gos::detail
