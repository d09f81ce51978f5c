// lasting_pool: objects that are never given back to the allocator, because the poller may know them by address
// (sched/poll_source.hpp, INV2). Who is done with one puts it into a list, from which the next is taken.
#pragma once

#include <utility>

#include "base/spin.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

// T has a `T* next_free`, and is default-constructed once. Any thread.
template <class T> class lasting_pool {
 public:
  T* take() {
    {
      kernel_section kernel;
      spin_guard guard(lock_);
      if (first_ != nullptr) return std::exchange(first_, first_->next_free);
    }
    return new T;  // never deleted
  }
  void put(T* object) noexcept {
    kernel_section kernel;
    put_in_kernel(object);
  }
  void put_in_kernel(T* object) noexcept {
    spin_guard guard(lock_);
    object->next_free = first_;
    first_ = object;
  }

 private:
  spin_lock lock_;
  T* first_ = nullptr;  // under lock_
};

}  // namespace gos::rt
