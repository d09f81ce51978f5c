// local: a value of its own for each goroutine, the thread_local of goroutines.
//
//   gos::goroutine_local<request_id> current;      // usually a global
//   *current = id;                                 // this goroutine's
//
// A thread_local belongs to the thread, and a goroutine may change threads in any call into the library: use this
// instead. A plain thread has values of its own too. New goroutines do not inherit values.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gos {

namespace detail {

// A value of one goroutine, linked to the one made before it.
struct local_value {
  local_value() = default;
  local_value(const local_value&) = delete;
  local_value& operator=(const local_value&) = delete;
  virtual ~local_value() = default;
  std::uint64_t id = 0;
  local_value* older = nullptr;
};

template <class T> struct local_value_of final : local_value {
  template <class... A> explicit local_value_of(A&&... a) : value(std::forward<A>(a)...) {}
  T value;
};

std::uint64_t local_new_id() noexcept;
// The caller's value for this id, or null.
local_value* local_find(std::uint64_t id) noexcept;
// Gives the caller a value for an id that has none. Takes over `made`, also when it throws (bad_alloc).
void local_insert(std::uint64_t id, local_value* made);

}  // namespace detail

// One value of type T for each goroutine and each plain thread, made at the first access: a copy of `initial`, or T().
//
// Any goroutine or thread may use it at any time; what it gets is its own and stays at its address until the goroutine
// (or thread) ends, which destroys its values there, the youngest first. The goroutine_local itself may go earlier; the
// values stay until then. An access to a value that has been destroyed makes a new one. Throws what making the value
// throws, and std::bad_alloc.
template <class T> class goroutine_local {
  static_assert(std::is_object_v<T> && !std::is_array_v<T>, "a goroutine_local holds an object");

 public:
  goroutine_local() requires std::default_initializable<T> : id_(detail::local_new_id()) {}
  explicit goroutine_local(T initial) requires std::copy_constructible<T> : id_(detail::local_new_id()),
                                                                            initial_(std::move(initial)) {}
  goroutine_local(const goroutine_local&) = delete;
  goroutine_local& operator=(const goroutine_local&) = delete;

  T& operator*() const { return get(); }
  T* operator->() const { return std::addressof(get()); }

 private:
  T& get() const {
    detail::local_value* found = detail::local_find(id_);
    if (found == nullptr) [[unlikely]]
      found = make();
    return static_cast<detail::local_value_of<T>*>(found)->value;
  }

  [[gnu::noinline]] detail::local_value* make() const {
    detail::local_value* const made = new_value();
    detail::local_insert(id_, made);
    return made;
  }

  detail::local_value* new_value() const {
    if constexpr (std::copy_constructible<T>) {
      if (initial_.has_value()) return new detail::local_value_of<T>(*initial_);
    }
    if constexpr (std::default_initializable<T>) {
      return new detail::local_value_of<T>();
    } else {
      std::unreachable();  // without a default there is always an initial value
    }
  }

  std::uint64_t id_;
  std::optional<T> initial_;
};

}  // namespace gos
