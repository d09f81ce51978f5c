// select_core: the seam between the typed arms of a select and the untyped select in src/chan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <gossamer/detail/chan_core.hpp>

namespace gos::rt {
class claim;
struct goroutine;
}  // namespace gos::rt

namespace gos::detail {

enum class select_kind : std::uint32_t { recv, send, object, after, otherwise };

namespace select_flag {
inline constexpr std::uint32_t counted = 1;       // the arm holds one of the channel's references
inline constexpr std::uint32_t value_within = 2;  // send: the element lies in `value`
inline constexpr std::uint32_t limit = 4;         // what ends a wait for the one other arm
}  // namespace select_flag

struct select_access;  // makes arms; select.hpp

// What an arm on something else than a channel is during one select: a mutex to be locked, a goroutine to be joined, ...
// Made in user mode before the select tries anything, ended in user mode; all else is called in kernel mode by who
// selects, and must not throw or park.
//
// join() and leave() come in pairs, as often as the select tries again. From join() to leave(), who has what the arm waits
// for takes the claim for `arm`; who took it gives the caller what it waits for, and calls ready(gp) once. leave() returns
// when nobody looks at this object any more. If the claim was lost, nothing has been given.
class select_object {
 public:
  select_object() = default;
  select_object(const select_object&) = delete;
  select_object& operator=(const select_object&) = delete;
  virtual ~select_object() = default;

  // Takes what the arm waits for if it can be had now.
  virtual bool try_take() noexcept = 0;
  // From now on the arm can win. True: it has already, the claim was taken here and nobody calls ready.
  [[nodiscard]] virtual bool join(rt::claim& shared, rt::goroutine* gp, std::uint32_t arm) noexcept = 0;
  virtual void leave(bool won) noexcept = 0;
  // What a dump says of a wait for this and a time limit alone: a rt::wait_reason, and the object.
  virtual std::uint8_t reason() const noexcept = 0;
  virtual const void* address() const noexcept = 0;
};
inline constexpr std::size_t select_object_room = 192;
inline constexpr std::size_t select_object_alignment = 16;

// One arm. Plain bytes: a copy means the same, but who keeps one counts the channel.
struct select_arm {
  chan_core* core = nullptr;  // of recv and send; null: a nil channel, or no channel
  select_kind kind = select_kind::otherwise;
  std::uint32_t flags = 0;
  union {
    void* element;          // send: the value, or what construct makes it of; object: what the arm is about
    std::byte value[8];     // send, value_within
    std::int64_t delay_ns;  // after
    std::int64_t number;    // object: ... or its number
  };
  // send: constructs the element in raw memory from what `element` points to; may throw. Null: it is
  // an element, which is moved from (or copied, if trivial) when the arm is taken.
  // object: constructs a select_object in raw memory from the arm; may throw.
  void (*construct)(void* to, void* from) = nullptr;
  // Called in user mode when the arm was taken; may throw. recv: `received` is the element, which
  // finish ends, or null when the channel is closed. Null: nothing is to be done.
  void (*finish)(const select_arm& arm, void* received) = nullptr;
  alignas(void*)
      std::byte handler[24];  // finish's: the handler, or a pointer to it; object: 16 bytes, and the amount

  select_arm() noexcept : element(nullptr) {}

  // object: how much of it.
  std::int64_t amount() const noexcept {
    std::int64_t n;
    std::memcpy(&n, handler + 16, sizeof(n));
    return n;
  }
  void set_amount(std::int64_t n) noexcept { std::memcpy(handler + 16, &n, sizeof(n)); }

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
