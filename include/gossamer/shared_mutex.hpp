// shared_mutex: many readers or one writer.
//
//   std::shared_lock reading(table_lock);
//   std::unique_lock writing(table_lock);
//
// For goroutines and plain threads alike. It has no owner, is not recursive (a second read lock in one goroutine
// deadlocks if a writer comes in between), and cannot be upgraded. Waiting writers keep new readers out; an unlocking
// writer lets in the readers that queued during its hold, before the next writer.
// Lifetime: may be destroyed as soon as it is unlocked and nobody is about to lock it.
// Ordering: from each writer to all later holders, from each reader to later writers; not between readers. A failed try
// orders nothing.
//
// Both ways of holding it can be waited for with a limit: a time, or a stop condition (std::stop_token, gos::context), in
// the spelling of std::shared_timed_mutex, so std::unique_lock's and std::shared_lock's constructors for times work;
// gos::locked and gos::locked_shared (arms.hpp) make them arms of a select.
//
// Source: Go sync/rwmutex.go; contract RW-01..RW-07.
#pragma once

#include <atomic>
#include <cstdint>

#include <gossamer/detail/limit.hpp>

namespace gos {

namespace rt {
struct sleeper;
}

namespace detail {
class shared_mutex_object;
struct lock_access;  // for reports: who holds it; src/sync/holders.hpp
void make_shared_mutex_writer(void* to, void* from);
void make_shared_mutex_reader(void* to, void* from);
}  // namespace detail

class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  void lock();
  bool try_lock();
  // Waiting for at most d, or until `when`. False: the time was up first.
  template <any_duration D> [[nodiscard]] bool try_lock_for(const D& d) {
    return try_lock() || detail::wait_within(writer_arm(), detail::limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, D>& when) {
    return try_lock() || detail::wait_within(writer_arm(), detail::limit_until(when));
  }
  // Waits unless `stop` comes first. A std::stop_token: true if it was locked. A context: empty if it was, else the
  // context's err(). If the condition holds already, nothing is taken.
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> lock(const S& stop) {
    return detail::wait_unless(
        stop, [this] { return try_lock(); }, writer_arm());
  }
  // Fatal if no writer holds it: `fatal error: sync: Unlock of unlocked RWMutex`.
  void unlock();

  void lock_shared();
  // Fails while a writer holds it or waits.
  bool try_lock_shared();
  // The same limits as for lock().
  template <any_duration D> [[nodiscard]] bool try_lock_shared_for(const D& d) {
    return try_lock_shared() || detail::wait_within(reader_arm(), detail::limit_after(d));
  }
  template <class Clock, class D>
  [[nodiscard]] bool try_lock_shared_until(const std::chrono::time_point<Clock, D>& when) {
    return try_lock_shared() || detail::wait_within(reader_arm(), detail::limit_until(when));
  }
  template <detail::stop_condition S> [[nodiscard]] detail::stop_result<S> lock_shared(const S& stop) {
    return detail::wait_unless(
        stop, [this] { return try_lock_shared(); }, reader_arm());
  }
  // Fatal if no reader holds it: `fatal error: sync: RUnlock of unlocked RWMutex`.
  void unlock_shared();

  // The read side as a plain lock, for std::lock_guard and the like. Valid as long as the shared_mutex.
  class reader_view {
   public:
    void lock() { mutex_->lock_shared(); }
    bool try_lock() { return mutex_->try_lock_shared(); }
    void unlock() { mutex_->unlock_shared(); }

   private:
    friend class shared_mutex;
    explicit reader_view(shared_mutex& mutex) noexcept : mutex_(&mutex) {}
    shared_mutex* mutex_;
  };
  reader_view reader() noexcept { return reader_view(*this); }

 private:
  friend class detail::shared_mutex_object;
  friend struct detail::lock_access;
  friend struct detail::select_access;

  detail::select_arm writer_arm() const noexcept {
    return detail::object_arm(this, detail::make_shared_mutex_writer);
  }
  detail::select_arm reader_arm() const noexcept {
    return detail::object_arm(this, detail::make_shared_mutex_reader);
  }
  // Addresses that tell the two kinds of waiters apart, to queue under, and of edges, for ThreadSanitizer.
  const void* readers() const noexcept { return &writer_; }
  const void* writers() const noexcept { return reinterpret_cast<const unsigned char*>(&writer_) + 1; }
  bool enter_or_queue(rt::sleeper& me, std::uint32_t mine) noexcept;
  void enter_slow(std::uint32_t mine) noexcept;
  rt::sleeper* pass_on(bool to_readers_first) noexcept;
  std::uint32_t queue_bits() const noexcept;
  void leave_queue(rt::sleeper& me) noexcept;
  bool try_leave(rt::sleeper& me, rt::sleeper*& released) noexcept;
  void unlock_slow() noexcept;
  void unlock_shared_slow() noexcept;

  // Bits: writer holds, writers wait, readers wait; below them the number of readers.
  std::atomic<std::uint32_t> word_{0};
  // The writer that holds it, a detail::holder_word; 0 while there is none, or it enters or leaves. For reports.
  std::atomic<std::uint32_t> writer_{0};
};

}  // namespace gos
