// chan_core: the seam between the typed channel handles and the untyped channel in src/chan.
//
// Declarations only. A handle is one pointer to a counted chan_core (null: the nil channel); what
// an element is, the core learns from an element_type. Elements are moved under the channel's lock
// by a nothrow move, with the end of what was moved from, or by copying their bytes; nothing else of
// the user's runs there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace gos::detail {

// How an element is moved. The raw ones are trivially copyable, of that many bytes.
enum class element_kind : std::uint8_t { raw_0, raw_1, raw_2, raw_4, raw_8, raw_16, raw_any, object };

struct element_type {
  std::size_t size;
  std::size_t alignment;
  element_kind kind;
  // For element_kind::object, else null.
  void (*move)(void* to, void* from) noexcept;      // constructs *to from *from, which stays an object
  void (*relocate)(void* to, void* from) noexcept;  // the same, and *from ends
  void (*destroy)(void* element) noexcept;
};

template <class T> consteval element_kind element_kind_of() {
  if constexpr (!std::is_trivially_copyable_v<T>) return element_kind::object;
  else if constexpr (std::is_empty_v<T>) return element_kind::raw_0;
  else if constexpr (sizeof(T) == 1) return element_kind::raw_1;
  else if constexpr (sizeof(T) == 2) return element_kind::raw_2;
  else if constexpr (sizeof(T) == 4) return element_kind::raw_4;
  else if constexpr (sizeof(T) == 8) return element_kind::raw_8;
  else if constexpr (sizeof(T) == 16) return element_kind::raw_16;
  else return element_kind::raw_any;
}

template <class T> consteval element_type make_element_type() {
  if constexpr (std::is_void_v<T>) {
    return {0, 1, element_kind::raw_0, nullptr, nullptr, nullptr};
  } else {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>,
                  "an element is a plain object");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "elements of a channel must be nothrow-movable: wrap the type in a std::unique_ptr");
    constexpr element_kind kind = element_kind_of<T>();
    if constexpr (kind != element_kind::object) {
      return {kind == element_kind::raw_0 ? 0 : sizeof(T), alignof(T), kind, nullptr, nullptr, nullptr};
    } else {
      return {sizeof(T),
              alignof(T),
              kind,
              [](void* to, void* from) noexcept { ::new (to) T(std::move(*static_cast<T*>(from))); },
              [](void* to, void* from) noexcept {
                ::new (to) T(std::move(*static_cast<T*>(from)));
                std::destroy_at(static_cast<T*>(from));
              },
              [](void* element) noexcept { std::destroy_at(static_cast<T*>(element)); }};
    }
  }
}

template <class T> inline constexpr element_type element_type_of = make_element_type<T>();

// What the handles see of a channel: the rest is rt::channel in src/chan/channel.hpp.
struct chan_core {
  std::atomic<std::uint32_t> references{1};
};

// All may be called from any goroutine or thread. None keeps an element pointer after it returned.

// A new channel with one reference. Panics with `makechan: size out of range`; throws std::bad_alloc.
chan_core* chan_make(std::size_t capacity, const element_type& type);
// The last reference is gone: destroys what was never received. Outside kernel mode.
void chan_destroy(chan_core* core) noexcept;

class chan_handle;

// Moves *element into the channel or to a receiver. Blocks; on nil for ever. Panics with `send on
// closed channel`, and then *element is untouched. While it blocks, reports find the handle where it lies: who waits has it.
void chan_send(const chan_handle& by, void* element);
// The same without blocking: false, and *element untouched, if it would block.
bool chan_try_send(chan_core* core, void* element);
// Whether chan_try_send would do something else than return false, at this moment.
bool chan_can_send(chan_core* core) noexcept;
// Constructs the next element in the raw memory at `to`: true. False: closed and drained. On nil it
// blocks for ever.
bool chan_recv(const chan_handle& by, void* to);
// The same by no handle.
void chan_send_on(chan_core* core, void* element);
bool chan_recv_on(chan_core* core, void* to);
enum class recv_outcome : std::uint8_t { empty, closed, received };
recv_outcome chan_try_recv(chan_core* core, void* to) noexcept;
// Panics with `close of closed channel` or `close of nil channel`.
void chan_close(chan_core* core);
// 0 for nil.
std::size_t chan_size(const chan_core* core) noexcept;
std::size_t chan_capacity(const chan_core* core) noexcept;

// The one pointer that every handle is.
class chan_handle {
 public:
  constexpr chan_handle() noexcept = default;
  // Takes over one reference.
  explicit chan_handle(chan_core* counted) noexcept : core_(counted) {}
  chan_handle(const chan_handle& other) noexcept : core_(other.core_) { retain(core_); }
  chan_handle(chan_handle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  chan_handle& operator=(const chan_handle& other) noexcept {
    chan_handle(other).swap(*this);
    return *this;
  }
  chan_handle& operator=(chan_handle&& other) noexcept {
    chan_handle(std::move(other)).swap(*this);
    return *this;
  }
  ~chan_handle() {
    release(core_);
    // What was a handle must not look like one: reports count those that lie in a goroutine's callable.
    core_ = nullptr;
    __asm__ volatile("" : : "m"(core_));
  }

  void swap(chan_handle& other) noexcept { std::swap(core_, other.core_); }
  chan_core* get() const noexcept { return core_; }
  [[nodiscard]] chan_core* detach() noexcept { return std::exchange(core_, nullptr); }

  static void retain(chan_core* core) noexcept {
    // relaxed: who copies a handle has one already, so the channel stays.
    if (core != nullptr) core->references.fetch_add(1, std::memory_order_relaxed);
  }
  static void release(chan_core* core) noexcept {
    // release: what was done with the channel happens before its end. Only that: dropping a handle orders nothing else.
    if (core != nullptr && core->references.fetch_sub(1, std::memory_order_release) == 1) {
      // acquire: pairs with the drops of all others.
      static_cast<void>(core->references.load(std::memory_order_acquire));
      chan_destroy(core);
    }
  }

 private:
  chan_core* core_ = nullptr;
};

// How library code makes handles from cores and looks into handles.
struct chan_access {
  template <class Handle> static chan_core* core(const Handle& handle) noexcept {
    return handle.handle_.get();
  }
  template <class Handle> static const chan_handle& handle(const Handle& handle) noexcept {
    return handle.handle_;
  }
  template <class Handle> static chan_core* detach(Handle&& handle) noexcept {
    return handle.handle_.detach();
  }
  // Takes over one reference of core.
  template <class Handle> static Handle make(chan_core* core) noexcept { return Handle(chan_handle(core)); }
};

}  // namespace gos::detail
