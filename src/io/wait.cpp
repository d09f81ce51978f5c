// wait: readiness of descriptors of somebody else, alone or as an arm of a select.
//
// Each wait watches a duplicate of the descriptor. epoll knows a watch by descriptor and open file, so waits for one
// file, ours on a connection's handle included, do not collide, and a descriptor that is closed by its owner meanwhile and
// given to another file does not confuse anybody.
//
// INV1 The memory of an fd_watch is never given back (poll_source.hpp): an event that comes late finds a watch that is
//      unused, or used for another descriptor. So an event is only a reason to look, and a look at the watch's own
//      descriptor decides, under the watch's lock.
// INV2 shared is set while an arm is joined. Who takes the claim does so under the lock; after leave() the frame of the
//      select is not touched.
// INV3 A watch is registered before the look in join(), so readiness that comes after the look brings an event.
// Rejected: a table of shared watches by number, which saves two system calls of 0.2 us beside a park, and would have to
// learn of every close.
#include <gossamer/fd.hpp>

#include <cerrno>
#include <system_error>

#include "io/kernel_calls.hpp"
#include "io/lasting_pool.hpp"
#include "park/park.hpp"
#include "sched/poll_source.hpp"
#include "sched/wait_note.hpp"

namespace gos {

namespace {

using namespace gos::rt;

struct fd_watch : poll_source, pooled<fd_watch> {
  fd_watch() noexcept {
    on_event = event;
    describe = describe_watch;
  }

  // By the number that the program knows it by.
  static void describe_watch(const poll_source* source, const goroutine*, wait_note& note) noexcept {
    const auto* watch = static_cast<const fd_watch*>(source);
    note.add("descriptor %d to become %s", watch->shown_fd,
             watch->for_writing ? "writable" : "readable");
  }

  // Takes ownership of the descriptor. User mode. 0 or an errno value.
  int open(int descriptor, int shown, bool writing) noexcept {
    {
      kernel_section kernel;
      spin_guard guard(lock);
      fd = descriptor;
      shown_fd = shown;
      for_writing = writing;
    }
    return poll_register(*this, descriptor);
  }
  void close() noexcept {
    poll_unregister(fd);
    kernel_calls::close(fd);
    kernel_section kernel;
    spin_guard guard(lock);
    fd = -1;
  }

  // The lock is held.
  bool is_ready() const noexcept { return fd >= 0 && kernel_calls::is_ready(fd, for_writing) != 0; }

  static void event(poll_source* source, std::uint32_t) noexcept {
    auto* watch = static_cast<fd_watch*>(source);
    goroutine* woken = nullptr;
    {
      spin_guard guard(watch->lock);
      if (watch->shared != nullptr && watch->is_ready() && watch->shared->take(watch->arm)) woken = watch->gp;
    }
    if (woken != nullptr) ready(woken);
  }

  spin_lock lock;  // guards all below
  int fd = -1;
  int shown_fd = -1;  // the program's number of the same file
  bool for_writing = false;
  claim* shared = nullptr;
  goroutine* gp = nullptr;
  std::uint32_t arm = 0;
};

constinit lasting_pool<fd_watch> pool;

// What an arm needs the system for has failed.
[[noreturn]] void failed(int number) { throw std::system_error(number, std::system_category(), "wait"); }

class fd_object final : public detail::select_object {
 public:
  // Regular files are ready at once: they must not be duplicated, since closing would drop their locks.
  fd_object(int fd, bool for_writing) : fd_(fd), for_writing_(for_writing) {
    if (kernel_calls::is_ready(fd, for_writing) != 0) return;
    const int own = kernel_calls::duplicate(fd);
    if (own < 0) failed(-own);
    try {
      watch_ = pool.take();
    } catch (...) {
      kernel_calls::close(own);
      throw;
    }
    const int number = watch_->open(own, fd, for_writing);
    if (number == 0) return;
    retire();
    failed(number);
  }
  ~fd_object() override {
    if (watch_ != nullptr) retire();
  }

  bool try_take() noexcept override { return kernel_calls::is_ready(fd_, for_writing_) != 0; }

  bool join(claim& shared, goroutine* gp, std::uint32_t arm) noexcept override {
    if (watch_ == nullptr) return shared.take(arm);  // it was ready when the select began
    poll_waiters_add(1);
    spin_guard guard(watch_->lock);
    watch_->shared = &shared;
    watch_->gp = gp;
    watch_->arm = arm;
    return watch_->is_ready() && shared.take(arm);
  }

  void leave(bool) noexcept override {
    if (watch_ == nullptr) return;
    {
      spin_guard guard(watch_->lock);
      watch_->shared = nullptr;
    }
    poll_waiters_add(-1);
  }

  std::uint8_t reason() const noexcept override { return static_cast<std::uint8_t>(wait_reason::io_wait); }
  const void* address() const noexcept override { return static_cast<const poll_source*>(watch_); }

 private:
  void retire() noexcept {
    watch_->close();
    pool.put(watch_);
  }

  const int fd_;
  const bool for_writing_;
  fd_watch* watch_ = nullptr;
};

template <bool for_writing> void make_fd_object(void* to, void* from) {
  static_assert(sizeof(fd_object) <= detail::select_object_room);
  ::new (to) fd_object(static_cast<int>(static_cast<const detail::select_arm*>(from)->number), for_writing);
}

}  // namespace

detail::select_arm detail::fd_arm(int fd, bool for_writing) noexcept {
  select_arm arm;
  arm.kind = select_kind::object;
  arm.number = fd;
  arm.construct = for_writing ? make_fd_object<true> : make_fd_object<false>;
  return arm;
}

// `why`: the error when the limit came first.
result<void> detail::wait_fd(int fd, bool for_writing, const select_arm* limit, std::error_code why) {
  const int ready = kernel_calls::is_ready(fd, for_writing);
  if (ready > 0) return {};
  if (ready < 0) return std::unexpected(error(std::error_code(-ready, std::system_category()), "wait"));
  const select_arm arm = fd_arm(fd, for_writing);
  const select_arm* const arms[] = {&arm, limit};
  try {
    if (select_run(arms, limit == nullptr ? 1 : 2) == 0) return {};
  } catch (const std::system_error& e) { return std::unexpected(error(e.code(), "wait")); }
  return std::unexpected(error(why, "wait"));
}

result<void> net::wait_readable(int fd) { return detail::wait_fd(fd, false, nullptr, {}); }
result<void> net::wait_writable(int fd) { return detail::wait_fd(fd, true, nullptr, {}); }

}  // namespace gos
