// object_name: names for channels and locks, which dumps and reports print beside their addresses.
//
//   class accounts {
//     gos::mutex lock_;
//     gos::runtime::object_name name_{lock_, "accounts"};  // as long as this object lives
//   };
//
//   void serve() {
//     auto jobs = gos::make_chan<int>(16);
//     gos::runtime::set_name(jobs, "jobs");  // as long as the channel lives
//   }
//
// A dump says then: `waits on channel 0x55d0c8a0e550 "jobs" (capacity 16, ...`.
//
// A name is of the object, not of a handle to it; the first 47 bytes are kept. What has no name costs nothing for it. A
// name is a small allocation in a table of the process, which a lock guards: for objects that live long. From any goroutine or
// thread. Both throw std::bad_alloc.
#pragma once

#include <concepts>
#include <string_view>

#include <gossamer/detail/chan_core.hpp>

namespace gos {

class condition_variable;
class mutex;
class once;
class shared_mutex;
class wait_group;

namespace detail {

// Forgotten by chan_destroy, and by forget_name. Nothing for null.
void set_name(const void* object, std::string_view name);
void forget_name(const void* object) noexcept;

template <class T>
concept nameable = std::same_as<T, mutex> || std::same_as<T, shared_mutex> || std::same_as<T, wait_group> ||
    std::same_as<T, condition_variable> || std::same_as<T, once>;

}  // namespace detail

namespace runtime {

// Names the channel behind a handle of any direction, in place of the name it had. Nothing for the nil channel.
template <class Handle>
requires requires(const Handle& handle) { detail::chan_access::core(handle); }
void set_name(const Handle& handle, std::string_view name) {
  detail::set_name(detail::chan_access::core(handle), name);
}

// The name of a mutex, shared_mutex, wait_group, condition_variable or once while this object lives. The object must not end
// before: declare its name behind it.
class [[nodiscard]] object_name {
 public:
  template <detail::nameable T> object_name(const T& object, std::string_view name) : object_(&object) {
    detail::set_name(object_, name);
  }
  object_name(const object_name&) = delete;
  object_name& operator=(const object_name&) = delete;
  ~object_name() { detail::forget_name(object_); }

 private:
  const void* const object_;
};

}  // namespace runtime
}  // namespace gos
