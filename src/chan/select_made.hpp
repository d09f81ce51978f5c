// select_made: what a select makes before it can wait: memory, values of send arms, objects of arms that are not about
// channels. All in user mode, on the stack of who selects as far as it reaches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <new>

#include "chan/channel.hpp"

#include <gossamer/detail/select_core.hpp>

namespace gos::rt {

using detail::select_arm;
using detail::select_kind;
using detail::select_object;

[[gnu::always_inline]] inline channel& channel_of(const select_arm& arm) noexcept {
  return static_cast<channel&>(*arm.core);
}

[[gnu::always_inline]] inline bool is_live(const select_arm& arm) noexcept { return arm.core != nullptr; }

// Memory for a select beyond the ordinary: some on the stack, more from the heap.
class select_arena {
 public:
  template <class T> T* array(std::size_t count) {
    return static_cast<T*>(resource_.allocate(count * sizeof(T), alignof(T)));
  }
  void* raw(std::size_t size, std::size_t alignment) { return resource_.allocate(size, alignment); }

 private:
  alignas(64) std::byte first_[3072];
  std::pmr::monotonic_buffer_resource resource_{first_, sizeof first_};
};

// Values made for send arms whose value is not an element yet; ended with this.
class made_values {
 public:
  made_values(const select_arm* const* arms, std::size_t arm_count, select_arena& arena)
      : arena_(arena),
        own_(arena.array<select_arm>(arm_count)),
        list_(arena.array<const select_arm*>(arm_count)),
        made_(arena.array<bool>(arm_count)),
        count_(arm_count) {
    for (std::size_t i = 0; i < count_; ++i) {
      list_[i] = ::new (&own_[i]) select_arm(*arms[i]);
      made_[i] = false;
    }
  }
  made_values(const made_values&) = delete;
  made_values& operator=(const made_values&) = delete;
  ~made_values() {
    for (std::size_t i = 0; i < count_; ++i) {
      if (!made_[i]) continue;
      const detail::element_type& type = *channel_of(own_[i]).type;
      if (type.destroy != nullptr) type.destroy(own_[i].element);
    }
  }

  // Runs user code. The arm is as one with an rvalue afterwards.
  void make(std::size_t i) {
    select_arm& arm = own_[i];
    const detail::element_type& type = *channel_of(arm).type;
    void* value = arena_.raw(std::max<std::size_t>(type.size, 1), type.alignment);
    arm.construct(value, arm.element);
    made_[i] = true;
    arm.element = value;
    arm.construct = nullptr;
  }
  void make_all() {
    for (std::size_t i = 0; i < count_; ++i) {
      if (is_live(own_[i]) && own_[i].construct != nullptr) make(i);
    }
  }

  const select_arm* const* arms() const noexcept { return list_; }

 private:
  select_arena& arena_;
  select_arm* own_;
  const select_arm** list_;
  bool* made_;
  std::size_t count_;
};

// The objects of the arms that are about one, made in user mode; ended with this.
class made_objects {
 public:
  made_objects(const select_arm* const* arms, std::size_t arm_count, select_arena& arena)
      : table_(arena.array<select_object*>(arm_count)), count_(arm_count) {
    std::fill_n(table_, count_, nullptr);
    try {
      for (std::size_t i = 0; i < count_; ++i) {
        if (arms[i]->kind != select_kind::object) continue;
        void* room = arena.raw(detail::select_object_room, detail::select_object_alignment);
        arms[i]->construct(room, const_cast<select_arm*>(arms[i]));
        table_[i] = std::launder(static_cast<select_object*>(room));
      }
    } catch (...) {
      end();
      throw;
    }
  }
  made_objects(const made_objects&) = delete;
  made_objects& operator=(const made_objects&) = delete;
  ~made_objects() { end(); }

  select_object** table() const noexcept { return table_; }

 private:
  void end() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if (table_[i] != nullptr) table_[i]->~select_object();
    }
  }

  select_object** table_;
  std::size_t count_;
};

}  // namespace gos::rt
