// pool: items that are dear to make, kept between uses.
//
//   gos::pool<std::vector<char>> buffers([] { return std::vector<char>(64 << 10); });
//   std::vector<char> buffer = buffers.get().value();
//   fill(buffer);
//   buffers.put(std::move(buffer));                    // in whatever state the next user can live with
//
// What is put may be got again, last in first out on each processor; or it may be gone: nothing is promised but that one
// item is never in two hands. Items lie in one part for each processor (at most 64), found by where the caller runs, each
// with a lock of its own. Who finds a part taken goes on to the next; only put waits, when it finds all of them taken.
//
// Trimming. An item that has lain unused for a while is destroyed, by these rules:
// - trim() destroys what nobody has needed since the last trim(): of each part as many items as always lay there.
//  Go drops items after two garbage collections; call trim now and then (from a ticker) where memory matters.
// - put does the same for its part once in 4096 calls. So a peak is forgotten while the pool is in use.
// - A pool that nobody touches keeps what it has, until clear() or its destructor.
// Dropped items are destroyed by the goroutine or thread that calls, outside of all locks.
//
// All members may be called from any goroutine or plain thread at the same time. `make` runs, and may use the pool, outside
// of all locks. T must be nothrow destructible. If its move cannot throw, items are moved under a part's lock: the move,
// and the destructor of what was moved from, must not use the pool. Others are kept behind a pointer.
// Lifetime: whoever uses the pool must have returned before it is destroyed; what it holds is destroyed with it.
// Ordering: put(x) happens before the get that returns x.
//
// Source: Go sync/pool.go; contract PO-01, PO-02, MM-09.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <gossamer/mutex.hpp>

namespace gos {

namespace detail {

// How many parts a pool has on this machine: a power of two.
std::size_t pool_parts() noexcept;
// A number that belongs to the processor (or plain thread) on which the caller runs just now.
std::size_t pool_here() noexcept;

// What compares to nullptr and can be empty: pointers, smart pointers, function wrappers, channels.
template <class T>
concept can_be_null = requires(const T& t) {
  { t == nullptr } -> std::convertible_to<bool>;
  static_cast<bool>(t);
};

}  // namespace detail

template <class T> class pool {
  static_assert(std::is_object_v<T> && std::move_constructible<T>, "a pool holds movable objects");
  static_assert(std::is_nothrow_destructible_v<T>, "a pool destroys what nobody wants");

 public:
  // get gives nothing when the pool has nothing.
  pool() : pool(std::function<T()>()) {}
  // get makes an item when the pool has none. An empty function: as without.
  explicit pool(std::function<T()> make)
      : make_(std::move(make)), count_(detail::pool_parts()), parts_(std::make_unique<part[]>(count_)) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  // An item that was put, or the result of make, or nothing. What make throws passes through.
  std::optional<T> get() {
    const std::size_t here = detail::pool_here();
    for (std::size_t i = 0; i < count_; ++i) {
      if (std::optional<T> item = parts_[(here + i) & (count_ - 1)].get()) return item;
    }
    if (make_) return make_();
    return std::nullopt;
  }

  // Gives an item to whoever asks next. Null pointers, null smart pointers, empty functions and nil channels are ignored.
  // If there is no memory to keep it, the item is destroyed.
  void put(T item) {
    if constexpr (detail::can_be_null<T>) {
      if (item == nullptr) return;
    }
    try {
      keep(wrap(std::move(item)));
    } catch (const std::bad_alloc&) {
      // Items may disappear at any time.
    }
  }

  // Destroys what has lain idle since the last call, see above. Returns how many items that were.
  std::size_t trim() { return drop_all(&part::take_idle); }

  // Destroys all items that lie here now. Returns how many.
  std::size_t clear() { return drop_all(&part::take_all); }

 private:
  static constexpr bool direct = std::is_nothrow_move_constructible_v<T>;
  using stored = std::conditional_t<direct, T, std::unique_ptr<T>>;
  static constexpr std::size_t puts_between_trims = 4096;

  static stored wrap(T&& item) {
    if constexpr (direct) return std::move(item);
    else return std::make_unique<T>(std::move(item));
  }
  static T unwrap(stored&& item) {
    if constexpr (direct) return std::move(item);
    else return std::move(*item);
  }

  struct alignas(64) part {
    std::optional<T> get() {
      // relaxed: a hint, which saves the lock of empty parts.
      if (size.load(std::memory_order_relaxed) == 0) return std::nullopt;
      std::optional<stored> item;
      {
        const std::unique_lock guard(lock, std::try_to_lock);
        if (!guard || items.empty()) return std::nullopt;
        item.emplace(std::move(items.back()));
        items.pop_back();
        low = std::min(low, items.size());
        publish_size();
      }
      return unwrap(std::move(*item));
    }

    // The lock is held. Moves the item in, and what is to be dropped out into `idle`.
    void put(stored&& item, std::vector<stored>& idle) {
      items.push_back(std::move(item));
      publish_size();
      if (++puts % puts_between_trims == 0) take_idle(idle);
    }

    // The lock is held. What has always been there since the last time: the oldest, at the bottom.
    void take_idle(std::vector<stored>& idle) {
      take(low, idle);
      low = items.size();
    }
    void take_all(std::vector<stored>& idle) {
      take(items.size(), idle);
      low = 0;
    }

    // The first n leave, with nothing but moves into new places.
    void take(std::size_t n, std::vector<stored>& idle) {
      if (n == 0) return;
      std::vector<stored> rest;
      rest.reserve(items.size() - n);
      idle.reserve(idle.size() + n);
      for (std::size_t i = 0; i < items.size(); ++i) (i < n ? idle : rest).push_back(std::move(items[i]));
      items.swap(rest);
      publish_size();
    }

    void publish_size() {
      // relaxed: a hint.
      size.store(items.size(), std::memory_order_relaxed);
    }

    mutex lock;
    std::atomic<std::size_t> size{0};
    // Guarded by lock. low: the fewest items since the last take_idle.
    std::vector<stored> items;
    std::size_t low = 0;
    std::size_t puts = 0;
  };

  void keep(stored&& item) {
    std::vector<stored> idle;  // destroyed when the lock is free
    const std::size_t here = detail::pool_here();
    for (std::size_t i = 0; i < count_; ++i) {
      part& each = parts_[(here + i) & (count_ - 1)];
      const std::unique_lock guard(each.lock, std::try_to_lock);
      if (guard) return each.put(std::move(item), idle);
    }
    part& mine = parts_[here & (count_ - 1)];
    const std::lock_guard guard(mine.lock);
    mine.put(std::move(item), idle);
  }

  std::size_t drop_all(void (part::*take)(std::vector<stored>&)) {
    std::vector<stored> idle;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::lock_guard guard(parts_[i].lock);
      (parts_[i].*take)(idle);
    }
    return idle.size();
  }

  const std::function<T()> make_;
  const std::size_t count_;
  const std::unique_ptr<part[]> parts_;
};

}  // namespace gos
