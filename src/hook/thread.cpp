// thread: pthread_join, and so std::thread::join.
//
// A thread that may be joined is started through a function of ours, which says when the thread's own function has ended: in a
// record that is found by the thread's handle. A goroutine that joins waits for that, and only then calls pthread_join, which
// has to wait for no more than the end of the thread's thread-locals. Who joins without a record (threads of C11, and those of
// the C library) holds a thread.
//
// INV1 A record is in the table from the start of the thread, or from the return of pthread_create if that is earlier, until
//      it has been joined or detached. It belongs to the table and to the thread; references counts those, and who joins.
// INV2 The table's lock is the C library's, which no hook sees; nothing is called under it.
//
// Rejected: pidfds of threads, which a kernel has since 6.9 and which need the thread's number. To park in
// pthread_once: std::call_once leaves the function to call in a thread_local.
#include <cstddef>
#include <new>

#include "hook/here.hpp"
#include "hook/libc.hpp"
#include "hook/waiting.hpp"

namespace gos::rt {

namespace {

struct thread_record {
  void* (*body)(void*);
  void* argument;
  pthread_t thread{};
  std::atomic<bool> ended{false};
  std::atomic<int> references{1};
  bool listed = false;  // under the table's lock, as the next three
  bool removed = false;
  thread_record* next = nullptr;
};

class record_table {
 public:
  void add(thread_record& record, pthread_t thread) noexcept {
    const guard locked;
    if (record.listed || record.removed) return;
    record.thread = thread;
    record.listed = true;
    // relaxed: under the lock.
    record.references.fetch_add(1, std::memory_order_relaxed);
    thread_record*& first = bucket(thread);
    record.next = first;
    first = &record;
  }

  // Not by the handle: that may be another thread's by the time that this one is joined.
  void remove(thread_record& record) noexcept;

  // With a reference; null: there is none.
  thread_record* find(pthread_t thread) noexcept {
    const guard locked;
    thread_record* record = bucket(thread);
    while (record != nullptr && ::pthread_equal(record->thread, thread) == 0) record = record->next;
    if (record != nullptr) record->references.fetch_add(1, std::memory_order_relaxed);  // relaxed: under the lock
    return record;
  }

 private:
  struct guard {
    guard() noexcept { libc::pthread_mutex_lock(&lock_); }
    ~guard() { libc::pthread_mutex_unlock(&lock_); }
  };

  static thread_record*& bucket(pthread_t thread) noexcept {
    constexpr std::size_t buckets = 64;
    static constinit thread_record* table[buckets];
    return table[(static_cast<std::uintptr_t>(thread) * 0x9e3779b97f4a7c15U) >> 58];
  }

  static constinit pthread_mutex_t lock_;
};
constinit pthread_mutex_t record_table::lock_ = PTHREAD_MUTEX_INITIALIZER;
constinit record_table records;

void drop(thread_record* record) noexcept {
  // acq_rel: the last who drops it comes after all others.
  if (record->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete record;
}

void record_table::remove(thread_record& record) noexcept {
  {
    const guard locked;
    record.removed = true;
    if (!record.listed) return;
    thread_record** link = &bucket(record.thread);
    while (*link != &record) link = &(*link)->next;
    *link = record.next;
    record.listed = false;
  }
  drop(&record);
}

// A reference to the record of a thread; empty if there is none.
class found_record {
 public:
  explicit found_record(pthread_t thread) noexcept : record_(records.find(thread)) {}
  ~found_record() {
    if (record_ != nullptr) drop(record_);
  }
  found_record(const found_record&) = delete;
  found_record& operator=(const found_record&) = delete;

  void remove() const noexcept {
    if (record_ != nullptr) records.remove(*record_);
  }

  // Until the thread's function has ended, or the time is up.
  void wait(std::int64_t deadline_ns) const noexcept {
    if (record_ == nullptr) return;
    const auto lives = [this] { return !record_->ended.load(std::memory_order_acquire); };  // acquire: pairs with ~ending()
    waited how = waited::woken;
    while (lives() && how != waited::timed_out) {
      how = wait_at(record_, wait_reason::pthread_join, deadline_ns, false, lives);
    }
  }

 private:
  thread_record* const record_;
};

// However the thread's function ends: it returns, calls pthread_exit, or is cancelled.
struct ending {
  thread_record* record;
  ~ending() {
    // release: pairs with wait_for(). Before the look at who waits.
    record->ended.store(true, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // seq_cst: INV1 of waiting.hpp
    wake_all(record);
    drop(record);
  }
};

void* thread_body(void* argument) {
  auto* const record = static_cast<thread_record*>(argument);
  records.add(*record, ::pthread_self());
  const ending at_end{record};
  return record->body(record->argument);
}

bool is_joinable(const pthread_attr_t* attributes) noexcept {
  int state = PTHREAD_CREATE_JOINABLE;
  if (attributes != nullptr) ::pthread_attr_getdetachstate(attributes, &state);
  return state == PTHREAD_CREATE_JOINABLE;
}

bool hooked(pthread_t thread) noexcept {
  return may_park() && in_home_process() && ::pthread_equal(thread, ::pthread_self()) == 0;
}

template <class Join> int join_until(pthread_t thread, std::int64_t deadline_ns, Join&& join) {
  const found_record record(thread);
  if (hooked(thread)) record.wait(deadline_ns);
  const int result = may_park() ? in_section(join) : join();
  if (result == 0) record.remove();
  return result;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int pthread_create(pthread_t* __restrict thread, const pthread_attr_t* __restrict attributes, void* (*body)(void*),
                   void* __restrict argument) noexcept {
  thread_record* const record = is_joinable(attributes) ? new (std::nothrow) thread_record{body, argument} : nullptr;
  if (record == nullptr) return libc::pthread_create(thread, attributes, body, argument);
  record->references.store(2, std::memory_order_relaxed);  // relaxed: nobody else has it; the thread's, and ours until it is listed
  const int result = libc::pthread_create(thread, attributes, thread_body, record);
  if (result == 0) {
    records.add(*record, *thread);
  } else {
    drop(record);
  }
  drop(record);
  return result;
}

int pthread_join(pthread_t thread, void** value) {
  return join_until(thread, never_ns, [&] { return libc::pthread_join(thread, value); });
}

int pthread_timedjoin_np(pthread_t thread, void** value, const timespec* until) {
  const std::int64_t deadline_ns = is_valid(*until) ? deadline_at(CLOCK_REALTIME, *until) : 0;
  return join_until(thread, deadline_ns, [&] { return libc::pthread_timedjoin_np(thread, value, until); });
}

int pthread_clockjoin_np(pthread_t thread, void** value, clockid_t clock, const timespec* until) {
  const std::int64_t deadline_ns = is_valid(*until) ? deadline_at(clock, *until) : 0;
  return join_until(thread, deadline_ns, [&] { return libc::pthread_clockjoin_np(thread, value, clock, until); });
}

int pthread_tryjoin_np(pthread_t thread, void** value) noexcept {
  return join_until(thread, 0, [&] { return libc::pthread_tryjoin_np(thread, value); });
}

int pthread_detach(pthread_t thread) noexcept {
  found_record(thread).remove();
  return libc::pthread_detach(thread);
}

}  // extern "C"
