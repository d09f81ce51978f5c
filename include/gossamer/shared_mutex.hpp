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
// Source: Go sync/rwmutex.go; contract RW-01..RW-07.
#pragma once

#include <atomic>
#include <cstdint>

namespace gos {

class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  void lock();
  bool try_lock();
  // Fatal if no writer holds it: `fatal error: sync: Unlock of unlocked RWMutex`.
  void unlock();

  void lock_shared();
  // Fails while a writer holds it or waits.
  bool try_lock_shared();
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
  void enter_slow(std::uint32_t mine, std::uint32_t forbidding) noexcept;
  void unlock_slow() noexcept;
  void unlock_shared_slow() noexcept;

  // Bits: writer holds, writers wait, readers wait; below them the number of readers.
  std::atomic<std::uint32_t> word_{0};
  // Only their addresses are used: to tell ThreadSanitizer the two kinds of edges, and to queue under.
  [[maybe_unused]] std::uint8_t readers_ = 0;
  [[maybe_unused]] std::uint8_t writers_ = 0;
};

}  // namespace gos
