// See describe.hpp.
#include "chan/describe.hpp"

#include <algorithm>

#include "chan/channel.hpp"

namespace gos::rt {

namespace {

using detail::select_kind;

constexpr std::size_t arms_told_max = 8;

void describe_arm(wait_note& note, const waiting_arms& wait, std::size_t i,
                  void (*describe_object)(wait_note&, wait_reason, const void*)) noexcept {
  const detail::select_arm& arm = *wait.arms[i];
  switch (arm.kind) {
    case select_kind::recv:
    case select_kind::send: {
      const bool sends = arm.kind == select_kind::send;
      note.add(sends ? "send to " : "receive from ");
      if (arm.core == nullptr) {
        note.add("a nil channel");
      } else {
        describe_channel(note, static_cast<const channel*>(arm.core), sends ? party::sender : party::receiver);
      }
      break;
    }
    case select_kind::object:
      if (wait.objects != nullptr && wait.objects[i] != nullptr) {
        describe_object(note, static_cast<wait_reason>(wait.objects[i]->reason()), wait.objects[i]->address());
      }
      break;
    case select_kind::after: note.add("a time"); break;
    case select_kind::otherwise: break;
  }
}

}  // namespace

void describe_channel(wait_note& note, const void* object, party own) noexcept {
  const auto& ch = *static_cast<const channel*>(object);
  if (ch.source != nullptr) {
    note.add("timer channel %p", object);
    return;
  }
  // relaxed, all: a snapshot.
  note.add_object("channel", object);
  note.add(" (capacity %zu, %zu buffered, %s", ch.capacity, ch.count.load(std::memory_order_relaxed),
           ch.closed.load(std::memory_order_relaxed) ? "closed" : "open");
  note.mark_parties(object, own);
  // Who could have ended this wait.
  const bool receives = own == party::receiver;
  const std::uint64_t last = (receives ? ch.last_sender : ch.last_receiver).load(std::memory_order_relaxed);
  if (last == channel::never_used) {
    note.add(receives ? ", never sent to" : ", never received from");
  } else {
    note.add(receives ? ", last sent to" : ", last received from");
    note.mark_user(last);
  }
  note.add(")");
}

void describe_select(wait_note& note, const waiting_arms& wait,
                     void (*describe_object)(wait_note& note, wait_reason reason, const void* object)) noexcept {
  const std::size_t told = std::min(wait.arm_count, arms_told_max);
  for (std::size_t i = 0; i < told; ++i) {
    if (i != 0) note.add(", or ");
    describe_arm(note, wait, i, describe_object);
  }
  if (told < wait.arm_count) note.add(", or %zu more", wait.arm_count - told);
}

}  // namespace gos::rt
