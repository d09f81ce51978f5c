// lasting_pool: objects whose memory is never given back to the allocator (poll_source.hpp, INV2): they are made in chunks, used,
// put back and used again.
//
// One list for all processors, touched when a descriptor begins and ends. Who takes an object comes after who put it back.
#pragma once

#include <cstddef>
#include <utility>

#include "base/race.hpp"
#include "base/spin.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

// What a pooled type derives from.
template <class T>
struct pooled {
  T* next_free = nullptr;  // the pool's, under its lock
};

template <class T>
class lasting_pool {
 public:
  constexpr lasting_pool() noexcept = default;

  // As its last user left it, or new. User mode. Throws std::bad_alloc.
  T* take() {
    if (T* first = pop()) {
      race_acquire(this);
      return first;
    }
    constexpr std::size_t chunk_size = 32;
    auto* chunk = new T[chunk_size];  // never deleted; reached through the list
    for (std::size_t i = 1; i < chunk_size; ++i) put(&chunk[i]);
    return chunk;
  }

  void put(T* object) noexcept {
    race_release(this);
    kernel_section kernel;
    put_in_kernel(object);
  }

  // The same for who is in the runtime already.
  void put_in_kernel(T* object) noexcept {
    spin_guard guard(lock_);
    object->next_free = first_;
    first_ = object;
  }

 private:
  T* pop() noexcept {
    kernel_section kernel;
    spin_guard guard(lock_);
    T* first = first_;
    if (first != nullptr) first_ = std::exchange(first->next_free, nullptr);
    return first;
  }

  spin_lock lock_;
  T* first_ = nullptr;  // under lock_
};

}  // namespace gos::rt
