// See sleep_table.hpp. A bucket's queues are a doubly linked list of their first sleepers; each queue is a doubly
// linked list too, so that a sleeper in the middle leaves in constant time.
#include "sync/sleep_table.hpp"

#include <cstddef>

#include "base/assert.hpp"

namespace gos::rt {

namespace {

// As many as in Go's semaphore table, to the next power of two: collisions cost a step each, not correctness.
constexpr std::size_t bucket_bits = 8;
constinit sleep_bucket table[std::size_t{1} << bucket_bits];

}  // namespace

sleep_bucket& sleep_bucket_of(const void* address) noexcept {
  const std::uint64_t hash = reinterpret_cast<std::uintptr_t>(address) * 0x9e3779b97f4a7c15U;
  return table[hash >> (64 - bucket_bits)];
}

sleeper* sleep_bucket::first(const void* address) const noexcept {
  sleeper* s = queues_;
  while (s != nullptr && s->address != address) s = s->next_queue;
  return s;
}

void sleep_bucket::link_queue(sleeper& s) noexcept {
  s.last = &s;
  s.sharers = s.shared != nullptr ? 1 : 0;
  s.prev_queue = nullptr;
  s.next_queue = queues_;
  if (queues_ != nullptr) queues_->prev_queue = &s;
  queues_ = &s;
}

// new_first takes over old_first's place among the queues; null takes the queue away.
void sleep_bucket::replace_first(sleeper& old_first, sleeper* new_first) noexcept {
  sleeper* const prev = old_first.prev_queue;
  sleeper* const next = old_first.next_queue;
  if (new_first != nullptr) {
    new_first->last = old_first.last;
    new_first->sharers = old_first.sharers;
    new_first->prev_queue = prev;
    new_first->next_queue = next;
  }
  sleeper* const left = new_first != nullptr ? new_first : next;
  sleeper* const right = new_first != nullptr ? new_first : prev;
  (prev != nullptr ? prev->next_queue : queues_) = left;
  if (next != nullptr) next->prev_queue = right;
}

void sleep_bucket::push_back(sleeper& s, const void* address) noexcept {
  GOS_ASSERT(!s.queued);
  s.address = address;
  s.queued = true;
  s.next = nullptr;
  sleeper* const head = first(address);
  if (head == nullptr) {
    s.prev = nullptr;
    link_queue(s);
    return;
  }
  s.prev = head->last;
  head->last->next = &s;
  head->last = &s;
  if (s.shared != nullptr) ++head->sharers;
}

void sleep_bucket::push_front(sleeper& s, const void* address) noexcept {
  GOS_ASSERT(!s.queued);
  s.address = address;
  s.queued = true;
  s.prev = nullptr;
  sleeper* const head = first(address);
  s.next = head;
  if (head == nullptr) {
    link_queue(s);
    return;
  }
  head->prev = &s;
  replace_first(*head, &s);
  if (s.shared != nullptr) ++s.sharers;
}

sleeper* sleep_bucket::pop(const void* address) noexcept {
  while (sleeper* const head = first(address)) {
    remove(*head);
    if (head->shared == nullptr || head->shared->take(head->arm)) return head;
  }
  return nullptr;
}

sleeper* sleep_bucket::take_all(const void* address) noexcept {
  sleeper* const head = first(address);
  if (head == nullptr) return nullptr;
  replace_first(*head, nullptr);
  return GOS_LIKELY(head->sharers == 0) ? head : without_losers(head);
}

// Takes the claims of the sleepers in the list that have one, and drops those that have been won elsewhere.
sleeper* sleep_bucket::without_losers(sleeper* list) noexcept {
  sleeper* kept = nullptr;
  sleeper** end = &kept;
  for (sleeper* s = list; s != nullptr;) {
    sleeper* const next = s->next;
    s->queued = false;
    if (s->shared == nullptr || s->shared->take(s->arm)) {
      *end = s;
      end = &s->next;
    }
    s = next;
  }
  *end = nullptr;
  return kept;
}

void sleep_bucket::remove(sleeper& s) noexcept {
  GOS_ASSERT(s.queued);
  s.queued = false;
  if (s.shared != nullptr) --first(s.address)->sharers;
  if (s.prev == nullptr) {
    if (s.next != nullptr) s.next->prev = nullptr;
    replace_first(s, s.next);
    return;
  }
  s.prev->next = s.next;
  if (s.next != nullptr) {
    s.next->prev = s.prev;
  } else {
    first(s.address)->last = s.prev;
  }
}

}  // namespace gos::rt
